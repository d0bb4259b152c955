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

// power returns definition as an update with a power state and force_stop.
func power(state, force string) string {
	return strings.NewReplacer(`"provision"`, `"update"`, `"gb_ram"`, `"power_state": "`+state+`", "force_stop": `+force+`, "gb_ram"`).Replace(definition)
}

// changeVM changes the only virtual machine of the host.
func (f *fixture) changeVM(change func(*hyperv.VM)) {
	f.Helper()
	f.must(f.store.Update(func(s *hyperv.State) error { change(&s.VMs[0]); return nil }))
}

// https://learn.microsoft.com/powershell/module/hyper-v/stop-vm and https://github.com/kubev2v/forklift/pull/8407: Stop-VM -Force turns
// a virtual machine off when its shutdown service does not respond, and when its guest refuses.
func TestAGuestThatCannotBeShutDownIsNotTurnedOff(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 4, turns)
	for name, test := range map[string]struct {
		shutdown hyperv.Shutdown
		want     string
	}{
		"its shutdown service does not respond": {hyperv.Shutdown{NotReady: true}, "its shutdown service has not responded"},
		"its shutdown service is disabled":      {hyperv.Shutdown{Disabled: true}, "its shutdown service is disabled"},
		"it keeps running":                      {hyperv.Shutdown{Ignored: true}, "is still running 1 seconds after its guest was asked to shut down"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.limits(map[string]string{"AgentShutdownReadySeconds": "1", "AgentShutdownSeconds": "1", "AgentPowerPollMilliseconds": "10"})
			id, _ := f.provisioned()
			f.changeVM(func(vm *hyperv.VM) { vm.Shutdown = &test.shutdown })
			output, code := f.runJob(power("off", "false"), "-VMId", id, "-Changed", "power_state")
			if vm := f.vms()[0]; vm.State != "Running" || vm.PowerCut {
				t.Errorf("state %s, power cut %t; the guest must keep running", vm.State, vm.PowerCut)
			}
			f.wantOutput(output, code, 1, test.want, "force_stop = true")

			output, code = f.runJob(power("off", "true"), "-VMId", id, "-Changed", "power_state")
			f.wantOutput(output, code, 0, "stop: warning: virtual machine 'by-hand' is turned off, as force_stop allows")
			if vm := f.vms()[0]; vm.State != "Off" || vm.PowerCut {
				t.Errorf("state %s, power cut %t; want it turned off by Stop-VM -TurnOff", vm.State, vm.PowerCut)
			}
		})
	}
}

func TestAShutdownWaitsForTheServiceOfTheGuest(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 5, turns)
	f := newFixture(t)
	f.limits(map[string]string{"AgentPowerPollMilliseconds": "10"})
	id, _ := f.provisioned()
	f.changeVM(func(vm *hyperv.VM) { vm.Shutdown = &hyperv.Shutdown{ReadyAfter: 3} })
	output, code := f.runJob(power("off", "false"), "-VMId", id, "-Changed", "power_state")
	f.wantOutput(output, code, 0, "stop: waiting up to 120 seconds for the shutdown service of the guest")
	if vm := f.vms()[0]; vm.State != "Off" || vm.PowerCut {
		t.Errorf("state %s, power cut %t; want it shut down", vm.State, vm.PowerCut)
	}
}

// https://learn.microsoft.com/powershell/module/hyper-v/resume-vm: a paused virtual machine is resumed, not started.
func TestAPausedOrSavedVirtualMachineIsResumed(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 0, turns)
	for from, step := range map[string]string{"Paused": "step_resume", "Saved": "step_start"} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			id, _ := f.provisioned()
			f.changeVM(func(vm *hyperv.VM) { vm.State = from })
			output, code := f.runJob(power("running", "false"), "-VMId", id, "-Changed", "power_state")
			f.wantOutput(output, code, 0, "start: "+f.message(step, nil))
			if vm := f.vms()[0]; vm.State != "Running" {
				t.Errorf("state %s, want Running", vm.State)
			}
			f.changeVM(func(vm *hyperv.VM) { vm.State = from })
			output, code = f.runJob(power("off", "false"), "-VMId", id, "-Changed", "power_state")
			f.wantOutput(output, code, 0, "the memory of its guest is discarded")
		})
	}
}

func TestAHibernatedVirtualMachineIsDeleted(t *testing.T) {
	t.Parallel()
	sample.Turn(t, 4, turns)
	f := newFixture(t)
	id, disk := f.provisioned()
	f.changeVM(func(vm *hyperv.VM) { vm.State = "Hibernated" })
	f.must(f.store.Update(func(s *hyperv.State) error {
		s.Behaviour.Calls = map[string]hyperv.Call{"Stop-VM": {Fail: "The operation cannot be performed while the object is in its current state."}}
		return nil
	}))
	output, code := f.runJob(deletion, "-VMId", id)
	f.wantOutput(output, code, 0, "the virtual machine is Hibernated and could not be turned off")
	if _, err := os.Stat(filepath.Dir(disk)); !os.IsNotExist(err) {
		t.Errorf("the folder of the virtual machine is still there: %v", err)
	}
}

func TestTheWaitForAShutdownCanBeCancelled(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	output, code := f.runScript(`
. '%agent%'
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$script:AgentPowerPollMilliseconds = 1
$script:status = 12
function Get-CimInstance { [pscustomobject]@{ EnabledState = 2; OperationalStatus = @($script:status) } }
function Invoke-CimMethod { [pscustomobject]@{ ReturnValue = 0 } }
function Find-HostVM { [pscustomobject]@{ State = 'Stopping' } }
function Stop-VM { 'turned off' }
function Write-JobEvent { }
$context = @{ Key = 'key' }
$null = [System.IO.Directory]::CreateDirectory((Get-JobFolder -Key 'key'))
[System.IO.File]::WriteAllText((Get-JobFile -Key 'key' -Name 'cancel'), '')
$vm = [pscustomobject]@{ Id = [guid]::NewGuid(); Name = 'by-hand' }
foreach ($status in 12, 2) {
    $script:status = $status
    $job = @{ Committed = $false; ShuttingDown = $false; Fields = @{ force_stop = $true } }
    try { Stop-JobVM -Context $context -Job $job -VM $vm -State 'running' } catch { "$($_.Exception.Data['code']), asked: $($job.ShuttingDown)" }
}
`)
	want := "cancelled, asked: False\ncancelled, asked: True"
	if got := strings.TrimSpace(output); code != 0 || got != want {
		t.Errorf("exit code %d, output\n%s\nwant\n%s", code, got, want)
	}
}
