// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// windowsFolders gives the folders of a script access rights of Windows, as the text of security descriptors in $rights, by path: a new
// folder inherits the entries of its parent that are for containers and belongs to the account that creates it, and that with a
// descriptor has it from the start.
// https://learn.microsoft.com/windows/win32/secauthz/ace-inheritance-rules
// https://learn.microsoft.com/windows/win32/secauthz/ace-strings
const windowsFolders = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
$self = 'S-1-5-21-1-2-3-1101'
$other = 'S-1-5-21-1-2-3-1102'
$recorded = 'S-1-5-21-1-2-3-1103'
$sids = @{ SY = 'S-1-5-18'; BA = 'S-1-5-32-544'; HA = 'S-1-5-32-578'; BU = 'S-1-5-32-545'; WD = 'S-1-1-0'; CO = 'S-1-3-0'; self = $self; other = $other; recorded = $recorded }
$masks = @{ FA = 0x1f01ff; FR = 0x120089; FX = 0x1200a0; RX = 0x1200a9; GA = 0x10000000; GR = -2147483648; WDACL = 0x40000; add = 0x6; DE = 0x10000 }
$closed = 'D:P(A;OICI;FA;SY)(A;OICI;FA;BA)(A;OICI;FA;HA)(A;OICI;FA;self)'
# The default of a folder in ProgramData that a user created.
$programData = 'D:AI(A;OICIID;FA;SY)(A;OICIID;FA;BA)(A;OICIIOID;FA;CO)(A;OICIID;RX;BU)(A;CIID;add;BU)'
$root = [System.IO.Path]::GetDirectoryName((Get-DataFolder -Name 'jobs'))
$rights = @{}
function Test-AccessControl { $true }
function Get-AgentSid { $self }
function Get-RecordedSid { $recorded }
function Get-SidName { param($Sid) foreach ($name in $sids.Keys) { if ($sids[$name] -eq $Sid) { return $name } } }
function New-DataFolder { param($Path) $null = [System.IO.Directory]::CreateDirectory($Path); $rights[$Path] = 'O:self' + $closed }
function Get-FolderSecurity {
    param($Path)
    $text = $rights[$Path]
    if (-not $text) { $text = 'O:self' + ($rights[[System.IO.Path]::GetDirectoryName($Path)] -replace '^O:[A-Za-z]+(?=D:)', '') -replace 'D:PA?I?', 'D:AI' }
    $null = $text -match '^O:([A-Za-z]+)D:(.*)'
    $owner = $sids[$Matches[1]]
    $list = $Matches[2]
    if ($list -eq 'NO_ACCESS_CONTROL') { return @{ Owner = $owner; Entries = $null } }
    $entries = @([regex]::Matches($list, '\((\w+);\w*;(\w+);(\w+)\)') | ForEach-Object {
        $kind = @{ A = 'AccessAllowed'; D = 'AccessDenied'; XA = 'AccessAllowedCallback' }[$_.Groups[1].Value]
        @{ Type = $kind; Mask = $masks[$_.Groups[2].Value]; Sid = $sids[$_.Groups[3].Value] }
    })
    return @{ Owner = $owner; Entries = $entries }
}
function Show-Result {
    try { Initialize-DataFolder; 'accepted' } catch { $failure = ConvertTo-AgentFailure -ErrorRecord $_; "$($failure['code']): $($failure['message']); $($failure['remedy'])" }
}
`

func TestADataFolderThatOthersMayWriteToIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var script strings.Builder
	cases := []struct{ name, folder, security, want string }{
		{"a new folder", "", "", "accepted"},
		{"the agent's own", ".", "'O:self' + $closed", "accepted"},
		{"of administrators", ".", "'O:BA' + $closed", "accepted"},
		{"of a recorded account", ".", "'O:recorded' + $closed + '(A;OICI;FA;recorded)'", "accepted"},
		{"others may read", ".", "'O:SY' + $closed + '(A;OICI;RX;BU)(A;;GR;WD)(A;;FR;other)'", "accepted"},
		{"others are denied", ".", "'O:SY' + $closed + '(D;OICI;FA;other)'", "accepted"},
		{"made by a user before the first job", ".", "'O:other' + $programData", "folder %root% is owned by other"},
		{"the owner is set, the list is the maker's and protected", ".", "'O:BA' + $closed + '(A;OICI;FA;other)'", "other may write to folder %root%"},
		{"the list is reset", ".", "'O:BA' + $programData", "CO may write to folder %root%"},
		{"users may add files", ".", "'O:BA' + $closed + '(A;CI;add;BU)'", "BU may write to folder %root%"},
		{"others may change the rights", ".", "'O:BA' + $closed + '(A;;WDACL;other)'", "other may write to folder %root%"},
		{"others may delete", ".", "'O:BA' + $closed + '(A;;DE;other)'", "other may write to folder %root%"},
		{"everything, in generic rights", ".", "'O:BA' + $closed + '(A;;GA;WD)'", "WD may write to folder %root%"},
		{"on a condition", ".", "'O:BA' + $closed + '(XA;;FA;other)'", "other may write to folder %root%"},
		{"no list", ".", "'O:BAD:NO_ACCESS_CONTROL'", "WD may write to folder %root%"},
		{"an empty list", ".", "'O:BAD:P'", "accepted"}, // nobody has access: the next operation fails
		{"jobs of another owner", "jobs", "'O:other' + $closed", "folder %root%/jobs is owned by other"},
		{"lists of files to delete of another owner", "pending", "'O:other' + $closed", "folder %root%/pending is owned by other"},
		{"agents that others may write", "agent", "'O:self' + $closed + '(A;OICI;FA;other)'", "other may write to folder %root%/agent"},
		{"slots of another owner", "slots", "'O:other' + $closed", "folder %root%/slots is owned by other"},
		{"a queue that others may write", "queue", "'O:BA' + $programData", "CO may write to folder %root%/queue"},
	}
	for _, c := range cases {
		script.WriteString("$rights.Clear(); if ([System.IO.Directory]::Exists($root)) { [System.IO.Directory]::Delete($root, $true) }\n")
		if c.folder != "" {
			script.WriteString("New-DataFolder -Path $root\n$at = [System.IO.Path]::GetFullPath([System.IO.Path]::Combine($root, '" + c.folder + "')).TrimEnd('/')\n" +
				"$null = [System.IO.Directory]::CreateDirectory($at); $rights[$at] = " + c.security + "\n")
		}
		script.WriteString("Show-Result\n")
	}
	output, code := f.runScript(windowsFolders + script.String())
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if code != 0 || len(lines) != len(cases) {
		t.Fatalf("exit code %d, %d results for %d cases:\n%s", code, len(lines), len(cases), output)
	}
	root := filepath.Join(f.dir, ".hypervvm")
	for i, c := range cases {
		if want := strings.ReplaceAll(c.want, "%root%", root); !strings.Contains(lines[i], want) {
			t.Errorf("%s: %s, want %s", c.name, lines[i], want)
		}
		if refused := strings.HasPrefix(lines[i], "host_not_ready: "); refused == (c.want == "accepted") {
			t.Errorf("%s: %s", c.name, lines[i])
		}
		if strings.Contains(lines[i], "setowner") {
			t.Errorf("%s: the remedy keeps what others wrote: %s", c.name, lines[i])
		}
	}
}

// TestTheCheckOfAHostReportsADataFolderThatTheAgentRefuses has the parts of Test-HypervvmHost.ps1 with access rights of Windows.
func TestTheCheckOfAHostReportsADataFolderThatTheAgentRefuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	parts, err := filepath.Abs(filepath.Join("tools", "check"))
	f.must(err)
	f.must(os.Mkdir(filepath.Join(f.dir, "data"), 0o700))
	f.must(os.Mkdir(filepath.Join(f.dir, "elsewhere"), 0o700))
	output, code := f.runScript("[System.Environment]::SetEnvironmentVariable('ProgramData', '%dir%/data')\n"+windowsFolders+`
