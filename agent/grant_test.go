// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
)

// account is the SID of the account that rights are granted to.
const account = "S-1-5-21-1004336348-1177238915-682003330-1105"

// grantStandIn defines the commands that Grant-HypervvmAccess.ps1 calls, over $global:Computer, runs the lines that replace %run%,
// and writes the computer before and after each as a line of JSON. Groups have the names of a German Windows: only SIDs find them.
const grantStandIn = `
$ErrorActionPreference = 'Stop'
$global:Computer = ConvertFrom-Json -InputObject @'
%computer%
'@
function global:New-Failure { param($Id, $Category, $Text) New-Object System.Management.Automation.ErrorRecord (New-Object InvalidOperationException $Text), $Id, $Category, $null }
function global:Find-Group { param($Group, $SID)
    foreach ($item in $global:Computer.groups) { if (($SID -and $item.sid -eq $SID) -or ($Group -and $item.name -eq $Group)) { return $item } }
    throw (New-Failure "GroupNotFound,Microsoft.PowerShell.Commands.GetLocalGroupCommand" ObjectNotFound "Group $Group$SID was not found.")
}
function global:Get-LocalGroupMember { param($Group, $SID)
    if ($global:Computer.orphan) { throw (New-Failure 'An unspecified error occurred: error code = 1789,Microsoft.PowerShell.Commands.GetLocalGroupMemberCommand' NotSpecified 'Failed to compare two elements in the array.') }
    foreach ($id in (Find-Group -Group $Group -SID $SID).members) { [pscustomobject]@{ Name = 'x'; SID = [pscustomobject]@{ Value = $id } } }
}
function global:Add-LocalGroupMember { [CmdletBinding(SupportsShouldProcess)] param($Group, $SID, $Member)
    if (-not $PSCmdlet.ShouldProcess("$SID")) { return }
    $found = Find-Group -Group $Group -SID $SID
    if ($found.members -contains $Member) { throw (New-Failure 'MemberExists,Microsoft.PowerShell.Commands.AddLocalGroupMemberCommand' ResourceExists "$Member is already a member of group $($found.name).") }
    $found.members = [object[]]@(@($found.members) + $Member)
}
function global:Remove-LocalGroupMember { [CmdletBinding(SupportsShouldProcess)] param($Group, $SID, $Member)
    if (-not $PSCmdlet.ShouldProcess("$SID")) { return }
    $found = Find-Group -Group $Group -SID $SID
    if ($found.members -notcontains $Member) { throw (New-Failure 'MemberNotFound,Microsoft.PowerShell.Commands.RemoveLocalGroupMemberCommand' ObjectNotFound "Member $Member was not found.") }
    $found.members = [object[]]@($found.members | Where-Object { $_ -ne $Member })
}
function global:Get-Item { param($LiteralPath)
    if ($LiteralPath -ne 'WSMan:\localhost\Service\RootSDDL') { throw "unexpected item $LiteralPath" }
    [pscustomobject]@{ Name = 'RootSDDL'; Value = $global:Computer.root_sddl }
}
function global:Set-Item { [CmdletBinding(SupportsShouldProcess)] param($LiteralPath, $Value, [switch] $Force)
    if ($LiteralPath -ne 'WSMan:\localhost\Service\RootSDDL') { throw "unexpected item $LiteralPath" }
    if ($PSCmdlet.ShouldProcess($LiteralPath)) { $global:Computer.root_sddl = $Value }
}
function global:Invoke-CimMethod { [CmdletBinding(SupportsShouldProcess)] param($Namespace, $ClassName, $MethodName, [System.Collections.IDictionary] $Arguments)
    if (-not $PSCmdlet.ShouldProcess($MethodName)) { return }
    $spaces = $global:Computer.namespaces
    switch ("$ClassName.$MethodName") {
        '__SystemSecurity.GetSD' { return [pscustomobject]@{ ReturnValue = [uint32]0; SD = [System.Text.Encoding]::UTF8.GetBytes($spaces.$Namespace) } }
        '__SystemSecurity.SetSD' { $spaces.$Namespace = [System.Text.Encoding]::UTF8.GetString($Arguments['SD']); return [pscustomobject]@{ ReturnValue = [uint32]0 } }
        'Win32_SecurityDescriptorHelper.BinarySDToSDDL' { return [pscustomobject]@{ ReturnValue = [uint32]0; SDDL = [System.Text.Encoding]::UTF8.GetString($Arguments['BinarySD']) } }
        'Win32_SecurityDescriptorHelper.SDDLToBinarySD' { return [pscustomobject]@{ ReturnValue = [uint32]0; BinarySD = [System.Text.Encoding]::UTF8.GetBytes($Arguments['SDDL']) } }
    }
    throw "unexpected method $ClassName.$MethodName"
}
function global:Get-Acl { param($LiteralPath)
    $access = [pscustomobject]@{ Sddl = $global:Computer.folders.$LiteralPath }
    Add-Member -InputObject $access -MemberType ScriptMethod -Name SetSecurityDescriptorSddlForm -Value { param($Text, $Sections) $this.Sddl = $Text } -PassThru
}
function global:Set-Acl { [CmdletBinding(SupportsShouldProcess)] param($LiteralPath, $AclObject) if ($PSCmdlet.ShouldProcess($LiteralPath)) { $global:Computer.folders.$LiteralPath = $AclObject.Sddl } }
function global:Test-Path { param($LiteralPath, $PathType)
    if ($LiteralPath -like 'HKLM:*') { return $null -ne $global:Computer.registry.PSObject.Properties[$LiteralPath] }
    return $null -ne $global:Computer.folders.PSObject.Properties[$LiteralPath]
}
function global:New-Item { [CmdletBinding(SupportsShouldProcess)] param($Path, [switch] $Force)
    if ($PSCmdlet.ShouldProcess($Path)) { Add-Member -InputObject $global:Computer.registry -MemberType NoteProperty -Name $Path -Value ([pscustomobject]@{}) }
}
function global:Get-ItemProperty { param($LiteralPath) $global:Computer.registry.$LiteralPath }
function global:New-ItemProperty { [CmdletBinding(SupportsShouldProcess)] param($LiteralPath, $Name, $Value, $PropertyType, [switch] $Force)
    if ($PSCmdlet.ShouldProcess($Name)) { Add-Member -InputObject $global:Computer.registry.$LiteralPath -MemberType NoteProperty -Name $Name -Value $Value -Force }
}
function global:Remove-ItemProperty { [CmdletBinding(SupportsShouldProcess)] param($LiteralPath, $Name, [switch] $Force)
    if ($PSCmdlet.ShouldProcess($Name)) { $global:Computer.registry.$LiteralPath.PSObject.Properties.Remove($Name) }
}
if ($global:Computer.cluster) {
    function global:Get-Cluster { [pscustomobject]@{ Name = 'cluster01' } }
    function global:Get-ClusterAccess { foreach ($item in $global:Computer.cluster_access) { [pscustomobject]@{ IdentityReference = $item; AccessControlType = 'Allow'; ClusterRights = 'Full' } } }
    function global:Grant-ClusterAccess { param($User, [switch] $Full, [switch] $ReadOnly) $global:Computer.cluster_access = [object[]]@(@($global:Computer.cluster_access) + $User) }
    function global:Remove-ClusterAccess { param($User) $global:Computer.cluster_access = [object[]]@($global:Computer.cluster_access | Where-Object { $_ -ne $User }) }
}
function Show-Computer { 'computer ' + (ConvertTo-Json -InputObject $global:Computer -Compress -Depth 8) }
function Show-Result { process { 'result ' + $_.Result + ' ' + $_.Target } }
Show-Computer
$grant = '%script%'
%run%
`

