// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// TestAFolderIsWrittenInAnotherWay has a host that returns paths in canonical form. See path_form in unknown.tsv.
func TestAFolderIsWrittenInAnotherWay(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 2, turns)
	f := newFixture(t)
	f.setFacts(hyperv.Facts{Variants: map[string]string{"path_form": "canonical"}})
	folder := filepath.Join(f.dir, "vms")
	f.must(os.Mkdir(folder, 0o700))
	written := f.dir + "/./vms/x/..//"
	disks := strings.Replace(definition, `"gb_ram"`, `"disk_size_gb": 3, "data_disks": [{"name": "data", "size_gb": 1}], "gb_ram"`, 1)
	output, code := f.runJob(disks, "-VMPath", "'"+written+"'")
	f.wantOutput(output, code, 0)
	vm := f.vms()[0]
	for _, path := range []string{vm.Path, vm.Drives[0].Path, vm.Drives[1].Path} {
		if path != filepath.Clean(path) || !strings.HasPrefix(path, folder+"/hypervvm/") {
			t.Errorf("path %s is not in canonical form", path)
		}
	}
	output, code = f.runScript(`
. '%agent%'
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
Import-Module -Name Hyper-V
$vm = ConvertTo-AgentVM -VM (Get-VM)
"image disk $($vm['disk_size_gb']) GiB, data disks $(@($vm['data_disks']).Count)"
`)
	f.wantOutput(output, code, 0, "image disk 3 GiB, data disks 1")
	grown := strings.NewReplacer(`"provision"`, `"update"`, `"size_gb": 1`, `"size_gb": 2`, `"disk_size_gb": 3`, `"disk_size_gb": 4`).Replace(disks)
	output, code = f.runJob(grown, "-VMId", vm.ID, "-Changed", "disk_size_gb,data_disks", "-VMPath", "'"+written+"'")
	f.wantOutput(output, code, 0)
	output, code = f.runJob(deletion, "-VMId", vm.ID)
	f.wantOutput(output, code, 0)
	if left := f.tree(folder); len(left) != 1 || strings.Contains(output, "left ") {
		t.Errorf("files are left: %v\n%s", left, output)
	}
}

// TestCanonicalFormOfPaths has the separators of this system; those of Windows are documented.
func TestCanonicalFormOfPaths(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	output, code := f.runScript(`
. '%agent%'
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
foreach ($path in '/a/b', '/a/b/', '/a//b', '/a/./b/c/..', '/', '//', '/a/..', 'D:\VMs', '', $null) { "[$(Get-CanonicalPath -Path $path)]" }
`)
	want := `[/a/b] [/a/b] [/a/b] [/a/b] [/] [/] [/] [D:\VMs] [] []`
	if got := strings.Join(strings.Fields(output), " "); code != 0 || got != want {
		t.Errorf("exit code %d: %s, want %s", code, got, want)
	}
}

func TestADiskThatAnotherVirtualMachineUsesInAnotherSpellingIsKept(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 2, turns)
	f := newFixture(t)
	disk := filepath.Join(f.dir, "job", "web.vhdx")
	f.must(os.Mkdir(filepath.Dir(disk), 0o700))
	f.must(os.WriteFile(disk, nil, 0o600))
	f.must(f.store.Update(func(s *hyperv.State) error {
		s.VMs = append(s.VMs, hyperv.VM{
			ID: "6f0c2a5e-8a3b-4b3e-9d0f-2f6a1c9b7e10", Name: "other", State: "Off", Generation: 2,
			Drives: []hyperv.Drive{{ControllerType: "SCSI", Path: f.dir + "/./job/x/..//WEB.vhdx"}},
		})
		return nil
	}))
	output, code := f.runScript(`
. '%agent%'
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
Import-Module -Name Hyper-V
$context = New-AgentContext -Token '' -Writer ([System.Console]::Out)
$job = New-AgentJob -Id 'a0000000-0000-4000-8000-000000000001' -Definition @{ Operation = 'delete'; Fields = @{ vm_name = 'web' } }
Remove-JobFile -Context $context -Job $job -Manifest @{ Folder = '%dir%/job'; JobId = 'job'; Files = @('%disk%') } -Disks @('%disk%')
`, "%dir%", f.dir, "%disk%", disk)
	f.wantOutput(output, code, 0, "warning: left "+disk+": virtual machine 'other' uses it")
	if _, err := os.Stat(disk); err != nil {
		t.Errorf("the disk was deleted: %v", err)
	}
}

// TestAHostThatWritesThePathsOfDisksInAnotherWay has drives whose paths are those of the manifest in another spelling, as after somebody
// attached the disks again.
func TestAHostThatWritesThePathsOfDisksInAnotherWay(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 1, turns)
	f := newFixture(t)
	disks := strings.Replace(definition, `"gb_ram"`, `"disk_size_gb": 3, "data_disks": [{"name": "data", "size_gb": 1}, {"name": "log", "size_gb": 1}], "gb_ram"`, 1)
	output, code := f.runJob(disks)
	f.wantOutput(output, code, 0)
	var folder string
	f.must(f.store.Update(func(s *hyperv.State) error {
		folder = filepath.Dir(filepath.Dir(s.VMs[0].Drives[0].Path))
		for i := range s.VMs[0].Drives {
			d := &s.VMs[0].Drives[i]
			d.Path = filepath.Dir(d.Path) + "/./x/..//" + filepath.Base(d.Path)
		}
		return nil
	}))
	output, code = f.runScript(`
. '%agent%'
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
Import-Module -Name Hyper-V
$machine = Get-VM
$vm = ConvertTo-AgentVM -VM $machine
"image disk $($vm['disk_size_gb']) GiB, data disks $(Join-AgentText -Text @($vm['data_disks'] | ForEach-Object -Process { $_.name }))"
$manifest = Find-JobManifest -VM $machine
"attached: $($null -ne (Find-AttachedDrive -VM $machine -Path $manifest.Disk)), user: $((Find-DiskUser -Path $manifest.Disk -ExceptId '').Name)"
Remove-ManifestDisk -Manifest $manifest -Path ($manifest.Folder + '//.//' + [System.IO.Path]::GetFileName($manifest.DataDisks[0].path))
"recorded: $($manifest.Files.Count) files, $($manifest.DataDisks.Count) data disk"
`)
	f.wantOutput(output, code, 0, "image disk 3 GiB, data disks data, log", "attached: True, user: by-hand", "recorded: 2 files, 1 data disk")
	vm := f.vms()[0]
	grown := strings.NewReplacer(`"provision"`, `"update"`, `{"name": "data", "size_gb": 1}`, `{"name": "data", "size_gb": 2}`, `, {"name": "log", "size_gb": 1}`, ``).Replace(disks)
	output, code = f.runJob(grown, "-VMId", vm.ID, "-Changed", "data_disks")
	f.wantOutput(output, code, 0, "data_disks: expanded data, detached log")
	output, code = f.runJob(deletion, "-VMId", vm.ID)
	f.wantOutput(output, code, 0)
	if _, err := os.Stat(folder); !os.IsNotExist(err) || strings.Contains(output, "left ") {
		t.Errorf("files are left: %v\n%s", f.tree(folder), output)
	}
}