. '%parts%/Report.ps1'
. '%parts%/Folder.ps1'
Initialize-CheckReport -Json -Names @{}
Test-CheckDataFolder
New-DataFolder -Path $root
Test-CheckDataFolder
$jobs = [System.IO.Path]::Combine($root, 'jobs')
$null = [System.IO.Directory]::CreateDirectory($jobs)
$rights[$jobs] = 'O:other' + $closed
Test-CheckDataFolder
$rights[$jobs] = 'O:BA' + $closed + '(A;OICI;FA;other)'
Test-CheckDataFolder
[System.IO.Directory]::Delete($jobs)
$null = New-Item -ItemType SymbolicLink -Path $jobs -Target '%dir%/elsewhere'
Test-CheckDataFolder
`, "%dir%", f.dir, "%parts%", parts)
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if code != 0 || len(lines) != 5 {
		t.Fatalf("exit code %d:\n%s", code, output)
	}
	for i, want := range []string{
		"its first session creates the data folder", "The account can write", `hypervvm\\jobs: an account that is neither`,
		"may write to it", "it is a link",
	} {
		if status := map[bool]string{true: "pass", false: "fail"}[i < 2]; !strings.Contains(lines[i], want) || !strings.Contains(lines[i], `"status":"`+status+`"`) {
			t.Errorf("%s, want %s and %q", lines[i], status, want)
		}
	}
}

// TestAJobThatOthersWroteIsNotUndone plants a job whose undo would delete a folder.
func TestAJobThatOthersWroteIsNotUndone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.victim()
	output, code := f.runScript(windowsFolders+`
