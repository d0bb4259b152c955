// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// deletion is the delete job of the virtual machine of definition.
var deletion = strings.Replace(definition, `"provision"`, `"delete"`, 1)

// hold makes the deletion of a file fail until release is called, as while another process has it open on Windows. It skips the test
// where that is not possible.
func (f *fixture) hold(path string) (release func()) {
	f.Helper()
	on, off := []string{"chattr", "+i", path}, []string{"chattr", "-i", path}
	if os.Getuid() != 0 {
		on, off = []string{"chmod", "u-w", filepath.Dir(path)}, []string{"chmod", "u+w", filepath.Dir(path)}
	}
	if out, err := exec.Command(on[0], on[1:]...).CombinedOutput(); err != nil {
		f.Skipf("a file cannot be held: %v: %s", err, out)
	}
	release = func() { _ = exec.Command(off[0], off[1:]...).Run() }
	f.Cleanup(release)
	return release
}

// limits changes constants of the agent that the fixture runs, in a copy of it.
func (f *fixture) limits(values map[string]string) {
	f.Helper()
	dir := filepath.Join(f.dir, "agent")
	f.must(os.CopyFS(dir, os.DirFS(filepath.Dir(f.entry))))
	f.entry = filepath.Join(dir, filepath.Base(f.entry))
	files, err := filepath.Glob(filepath.Join(dir, "lib", "*.ps1"))
	f.must(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		f.must(err)
		for name, value := range values {
			text = regexp.MustCompile(`(?m)^(\$script:`+name+` = ).*$`).ReplaceAll(text, []byte("${1}"+value))
		}
		f.must(os.WriteFile(file, text, 0o600))
	}
}

// follow runs a job, and calls seen once, with the first line of output that contains text.
func (f *fixture) follow(definition, text string, seen func(), args ...string) (output string, code int) {
	f.Helper()
	reader, writer := io.Pipe()
	done := make(chan string)
	go func() {
		var all strings.Builder
		called := false
		for scanner := bufio.NewScanner(reader); scanner.Scan(); {
			all.WriteString(scanner.Text() + "\n")
			if !called && strings.Contains(scanner.Text(), text) {
				called = true
				seen()
			}
		}
		done <- all.String()
	}()
	cmd := f.command(definition, f.jobArguments(args)...)
	cmd.Stdout, cmd.Stderr = writer, writer
	err := cmd.Run()
	if cmd.ProcessState == nil {
		f.Fatal(err)
	}
	f.must(writer.Close())
	return <-done, cmd.ProcessState.ExitCode()
}

// provisioned creates the virtual machine of definition and returns its id and the path of its disk.
func (f *fixture) provisioned() (id, disk string) {
	f.Helper()
	output, code := f.runJob(definition)
	f.wantOutput(output, code, 0)
	vm := f.vms()[0]
	return vm.ID, vm.Drives[0].Path
}

// https://github.com/kubernetes/minikube/issues/6804 and https://github.com/hashicorp/vagrant/issues/8754: files of a virtual machine
// stay open for seconds after it was removed.
func TestADiskThatIsInUseAfterTheRemovalIsDeletedOnceItIsFree(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 1, turns)
	f := newFixture(t)
	id, disk := f.provisioned()
	release := f.hold(disk)
	output, code := f.follow(deletion, "waiting for "+disk, release, "-VMId", id)
	f.wantOutput(output, code, 0, "files: deleted "+disk)
	if strings.Contains(output, "left:") {
		t.Errorf("the job reports leftovers:\n%s", output)
	}
	if _, err := os.Stat(filepath.Dir(disk)); !os.IsNotExist(err) {
		t.Errorf("the folder of the virtual machine is still there: %v", err)
	}
}

// deletedWhileInUse returns a host on which a virtual machine was deleted while its disk is in use, so that the disk is left.
func deletedWhileInUse(t *testing.T) (f *fixture, id, disk string, release func()) {
	t.Helper()
	f = newFixture(t)
	f.limits(map[string]string{"AgentBusyMilliseconds": "500", "AgentDeniedMilliseconds": "500"})
	id, disk = f.provisioned()
	release = f.hold(disk)
	output, code := f.runJob(deletion, "-VMId", id)
	f.wantOutput(output, code, 0, "left: "+disk, "later jobs and sessions on this host retry it")
	return f, id, disk, release
}

