// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// guestScript runs steps of the script of a Windows guest, whose text is that of the medium. What Windows does is replaced: the registry,
// the task scheduler, processes and the state of Setup. A line of JSON for each case says what happened.
const guestScript = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
$text = Get-WindowsScript
. ([scriptblock]::Create($text.Substring(0, $text.LastIndexOf('Start-GuestScript -Step'))))

function Get-GuestValue { param($Key, $Name) if ($registry.ContainsKey($Name)) { $registry[$Name] } }
function Set-GuestValue { param($Key, $Name, $Value) $registry[$Name] = $Value; $null = $seen.Add("$($Name.Replace('hypervvm.', ''))=$Value") }
function New-GuestFolder { param($Path) $null = [System.IO.Directory]::CreateDirectory($Path) }
function Start-Sleep { param($Seconds) $null = $seen.Add('sleep'); $registry['ImageState'] = 'IMAGE_STATE_COMPLETE'; $registry['OOBEInProgress'] = 0 }
function schtasks.exe { $null = $seen.Add("schtasks $($args[0])"); $global:LASTEXITCODE = $case.schtasks }
function tzutil.exe { $null = $seen.Add("tzutil $args"); $global:LASTEXITCODE = if ($args[1] -eq 'Nowhere') { 1 } else { 0 } }
function Get-CimInstance { param($ClassName, $Property) [pscustomobject]@{ PartOfDomain = $case.joined } }
function Get-LocalUser { param($Name, $ErrorAction) if ($Name -eq 'ops') { $Name } }
$process = ${function:Invoke-GuestProcess}
function Invoke-GuestProcess {
    param($Arguments)
    # What is recorded before the command runs decides where the script goes on after a restart.
    $null = $seen.Add("$([System.IO.File]::ReadAllText([System.IO.Path]::Combine($folder, 'progress'))) cmd $Arguments")
    @{ ExitCode = $(if ($Arguments -match 'exit (\d+)') { [int]$Matches[1] } else { 0 }); LastLine = 'Access is denied.' }
}