// computer is what the script changes, as JSON.
type computer struct {
	Groups []struct {
		SID, Name string
		Members   []string
	} `json:"groups"`
	RootSDDL      string                    `json:"root_sddl"`
	Namespaces    map[string]string         `json:"namespaces"`
	Folders       map[string]string         `json:"folders"`
	Registry      map[string]map[string]any `json:"registry"`
	Cluster       bool                      `json:"cluster"`
	ClusterAccess []string                  `json:"cluster_access"`
	Orphan        bool                      `json:"orphan"` // a group has a member that no longer exists
}

// The defaults of Windows: RootSDDL since Server 2012 R2 (https://github.com/MicrosoftDocs/win32/pull/2194), root\cimv2 as in
// https://github.com/ansible-collections/ansible.windows/issues/770.
const (
	rootSDDL    = "O:NSG:BAD:P(A;;GA;;;BA)(A;;GR;;;IU)S:P(AU;FA;GA;;;WD)(AU;SA;GXGW;;;WD)"
	cimv2SDDL   = "O:BAG:BAD:(A;CIID;CCDCLCSWRPWPRCWD;;;BA)(A;CIID;CCDCRP;;;NS)(A;CIID;CCDCRP;;;LS)(A;CIID;CCDCRP;;;AU)"
	hypervSDDL  = "O:BAG:BAD:(A;CIID;CCDCLCSWRPWPRCWD;;;BA)(A;CI;CCDCWP;;;S-1-5-32-578)"
	imagesSDDL  = "O:BAG:SYD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)"
	newComputer = `{"groups": [{"sid": "S-1-5-32-578", "name": "Hyper-V-Administratoren", "members": ["S-1-5-21-1-2-3-500"]},
 {"sid": "S-1-5-32-580", "name": "Remoteverwaltungsbenutzer", "members": []}],
"root_sddl": "` + rootSDDL + `", "namespaces": {"root/cimv2": "` + cimv2SDDL + `", "root/virtualization/v2": "` + hypervSDDL + `"},
"folders": {"D:\\Images": "` + imagesSDDL + `", "D:\\Hyper-V": "` + imagesSDDL + `"}, "cluster": false, "cluster_access": [], "orphan": false,
"registry": {"HKLM:\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System": {"EnableLUA": 1}}}`
)

