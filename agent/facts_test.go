// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/sample"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// The tests of this file hold the agent to how the real Hyper-V module behaves. The sources are in internal/simhost/standin/facts.

// absentID is the GUID of a virtual machine that does not exist.
const absentID = "00000000-0000-4000-8000-0000000000ff"

// inventory prints a line for each virtual machine of the inventory.
const inventory = `
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
. '%agent%'
function Write-Inventory {
    $result = Get-AgentInventory -Settings $null
    foreach ($vm in $result['vms']) { [System.Console]::WriteLine("$($vm['name']) is $($vm['power_state']), TPM $($vm['tpm'])") }
    if ($result.Contains('partial')) { foreach ($text in $result['partial']) { [System.Console]::WriteLine("partial: $text") } }
}
try { Write-Inventory } catch { [System.Console]::WriteLine("failed: $($_.Exception.Message)") }
`

// setFacts sets how the simulated host behaves.
func (f *fixture) setFacts(facts hyperv.Facts) {
	f.Helper()
	f.must(f.store.Update(func(s *hyperv.State) error {
		s.Behaviour.Facts = &facts
		return nil
	}))
}

// addVM adds a virtual machine of generation 2 that is off, after change has adapted it.
func (f *fixture) addVM(number int, name string, change func(*hyperv.VM)) hyperv.VM {
	f.Helper()
	vm := hyperv.VM{
		ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", number), Name: name, State: "Off", Generation: 2, MemoryStartupBytes: 1 << 30,
		MemoryMinimumBytes: 1 << 29, MemoryMaximumBytes: 1 << 40, ProcessorCount: 1, Path: filepath.Join(f.dir, name),
		CheckpointType: "Production", AutomaticStartAction: "StartIfRunning", AutomaticStopAction: "Save", SecureBoot: "On",
		SecureBootTemplate: "MicrosoftWindows",
	}
	if change != nil {
		change(&vm)
	}
	f.must(f.store.Update(func(s *hyperv.State) error {
		s.VMs = append(s.VMs, vm)
		return nil
	}))
	return vm
}

// edit returns the definition of an operation on the virtual machine of addVM.
func edit(operation, name, fields string) string {
	return fmt.Sprintf(`{"schema":{"id":"vm-provisioning","version":2},"operation":"%s","fields":{"vm_name":"%s","image_name":"ubuntu-24.04",`+
		`"os_family":"linux","gb_ram":1,"cpu_cores":1%s}}`, operation, name, fields)
}

// wantLines compares the lines of an output.
func (f *fixture) wantLines(output string, code int, want ...string) {
	f.Helper()
	got := strings.Split(strings.TrimSpace(strings.ReplaceAll(output, "\r", "")), "\n")
	if code != 0 || !slices.Equal(got, want) {
		f.Errorf("exit code %d, output\n%s\nwant\n%s", code, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Get-VM -Id reports ObjectNotFound where Get-VM -Name reports InvalidParameter:
// https://github.com/hashicorp/vagrant/blob/main/plugins/providers/hyperv/scripts/get_vm_status.ps1
func TestAVirtualMachineThatIsGoneIsDeletedAlready(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 0, turns)
	for _, variant := range []string{"object_not_found", "not_specified", "invalid_parameter"} {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.setFacts(hyperv.Facts{Variants: map[string]string{"missing_by_id": variant}})
			output, code := f.runJob(edit("delete", "gone", ""), "-VMId", absentID)
			f.wantOutput(output, code, 0, absentID)
			output, code = f.runJob(edit("update", "gone", `,"notes":"x"`), "-VMId", absentID, "-Changed", "notes")
			f.wantOutput(output, code, 1, f.message("vm_not_found", values{"id": absentID, "host": "SIMHOST"}))
		})
	}
}

// The same error is reported while the service does not run (https://github.com/kubernetes/minikube/issues/16679): it must not be
// taken for the proof that a virtual machine does not exist.
func TestAVirtualMachineThatCannotBeReadIsNotTakenForDeleted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	vm := f.addVM(1, "web", nil)
	f.setFacts(hyperv.Facts{Vanishing: []string{vm.ID}, Unreadable: []string{vm.ID}, VanishingAlways: true})
	output, code := f.runJob(edit("delete", "web", ""), "-VMId", vm.ID)
	f.wantOutput(output, code, 1, "Hyper-V")
	if len(f.vms()) != 1 {
		t.Error("the virtual machine was removed")
	}
}