New-DataFolder -Path $root
$rights[$root] = 'O:other' + $programData
$id = 'a0000000-0000-4000-8000-000000000001'
$null = [System.IO.Directory]::CreateDirectory((Get-JobFolder -Key $id))
[System.IO.File]::WriteAllText((Get-JobFile -Key $id -Name 'claim'), '')
$context = New-JobContext -Key $id -Agent ''
$job = New-AgentJob -Id $id -Definition @{ Operation = 'provision'; Fields = @{ vm_name = 'web' } }
$job.State = 'running'
$job.Journal.Folder = '%dir%/victim'
$null = $job.Journal.Files.Add('%dir%/victim/precious.txt')
Save-JobState -Context $context -Job $job
foreach ($call in { Invoke-AgentCleanup -Context $context }, { Repair-OrphanedJob -Context $context -Argument $id }) {
    try { & $call; 'undone' } catch { (ConvertTo-AgentFailure -ErrorRecord $_)['message'] }
}
`, "%dir%", f.dir)
	f.wantOutput(output, code, 0, "is owned by other")
	if strings.Contains(output, "undone") {
		t.Errorf("a job that others wrote was undone:\n%s", output)
	}
}

func TestADataFolderThatIsALinkIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root, elsewhere := filepath.Join(f.dir, ".hypervvm"), filepath.Join(f.dir, "elsewhere")
	f.must(os.Mkdir(elsewhere, 0o700))
	f.must(os.Symlink(elsewhere, root))
	output, code := f.runScript(`. '%agent%'
$ErrorActionPreference = 'Stop'
$root = [System.IO.Path]::GetDirectoryName((Get-DataFolder -Name 'jobs'))
foreach ($folder in $root, "$root/jobs", "$root/agent", "$root/slots") {
    try { Initialize-DataFolder; 'accepted' } catch { (ConvertTo-AgentFailure -ErrorRecord $_)['message'] }
    if ($folder -eq $root) { [System.IO.File]::Delete($root); Initialize-DataFolder; continue }
    [System.IO.Directory]::Delete($folder)
    $null = [System.IO.Directory]::CreateSymbolicLink($folder, '%elsewhere%')
    try { Initialize-DataFolder; 'accepted' } catch { (ConvertTo-AgentFailure -ErrorRecord $_)['message'] }
    [System.IO.File]::Delete($folder)
}
`, "%elsewhere%", elsewhere)
	for _, folder := range []string{"", "/jobs", "/agent", "/slots"} {
		f.wantOutput(output, code, 0, "folder "+root+folder+" is a link, which may lead to files of others")
	}
	if entries, err := os.ReadDir(elsewhere); err != nil || len(entries) > 0 {
		t.Errorf("the agent wrote through the link: %v, %v", entries, err)
	}
}