// grant runs lines of PowerShell in which $grant is the script. It returns the computer before and at each call of Show-Computer,
// and the results, as "<result> <target>".
func (f *fixture) grant(start string, lines ...string) (states []computer, results []string, output string) {
	f.Helper()
	path := filepath.Join(f.dir, "Grant-HypervvmAccess.ps1")
	f.must(os.WriteFile(path, agent.GrantScript(), 0o600))
	output, code := f.runScript(grantStandIn, "%computer%", start, "%script%", path, "%run%", strings.Join(lines, "\n"))
	if code != 0 {
		f.Fatalf("exit code %d:\n%s", code, output)
	}
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "computer "); ok {
			var state computer
			f.must(json.Unmarshal([]byte(text), &state))
			states = append(states, state)
		} else if text, ok := strings.CutPrefix(line, "result "); ok {
			results = append(results, text)
		}
	}
	return states, results, output
}

func equalJSON(a, b any) bool {
	left, _ := json.Marshal(a)
	right, _ := json.Marshal(b)
	return bytes.Equal(left, right)
}

const (
	grantAll    = `& $grant -Account '` + account + `' -ImagePath 'D:\Images' -VMPath 'D:\Hyper-V' -LocalAccountTokenFilterPolicy | Show-Result`
	revokeAll   = `& $grant -Account '` + account + `' -Revoke | Show-Result`
	showHost    = `Show-Computer`
	recordKey   = `HKLM:\SOFTWARE\hypervvm\Access`
	policiesKey = `HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System`
)