$env:ProgramData = [System.IO.Path]::Combine($PWD.ProviderPath, 'data')
$env:SystemRoot = [System.IO.Path]::Combine($PWD.ProviderPath, 'Windows')
$medium = [System.IO.Path]::Combine($PWD.ProviderPath, 'medium')
$folder = [System.IO.Path]::Combine($env:ProgramData, 'hypervvm-setup')
$null = [System.IO.Directory]::CreateDirectory($medium)
[System.IO.File]::WriteAllText([System.IO.Path]::Combine($medium, 'hypervvm.ps1'), $text)
foreach ($case in (ConvertFrom-AgentJson -Text ([System.IO.File]::ReadAllText('cases'))).cases) {
    $seen = New-Object -TypeName System.Collections.ArrayList
    $registry = @{ 'hypervvm.setup' = 'done'; 'hypervvm.instance' = $case.reported; OOBEInProgress = 1 }
    if ($case.ready) { $registry['ImageState'] = 'IMAGE_STATE_COMPLETE'; $registry['OOBEInProgress'] = 0 }
    foreach ($path in 'Panther/unattend.xml', 'Panther/Unattend/Unattend.xml', 'Panther/setupact.log', 'System32/Sysprep/unattend.xml', 'System32/Sysprep/Autounattend.xml') {
        $file = [System.IO.Path]::Combine($env:SystemRoot, $path)
        $null = [System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($file))
        [System.IO.File]::WriteAllText($file, $(if ($path.EndsWith('Sysprep/unattend.xml')) { 'of the image' } else { 'hypervvm.stage' }))
    }
    $source = $medium
    if ($case.step -eq 'complete') {
        $source = $folder
        New-GuestFolder -Path $folder
        if ($case.progress) { [System.IO.File]::WriteAllText([System.IO.Path]::Combine($folder, 'progress'), $case.progress) }
    }
    [System.IO.File]::WriteAllText([System.IO.Path]::Combine($source, 'hypervvm.json'), $case.settings)
    Start-GuestScript -Step $case.step -Source $source
    $left = @([System.IO.Directory]::GetFiles($env:SystemRoot, '*.xml', 'AllDirectories') | ForEach-Object -Process { $_.Substring($env:SystemRoot.Length) })
    $task = [System.IO.Path]::Combine($folder, 'task.xml')
    $xml = if ([System.IO.File]::Exists($task)) { ([xml][System.IO.File]::ReadAllText($task)).Task.Actions.Exec.Arguments } else { '' }
    ConvertTo-Json -Compress -InputObject @{ seen = $seen.ToArray(); left = $left; folder = [System.IO.Directory]::Exists($folder); task = $xml }
}
foreach ($command in 'echo out; echo denied >&2; echo; exit 5', 'echo out; echo an answer; exit 1', 'read x; echo x$x') {
    $result = & $process -Arguments "/d /s /c ` + "`" + `"$command` + "`" + `""
    "exit code $($result.ExitCode): $($result.LastLine)"
}
`

func TestTheScriptOfAWindowsGuest(t *testing.T) {
	t.Parallel()
	const settings = `{"instance":"a1","commands":["first \"a b\"","second","third"],"domain":"","account":"","time_zone":""}`
	with := func(name, value string) string {
		return strings.Replace(settings, `"`+name+`":""`, `"`+name+`":"`+value+`"`, 1)
	}
	complete := func(setup string, steps ...string) []string {
		return append(steps, "stage=final", "schtasks /delete", "setup="+setup)
	}
	commands := []string{`1 cmd /d /s /c "first "a b""`, `2 cmd /d /s /c "second"`, `3 cmd /d /s /c "third"`}
	installed := []string{"setup=", "instance=a1", "stage=accounts", "schtasks /create"}
	cases := []struct {
		name                               string
		step, settings, reported, progress string
		schtasks                           int
		ready, joined                      bool
		want                               []string
	}{
		{name: "is installed while Setup runs", step: "install", want: installed},
		{name: "is started at once when Setup has ended", step: "install", ready: true, want: append(installed[:4:4], "schtasks /run")},
		{name: "is installed once for each virtual machine", step: "install", reported: "a1"},
		{name: "is installed again in a copy", step: "install", reported: "a0", want: installed},
		{name: "reports a task that cannot be registered", step: "install", schtasks: 1, want: append(installed[:4:4],
			"setup=failed: the task that completes the set-up could not be registered: schtasks.exe ended with exit code 1")},
		{name: "waits for the end of Setup", step: "complete", want: complete("done", append([]string{"sleep", "stage=commands"}, commands...)...)},
		{name: "goes on after a restart", step: "complete", ready: true, progress: "2", want: complete("done", "stage=commands", commands[2])},
		{name: "reports a command that fails", step: "complete", ready: true, settings: strings.Replace(settings, `"second"`, `"exit 5"`, 1), want: complete(
			"failed: command 2 ended with exit code 5: Access is denied.", "stage=commands", commands[0], `2 cmd /d /s /c "exit 5"`)},
		{
			name: "accepts that a command needs a restart", step: "complete", ready: true, progress: "2", settings: strings.Replace(settings, `"third"`, `"exit 3010"`, 1),
			want: complete("done", "stage=commands", `3 cmd /d /s /c "exit 3010"`),
		},
		{
			name: "reports a domain that was not joined", step: "complete", ready: true, settings: with("domain", "corp.lab.example"),
			want: complete("failed: the guest is not a member of the domain corp.lab.example: see %log% in the guest"),
		},
		{name: "has joined a domain", step: "complete", ready: true, joined: true, progress: "3", settings: with("domain", "corp.lab.example"), want: complete("done", "stage=commands")},
		{
			name: "reports a missing account", step: "complete", ready: true, settings: with("account", "admin"),
			want: complete("failed: the guest does not have the account admin: see %panther% in the guest"),
		},
		{
			name: "has its account and time zone", step: "complete", ready: true, progress: "3", settings: strings.Replace(with("account", "ops"), `"time_zone":""`, `"time_zone":"UTC"`, 1),
			want: complete("done", "tzutil /s UTC", "stage=commands"),
		},
		{
			name: "reports an unknown time zone", step: "complete", ready: true, settings: with("time_zone", "Nowhere"),
			want: complete("failed: the guest does not have the time zone Nowhere: 'tzutil /l' lists those that it has", "tzutil /s Nowhere"),
		},
	}
	var input []values
	for _, c := range cases {
		if c.settings == "" {
			c.settings = settings
		}
		input = append(input, values{"step": c.step, "settings": c.settings, "reported": c.reported, "progress": c.progress, "schtasks": c.schtasks, "ready": c.ready, "joined": c.joined})
	}
	f := newFixture(t)
	text, err := json.Marshal(values{"cases": input})
	f.must(err)
	f.write("cases", string(text))
	f.must(os.MkdirAll(filepath.Join(f.dir, "Windows", "System32"), 0o700))
	f.must(os.WriteFile(filepath.Join(f.dir, "Windows", "System32", "cmd.exe"), []byte("#!/bin/sh\nexec /bin/sh -c \"$4\"\n"), 0o700))
	output, code := f.runScript(guestScript)
	lines := strings.Split(strings.TrimSpace(output), "\n")
	processes := []string{"exit code 5: denied", "exit code 1: an answer", "exit code 0: x"}
	if code != 0 || len(lines) != len(cases)+len(processes) || !slices.Equal(lines[len(cases):], processes) {
		t.Fatalf("exit code %d, output %s", code, output)
	}
	paths := strings.NewReplacer("%log%", filepath.Join(f.dir, "Windows", "debug", "NetSetup.LOG"), "%panther%", filepath.Join(f.dir, "Windows", "Panther"))
	for i, c := range cases {
		var got struct {
			Seen, Left []string
			Folder     bool
			Task       string
		}
		f.must(json.Unmarshal([]byte(lines[i]), &got))
		if want := paths.Replace(strings.Join(c.want, "\n")); strings.Join(got.Seen, "\n") != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, strings.Join(got.Seen, "\n"), want)
		}
		if c.step == "complete" && (got.Folder || strings.Join(got.Left, " ") != "/System32/Sysprep/unattend.xml") {
			t.Errorf("%s: the folder is left: %v, files %q", c.name, got.Folder, got.Left)
		}
		if script := filepath.Join(f.dir, "data", "hypervvm-setup", "hypervvm.ps1"); len(c.want) > 3 && c.step == "install" && !strings.Contains(got.Task, `-File "`+script+`" -Step complete`) {
			t.Errorf("%s: the task runs %q", c.name, got.Task)
		}
	}
}