func TestAFileThatStaysInUseIsDeletedByALaterJob(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 3, turns)
	f, id, disk, release := deletedWhileInUse(t)
	if _, err := os.Stat(filepath.Join(filepath.Dir(disk), "hypervvm.json")); err != nil {
		t.Errorf("the manifest must stay with the file: %v", err)
	}
	output, code := f.runJob(deletion, "-VMId", id) // the file is still in use
	f.wantOutput(output, code, 0)
	release()
	output, code = f.runJob(deletion, "-VMId", id)
	f.wantOutput(output, code, 0, f.message("pending_file_deleted", values{"path": disk}))
	if _, err := os.Stat(filepath.Dir(disk)); !os.IsNotExist(err) {
		t.Errorf("the folder of the virtual machine is still there: %v", err)
	}
	if lists, _ := filepath.Glob(filepath.Join(f.dir, ".hypervvm", "pending", "*.json")); len(lists) > 0 {
		t.Errorf("lists are left: %v", lists)
	}
}

func TestAFileThatAVirtualMachineUsesByThenIsKept(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 2, turns)
	f, id, disk, release := deletedWhileInUse(t)
	release()
	f.must(f.store.Update(func(s *hyperv.State) error {
		s.VMs = append(s.VMs, hyperv.VM{
			ID: "6f0c2a5e-8a3b-4b3e-9d0f-2f6a1c9b7e10", Name: "other", State: "Off", Generation: 2,
			Drives: []hyperv.Drive{{ControllerType: "SCSI", Path: disk}},
		})
		return nil
	}))
	for range 2 {
		output, code := f.runJob(deletion, "-VMId", id)
		f.wantOutput(output, code, 0)
		f.must(f.store.Update(func(s *hyperv.State) error { s.VMs = nil; return nil }))
	}
	if _, err := os.Stat(disk); err != nil {
		t.Errorf("the disk that another virtual machine used was deleted: %v", err)
	}
}

func TestARollbackWaitsForADiskThatIsInUse(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 4, turns)
	f := newFixture(t)
	gate := filepath.Join(f.dir, "gate")
	f.must(os.WriteFile(gate, nil, 0o600))
	f.must(f.store.Update(func(s *hyperv.State) error {
		s.Behaviour.Calls = map[string]hyperv.Call{"Start-VM": {Fail: "it cannot start"}}
		s.Behaviour.Locks = &hyperv.Locks{Files: []hyperv.BusyFile{{After: "Remove-VM", Path: "*.vhdx", BusyFor: 1}}}
		return nil
	}))
	f.hold(gate)() // skips the test where files cannot be held
	output, code := f.runJob(definition)
	f.wantOutput(output, code, 1, "failed: it cannot start", "waiting for ", "undo: deleted ")
	if strings.Contains(output, "left:") {
		t.Errorf("the job reports leftovers:\n%s", output)
	}
}

// https://github.com/taliesins/terraform-provider-hyperv/issues/121 and 188: Get-VHD fails with ObjectInUse, ResourceBusy after a copy.
func TestADiskThatIsInUseAfterItsCopyIsResizedOnceItIsFree(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 1, turns)
	for _, cmdlet := range []string{"Get-VHD", "Resize-VHD"} {
		t.Run(cmdlet, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.busy(cmdlet, "*by-hand.vhdx", 2)
			output, code := f.runJob(strings.Replace(definition, `"gb_ram"`, `"disk_size_gb": 3, "gb_ram"`, 1))
			f.wantOutput(output, code, 0, "disk: waiting for ", "expanded to 3.0 GiB")
			if n := strings.Count(output, "waiting for "); n != 1 {
				t.Errorf("%d events of waiting, want 1:\n%s", n, output)
			}
		})
	}
}

func (f *fixture) busy(cmdlet, path string, calls int) {
	f.Helper()
	f.must(f.store.Update(func(s *hyperv.State) error {
		s.Behaviour.Locks = &hyperv.Locks{Disks: []hyperv.BusyDisk{{Cmdlet: cmdlet, Path: path, BusyFor: calls}}}
		return nil
	}))
}

func TestAnImageThatIsInUseIsNotTakenForABrokenOne(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 5, turns)
	sized := strings.Replace(definition, `"gb_ram"`, `"disk_size_gb": 3, "gb_ram"`, 1)
	f := newFixture(t)
	f.busy("Get-VHD", "*ubuntu-24.04.vhdx", 1)
	output, code := f.runJob(sized, "-JobId", "a0000000-0000-4000-8000-000000000001")
	f.wantOutput(output, code, 0)
	f.limits(map[string]string{"AgentBusyMilliseconds": "1", "AgentDeniedMilliseconds": "1"})
	f.busy("Get-VHD", "*ubuntu-24.04.vhdx", 1)
	output, code = f.runJob(strings.Replace(sized, "by-hand", "second", 1))
	f.wantOutput(output, code, 1, "image 'ubuntu-24.04' is in use", "no backup, virus scan")
}