func TestAGrantAddsEachRightBySID(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	states, results, _ := f.grant(newComputer, grantAll, showHost)
	got := states[len(states)-1]
	for _, group := range got.Groups {
		if !slices.Contains(group.Members, account) {
			t.Errorf("group %s lacks the account: %v", group.SID, group.Members)
		}
	}
	want := map[string]string{
		got.RootSDDL:                             "O:NSG:BAD:P(A;;GA;;;BA)(A;;GR;;;IU)(A;;GXGR;;;" + account + ")S:P(AU;FA;GA;;;WD)(AU;SA;GXGW;;;WD)",
		got.Namespaces["root/cimv2"]:             "O:BAG:BAD:(A;;CCDCWP;;;" + account + ")(A;CIID;CCDCLCSWRPWPRCWD;;;BA)(A;CIID;CCDCRP;;;NS)(A;CIID;CCDCRP;;;LS)(A;CIID;CCDCRP;;;AU)",
		got.Namespaces["root/virtualization/v2"]: hypervSDDL, // the group has the right
		got.Folders[`D:\Images`]:                 "O:BAG:SYD:AI(A;OICI;0x1200a9;;;" + account + ")(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)",
		got.Folders[`D:\Hyper-V`]:                "O:BAG:SYD:AI(A;OICI;0x1301bf;;;" + account + ")(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)",
	}
	for have, wanted := range want {
		if have != wanted {
			t.Errorf("security descriptor is %s, want %s", have, wanted)
		}
	}
	if got.Registry[policiesKey]["LocalAccountTokenFilterPolicy"] != 1.0 {
		t.Errorf("the policy is not set: %v", got.Registry)
	}
	if len(results) != 9 {
		t.Errorf("results: %q", results)
	}
}

func TestASecondGrantChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	states, results, _ := f.grant(newComputer, grantAll, showHost, grantAll, showHost)
	if !equalJSON(states[1], states[2]) {
		t.Errorf("after the first: %+v\nafter the second: %+v", states[1], states[2])
	}
	for _, result := range results[len(results)/2:] {
		if !strings.HasPrefix(result, "present ") {
			t.Errorf("result of the second grant: %s", result)
		}
	}
}

func TestARevokeRestoresTheComputer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	states, _, _ := f.grant(newComputer, grantAll, grantAll, revokeAll, showHost, revokeAll, showHost)
	for _, got := range states[1:] {
		delete(got.Registry, recordKey) // the key stays, without a record
		if !equalJSON(got, states[0]) {
			t.Errorf("after the revoke: %+v\nbefore the grant: %+v", got, states[0])
		}
	}
}

// TestARevokeKeepsWhatWasThere gives the account each right in another way before the grant.
func TestARevokeKeepsWhatWasThere(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	start := strings.NewReplacer(
		`"members": []`, `"members": ["`+account+`"]`,
		`(A;;GR;;;IU)S:P`, `(A;;GR;;;IU)(A;;0xa0000000;;;`+account+`)S:P`,
		`(A;CIID;CCDCRP;;;AU)`, `(A;CIID;CCDCRP;;;AU)(A;CI;CCDCLCSWRPWPRCWD;;;`+account+`)`,
		`"EnableLUA": 1`, `"EnableLUA": 1, "LocalAccountTokenFilterPolicy": 0`,
	).Replace(newComputer)
	states, results, _ := f.grant(start, grantAll, revokeAll, showHost)
	got := states[len(states)-1]
	delete(got.Registry, recordKey)
	if !equalJSON(got, states[0]) {
		t.Errorf("after the revoke: %+v\nbefore the grant: %+v", got, states[0])
	}
	if n := strings.Count(strings.Join(results, "\n"), "present "); n != 4 {
		t.Errorf("%d rights were present, want 4: %q", n, results)
	}
}

func TestWhatIfChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	states, results, output := f.grant(newComputer, strings.Replace(grantAll, " |", " -WhatIf |", 1), showHost, grantAll, showHost,
		strings.Replace(revokeAll, " |", " -WhatIf |", 1), showHost)
	if !equalJSON(states[0], states[1]) || !equalJSON(states[2], states[3]) {
		t.Errorf("-WhatIf changed the computer: %+v", states)
	}
	if n := strings.Count(output, "What if:"); n != 16 || len(results) != 10 {
		t.Errorf("%d lines of -WhatIf, want 16; results %q\n%s", n, results, output)
	}
}