// The module creates aliases such as Get-VMCheckpoint when it is imported, and an alias comes before a function:
// https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_command_precedence
func TestAVirtualMachineWithCheckpointsIsDeleted(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 4, turns)
	for name, c := range map[string]struct {
		state     string
		automatic bool
		variant   string
		step      string
	}{
		"that is off":                    {"Off", false, "", "remove checkpoints 'before'"},
		"that runs":                      {"Running", false, "", "remove checkpoints 'before'"},
		"that ends with the stop":        {"Running", true, "removed", "turn off"},
		"that the stop may also not end": {"Running", true, "kept", "remove checkpoints 'before'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			disk := filepath.Join(f.dir, "web.vhdx")
			f.must(hyperv.WriteDisk(disk, hyperv.Disk{Type: "Dynamic", SizeBytes: 1 << 30, FileBytes: 4 << 20}))
			above := filepath.Join(f.dir, "web_1.avhdx")
			f.must(hyperv.WriteDisk(above, hyperv.Disk{Type: "Differencing", SizeBytes: 1 << 30, Parent: disk, FileBytes: 4 << 20}))
			vm := f.addVM(1, "web", func(vm *hyperv.VM) {
				vm.State = c.state
				vm.Drives = []hyperv.Drive{{ControllerType: "SCSI", Path: above}}
				vm.Checkpoints = []hyperv.Checkpoint{{ID: "00000000-0000-4000-8000-0000000000c1", Name: "before", Automatic: c.automatic}}
			})
			f.setFacts(hyperv.Facts{Variants: map[string]string{"automatic_checkpoint_turn_off": c.variant}})
			output, code := f.runJob(edit("delete", "web", ""), "-VMId", vm.ID)
			f.wantOutput(output, code, 0, c.step)
			if len(f.vms()) != 0 {
				t.Error("the virtual machine was not removed")
			}
		})
	}
}

// Get-VMKeyProtector writes its bytes as one object; Microsoft's scripts for shielded virtual machines use the Length of its result.
func TestTheKeyProtectorOfAVirtualMachineIsKept(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 2, turns)
	for _, variant := range []string{"array", "bytes"} {
		for name, protector := range map[string]bool{"existing": true, "missing": false} {
			t.Run(variant+", "+name, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				vm := f.addVM(1, "web", func(vm *hyperv.VM) { vm.KeyProtector = protector })
				f.setFacts(hyperv.Facts{Variants: map[string]string{"key_protector_output": variant}})
				f.must(f.store.Update(func(s *hyperv.State) error {
					s.Behaviour.RecordCalls = true
					return nil
				}))
				output, code := f.runJob(edit("update", "web", `,"tpm":true`), "-VMId", vm.ID, "-Changed", "tpm")
				f.wantOutput(output, code, 0)
				calls, err := f.store.Calls()
				f.must(err)
				want := 1
				if protector {
					want = 0
				}
				if calls["Set-VMKeyProtector"] != want {
					t.Errorf("%d key protectors were set, want %d", calls["Set-VMKeyProtector"], want)
				}
				if got := f.vms()[0]; !got.TPM || !got.KeyProtector {
					t.Errorf("the virtual machine is %+v", got)
				}
			})
		}
	}
}

// The class VMSecurity has no VMId:
// https://github.com/dsccommunity/HyperVDsc/blob/main/tests/Unit/Stubs/Hyper-V.stubs.psm1
func TestTheInventoryReadsTheTPMOfEachVirtualMachine(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.addVM(1, "a", nil)
	f.addVM(2, "b", func(vm *hyperv.VM) { vm.KeyProtector, vm.TPM = true, true })
	f.addVM(3, "c", func(vm *hyperv.VM) { vm.Generation, vm.SecureBoot = 1, "Off" })
	output, code := f.runScript(inventory)
	f.wantLines(output, code, "a is off, TPM False", "b is off, TPM True", "c is off, TPM False")
}

// Get-VM writes a non-terminating error for each virtual machine that it cannot read, and lists the others:
// https://github.com/kubernetes/minikube/issues/16679
func TestAVirtualMachineThatDisappearsDoesNotFailTheInventory(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 4, turns)
	for name, facts := range map[string]hyperv.Facts{
		"while the host is listed":  {Vanishing: []string{"00000000-0000-4000-8000-000000000001"}},
		"after the host was listed": {Unreadable: []string{"00000000-0000-4000-8000-000000000001"}},
		"but is listed as deleted":  {Deleted: []string{"00000000-0000-4000-8000-000000000001"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.addVM(1, "a", nil)
			f.addVM(2, "b", nil)
			f.setFacts(facts)
			output, code := f.runScript(inventory)
			f.wantLines(output, code, "b is off, TPM False")
		})
	}
}

func TestAVirtualMachineThatCannotBeReadMakesTheInventoryPartial(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	vm := f.addVM(1, "a", nil)
	f.addVM(2, "b", nil)
	f.setFacts(hyperv.Facts{Vanishing: []string{vm.ID}, VanishingAlways: true})
	output, code := f.runScript(inventory)
	f.wantOutput(output, code, 0, "b is off", "partial: Hyper-V encountered an error")
}

func TestFilesAreKeptWhileAVirtualMachineCannotBeRead(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 3, turns)
	f := newFixture(t)
	output, code := f.runJob(edit("provision", "web", ""))
	f.wantOutput(output, code, 0)
	vm := f.vms()[0]
	other := f.addVM(1, "other", nil)
	f.setFacts(hyperv.Facts{Vanishing: []string{other.ID}, VanishingAlways: true})
	output, code = f.runJob(edit("delete", "web", ""), "-VMId", vm.ID)
	f.wantOutput(output, code, 0, "a virtual machine that cannot be read may use it")
	if _, err := os.Stat(vm.Drives[0].Path); err != nil {
		t.Error(err)
	}
}