func TestAllDeletionsAndReplacementsWaitForFilesInUse(t *testing.T) {
	t.Parallel()
	direct := regexp.MustCompile(`\[System\.IO\.(File|Directory)\]::(Delete|Move|Replace)\(|\b(Remove|Move|Rename)-Item\b`)
	for name, text := range scripts(t) {
		// GuestScript.ps1 has the script that runs in a guest.
		if base := filepath.Base(name); base == "FileOperation.ps1" || base == "GuestScript.ps1" {
			continue
		}
		for i, line := range strings.Split(text, "\n") {
			if found := direct.FindString(line); found != "" {
				t.Errorf("%s:%d: %s fails at once while another process has the file open: use a function of FileOperation.ps1", name, i+1, found)
			}
		}
	}
	if manifest := scripts(t)["lib/Manifest.ps1"]; strings.Contains(manifest, "ReadAllText") {
		t.Error("lib/Manifest.ps1 must read with Read-SharedFile: a reader without FileShare.Delete makes the replacement of the file fail")
	}
}

// https://learn.microsoft.com/windows/win32/debug/system-error-codes--0-499- and --1000-1299-
func TestWhatIsRepeatedWhileAFileIsInUse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	output, code := f.runScript(`
. '%agent%'
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$script:AgentRetryMilliseconds = 1
$script:AgentBusyMilliseconds = 60000
$script:AgentDeniedMilliseconds = 60000
function Get-Calls {
    param($Times, $Make)
    $script:calls = 0
    try {
        Invoke-FileOperation -Path 'x' -Action {
            $script:calls++
            if ($script:calls -le $Times) { throw (& $Make) }
            'done'
        }
    } catch { "failed: $($_.Exception.Message)" }
    "calls: $($script:calls)"
}
function New-Failure { param([int] $Code) New-Object -TypeName System.IO.IOException -ArgumentList 'in use', $Code }
foreach ($code in -2147024864, -2147024863, -2147024751, -2147024593, -2147023721, -2147023720, -2147023719) { "$code $(Get-Calls 3 { New-Failure $code })" }
"denied $(Get-Calls 3 { New-Object -TypeName System.UnauthorizedAccessException })"
"text $(Get-Calls 3 { 'The process cannot access the file. (0x80070020).' })"
"busy $(Get-Calls 3 { New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList (New-Object -TypeName System.Exception), 'ObjectInUse,X', 'ResourceBusy', $null })"
"missing $(Get-Calls 3 { New-Failure (-2147024894) })"
"full $(Get-Calls 3 { New-Failure (-2147024784) })"
`)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, line := range strings.Split(strings.TrimSpace(output), "\n") {
		want := "done calls: 4"
		if strings.HasPrefix(line, "missing") || strings.HasPrefix(line, "full") {
			want = "failed: in use calls: 1"
		}
		if !strings.HasSuffix(strings.TrimSpace(line), want) {
			t.Errorf("%s, want %s", line, want)
		}
	}
	if n := strings.Count(output, "calls: "); n != 12 {
		t.Errorf("%d results, want 12:\n%s", n, output)
	}
}

// https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-replacefilew: the file that is replaced must not be open without
// FILE_SHARE_DELETE.
func TestAManifestIsReplacedOnceItsReaderHasClosedIt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	path := filepath.Join(f.dir, "folder", "hypervvm.json")
	f.must(os.Mkdir(filepath.Dir(path), 0o700))
	f.must(os.WriteFile(path, []byte("old"), 0o600))
	f.hold(path)
	output, code := f.runScript(`
. '%agent%'
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
function Start-Sleep { 'waits'; sh -c 'chattr -i "$1"; chmod u+w "$(dirname "$1")"' sh '%path%' 2>$null }
$empty = New-Object -TypeName System.Collections.ArrayList
Save-JobManifest -Manifest @{
    Folder = [System.IO.Path]::GetDirectoryName('%path%'); JobId = 'job'; VMId = 'vm'; Recorded = @{}; Files = $empty; Disk = ''; DataDisks = $empty; AssignedMacs = $empty
}
Read-SharedFile -Path '%path%'
`, "%path%", path)
	f.wantOutput(output, code, 0, "waits", `"job_id":"job"`)
}