func TestAGrantOnAClusterNodeGrantsClusterAccess(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	start := strings.Replace(newComputer, `"cluster": false, "cluster_access": []`, `"cluster": true, "cluster_access": ["LAB\\other"]`, 1)
	states, _, _ := f.grant(start, grantAll, showHost, revokeAll, showHost)
	if want := []string{`LAB\other`, account}; !slices.Equal(states[1].ClusterAccess, want) {
		t.Errorf("cluster access: %v", states[1].ClusterAccess)
	}
	if want := []string{`LAB\other`}; !slices.Equal(states[2].ClusterAccess, want) {
		t.Errorf("cluster access after the revoke: %v", states[2].ClusterAccess)
	}
}

// TestAGroupWithAMissingMember covers a group whose members cannot be listed, a known fault of Get-LocalGroupMember:
// https://github.com/PowerShell/PowerShell/issues/2996
func TestAGroupWithAMissingMember(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	start := strings.NewReplacer(`"orphan": false`, `"orphan": true`, `"members": []`, `"members": ["`+account+`"]`).Replace(newComputer)
	states, results, _ := f.grant(start, grantAll, revokeAll, showHost)
	got := states[len(states)-1]
	delete(got.Registry, recordKey)
	if !equalJSON(got, states[0]) {
		t.Errorf("after the revoke: %+v\nbefore the grant: %+v", got, states[0])
	}
	if !slices.Contains(results, "present group S-1-5-32-580") || !slices.Contains(results, "added group S-1-5-32-578") {
		t.Errorf("results: %q", results)
	}
}

func TestAFolderWithAnEntryOfTheAccountIsNotChanged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	start := strings.Replace(newComputer, `"D:\\Hyper-V": "O:BAG:SYD:AI`, `"D:\\Hyper-V": "O:BAG:SYD:AI(A;OICI;FR;;;`+account+`)`, 1)
	states, results, output := f.grant(start, grantAll, showHost, revokeAll, showHost)
	if !slices.Contains(results, `skipped D:\Hyper-V`) || !strings.Contains(output, "WARNING") {
		t.Errorf("results: %q\n%s", results, output)
	}
	if states[1].Folders[`D:\Hyper-V`] != states[0].Folders[`D:\Hyper-V`] || !maps.Equal(states[2].Folders, states[0].Folders) {
		t.Errorf("folders: %v, then %v", states[1].Folders, states[2].Folders)
	}
}