// The module keeps objects in the process, and only events tell it of changes:
// https://learn.microsoft.com/powershell/module/hyper-v/enable-vmeventing
func TestASessionSeesTheChangesOfOthers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.addVM(1, "a", nil)
	f.setFacts(hyperv.Facts{KeepsObjects: true})
	output, code := f.runScript(inventory + `
$text = [System.IO.File]::ReadAllText($env:HYPERVVM_STANDIN_STATE)
[System.IO.File]::WriteAllText($env:HYPERVVM_STANDIN_STATE, $text.Replace('"state":"Off"', '"state":"Running"').Replace('"state": "Off"', '"state": "Running"'))
Write-Inventory
`)
	f.wantLines(output, code, "a is off, TPM False", "a is running, TPM False")
}

// The states are those of the enumeration VMState.
func TestEachStateHasAPowerState(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 3, turns)
	f := newFixture(t)
	rows := f.facts("states.tsv")
	for number, row := range rows {
		f.addVM(number+1, row[0], func(vm *hyperv.VM) { vm.State = row[0] })
	}
	output, code := f.runScript(inventory)
	f.wantOutput(output, code, 0)
	for _, row := range rows {
		if !strings.Contains(output, row[0]+" is "+row[1]+",") {
			t.Errorf("%s is not %s", row[0], row[1])
		}
	}
}

// The secure boot template of a virtual machine with a TPM cannot be set: https://github.com/hashicorp/packer-plugin-hyperv/issues/49
func TestSecureBootIsTurnedOnForAVirtualMachineWithATPM(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	vm := f.addVM(1, "web", func(vm *hyperv.VM) {
		vm.SecureBoot, vm.SecureBootTemplate, vm.KeyProtector, vm.TPM = "Off", "MicrosoftUEFICertificateAuthority", true, true
	})
	output, code := f.runJob(edit("update", "web", `,"secure_boot":true,"tpm":true`), "-VMId", vm.ID, "-Changed", "secure_boot")
	f.wantOutput(output, code, 0)
	if got := f.vms()[0].SecureBoot; got != "On" {
		t.Errorf("secure boot is %s", got)
	}
}

// facts returns the rows of a file of facts without its heading.
func (f *fixture) facts(name string) [][]string {
	f.Helper()
	text, err := os.ReadFile(filepath.Join("..", "internal", "simhost", "standin", "facts", name))
	f.must(err)
	var rows [][]string
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		rows = append(rows, strings.Split(line, "\t"))
	}
	return rows
}

// TestTheAgentWorksWithEachPossibleBehaviour runs the life of a virtual machine with each variant of what public sources do not settle.
func TestTheAgentWorksWithEachPossibleBehaviour(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 3, turns)
	walks := map[string]map[string]string{}
	for _, row := range newFixture(t).facts("unknown.tsv") {
		for i, variant := range strings.Fields(row[1])[1:] { // all other tests have the first
			name := row[0] + "/" + variant
			if os.Getenv("HYPERVVM_TEST_FULL") == "" {
				name = fmt.Sprintf("variants %d of all", i+2)
			}
			if walks[name] == nil {
				walks[name] = map[string]string{}
			}
			walks[name][row[0]] = variant
		}
	}
	if os.Getenv("HYPERVVM_TEST_FULL") == "" {
		t.Log("variants of different questions share a host: HYPERVVM_TEST_FULL=1 has a host for each")
	}
	for name, variants := range walks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.setFacts(hyperv.Facts{Variants: variants})
			output, code := f.runJob(edit("provision", "web", `,"tpm":true,"secure_boot":false`))
			f.wantOutput(output, code, 0)
			id := f.vms()[0].ID
			f.must(f.store.Update(func(s *hyperv.State) error {
				s.VMs[0].Checkpoints = []hyperv.Checkpoint{{ID: "00000000-0000-4000-8000-0000000000c1", Name: "automatic", Automatic: true}}
				return nil
			}))
			output, code = f.runJob(edit("update", "web", `,"tpm":true,"secure_boot":true`), "-VMId", id, "-Changed", "secure_boot", "-AllowPowerCycle")
			f.wantOutput(output, code, 0)
			if vm := f.vms()[0]; !vm.TPM || vm.SecureBoot != "On" {
				t.Errorf("the virtual machine is %+v", vm)
			}
			output, code = f.runScript(inventory)
			f.wantOutput(output, code, 0, "web is running, TPM True")
			output, code = f.runJob(edit("delete", "web", ""), "-VMId", id)
			f.wantOutput(output, code, 0)
			output, code = f.runJob(edit("delete", "web", ""), "-VMId", id)
			f.wantOutput(output, code, 0, id)
			if len(f.vms()) != 0 {
				t.Error("the virtual machine was not removed")
			}
		})
	}
}