// TestSecurityDescriptorsAsText runs the functions that edit the text of a descriptor.
func TestSecurityDescriptorsAsText(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	path := filepath.Join(f.dir, "Grant-HypervvmAccess.ps1")
	f.must(os.WriteFile(path, agent.GrantScript(), 0o600))
	const load = `
$ErrorActionPreference = 'Stop'
$tree = [System.Management.Automation.Language.Parser]::ParseFile('%script%', [ref]$null, [ref]$null)
$tree.FindAll({ $args[0] -is [System.Management.Automation.Language.FunctionDefinitionAst] }, $false) | ForEach-Object { . ([scriptblock]::Create($_.Extent.Text)) }
$tree.FindAll({ $args[0] -is [System.Management.Automation.Language.AssignmentStatementAst] -and $args[0].Left.Extent.Text -eq '$script:RightBits' }, $false) |
    ForEach-Object { . ([scriptblock]::Create($_.Extent.Text)) }
`
	cases := []struct{ name, text, run, want string }{
		{"an empty list", "O:BAG:BAD:P", `Add-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GR`, "O:BAG:BAD:P(A;;GR;;;S-1-1-0)"},
		{"an empty list before audit entries", "D:S:(AU;SA;GA;;;WD)", `Add-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GR`, "D:(A;;GR;;;S-1-1-0)S:(AU;SA;GA;;;WD)"},
		{
			"an owner whose SID is written out", "O:S-1-5-21-1-2-3-500G:S-1-5-18D:AI(A;;GA;;;BA)", `Add-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GR`,
			"O:S-1-5-21-1-2-3-500G:S-1-5-18D:AI(A;;GA;;;BA)(A;;GR;;;S-1-1-0)",
		},
		{"a group named SY before D", "O:SYG:SYD:(D;;GW;;;BG)(A;;GA;;;SY)", `Add-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GR`, "O:SYG:SYD:(D;;GW;;;BG)(A;;GA;;;SY)(A;;GR;;;S-1-1-0)"},
		{
			"a condition with brackets in quotation marks", `D:(XA;;FX;;;WD;(@User.Title=="a)S:(b" && (Member_of {SID(BA)})))(A;;GA;;;BA)`, `Add-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GR`,
			`D:(XA;;FX;;;WD;(@User.Title=="a)S:(b" && (Member_of {SID(BA)})))(A;;GA;;;BA)(A;;GR;;;S-1-1-0)`,
		},
		{"rights in another order are the same", "D:(A;;GRGX;;;S-1-1-0)", `Remove-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GXGR`, "D:"},
		{"rights as a number are the same", "D:(A;;0xA0000000;;;S-1-1-0)", `Remove-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GXGR`, "D:"},
		{"flags in another order are the same", "D:(A;CIOI;FA;;;S-1-1-0)", `Remove-SecurityEntry -Text $t -Sid S-1-1-0 -Rights FA -Flags OICI`, "D:"},
		{"other flags are another entry", "D:(A;OICIID;FA;;;S-1-1-0)", `Remove-SecurityEntry -Text $t -Sid S-1-1-0 -Rights FA -Flags OICI`, "D:(A;OICIID;FA;;;S-1-1-0)"},
		{"more rights are another entry", "D:(A;;GA;;;S-1-1-0)", `Remove-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GXGR`, "D:(A;;GA;;;S-1-1-0)"},
		{"another SID is another entry", "D:(A;;GXGR;;;S-1-1-00)", `Remove-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GXGR`, "D:(A;;GXGR;;;S-1-1-00)"},
		{"an entry that denies stays", "D:(D;;GXGR;;;S-1-1-0)", `Remove-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GXGR`, "D:(D;;GXGR;;;S-1-1-0)"},
		{"all rights contain some", "D:(A;;GA;;;S-1-1-0)", `Test-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GXGR`, "True"},
		{"some rights are not all", "D:(A;;GR;;;S-1-1-0)", `Test-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GXGR`, "False"},
		{"rights that only children inherit", "D:(A;OICIIO;GA;;;S-1-1-0)", `Test-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GXGR`, "False"},
		{"a descriptor without a list", "O:BAG:BA", `Add-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GR`, "error"},
		{"a null list", "O:BAG:BAD:NO_ACCESS_CONTROL", `Add-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GR`, "error"},
		{"an entry that does not end", "D:(A;;GA;;;BA", `Add-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GR`, "error"},
		{"text after the list", "D:(A;;GA;;;BA)X", `Add-SecurityEntry -Text $t -Sid S-1-1-0 -Rights GR`, "error"},
	}
	script := load
	for _, c := range cases {
		script += "$t = '" + c.text + "'; try { '= ' + (" + c.run + ") } catch { '= error' }\n"
	}
	output, code := f.runScript(script, "%script%", path)
	var got []string
	for line := range strings.Lines(output) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "= "); ok {
			got = append(got, text)
		}
	}
	if code != 0 || len(got) != len(cases) {
		t.Fatalf("exit code %d:\n%s", code, output)
	}
	for i, c := range cases {
		if got[i] != c.want {
			t.Errorf("%s: %s of %s is %s, want %s", c.name, c.run, c.text, got[i], c.want)
		}
	}
}
