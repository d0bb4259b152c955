// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// onlyVM returns the only virtual machine on a host.
func onlyVM(t *testing.T, server *simhost.Server) hyperv.VM {
	t.Helper()
	state, err := server.Store().Read()
	if err != nil {
		t.Fatal(err)
	}
	if len(state.VMs) != 1 {
		t.Fatalf("the host has %+v", state.VMs)
	}
	return state.VMs[0]
}

func TestHardwareIsCreatedUpdatedAndRead(t *testing.T) {
	t.Parallel()
	server := realAgentInTurn(t, 3)
	h := connected(t, server)
	config := linux("web-01").with(attrs{
		"generation": 2, "gb_ram_min": 1.5, "gb_ram_max": 8, "secure_boot": false, "tpm": true,
		"checkpoint_type": "production", "start_action": "nothing", "stop_action": "turn_off",
	})
	created := h.mustApply(h.none(), config)
	vm := onlyVM(t, server)
	if !vm.DynamicMemory || vm.MemoryMinimumBytes != 3<<29 || vm.MemoryMaximumBytes != 8<<30 || vm.SecureBoot != "Off" || !vm.TPM ||
		vm.CheckpointType != "Production" || vm.AutomaticStartAction != "Nothing" || vm.AutomaticStopAction != "TurnOff" {
		t.Errorf("the host has %+v", vm)
	}
	read := h.mustRead(created)
	h.wantEmptyPlan(read, config)

	wider := config.with(attrs{"gb_ram_max": 16, "checkpoint_type": "standard", "start_action": "start_if_running"})
	h.mustSucceed("a higher maximum", h.plan(read, wider).diags)
	h.mustFail(h.plan(read, wider.with(attrs{"gb_ram_max": 6})).diags, "gb_ram_max", "allow_power_cycle = true")
	changed := h.mustApply(read, wider) // the virtual machine keeps running
	if vm = onlyVM(t, server); vm.MemoryMaximumBytes != 16<<30 || vm.CheckpointType != "Standard" || vm.AutomaticStartAction != "StartIfRunning" {
		t.Errorf("the host has %+v", vm)
	}
	h.wantEmptyPlan(changed, wider)
	wider["allow_power_cycle"] = true

	updateHost(t, server, func(s *hyperv.State) {
		vm := &s.VMs[0]
		vm.DynamicMemory, vm.SecureBoot, vm.TPM, vm.AutomaticStopAction = false, "On", false, "Save"
	})
	h = connected(t, server)
	drifted := h.mustRead(changed)
	for name, want := range map[string]any{"gb_ram_min": 0, "gb_ram_max": 0, "secure_boot": true, "tpm": false, "stop_action": "save"} {
		if got := h.get(drifted, name); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s is read as %v, want %v", name, got, want)
		}
	}
	corrected := h.mustApply(drifted, wider)
	if vm = onlyVM(t, server); !vm.DynamicMemory || vm.SecureBoot != "Off" || !vm.TPM || vm.AutomaticStopAction != "TurnOff" || vm.State != "Running" {
		t.Errorf("the host has %+v", vm)
	}
	h.wantEmptyPlan(corrected, wider)

	plain := linux("web-01").with(attrs{"allow_power_cycle": true})
	h.wantEmptyPlan(corrected, plain) // what is left out is kept
	plain = plain.with(attrs{"gb_ram_min": 0, "gb_ram_max": 0, "secure_boot": true, "tpm": false, "checkpoint_type": "disabled", "stop_action": "shut_down"})
	back := h.mustApply(corrected, plain)
	if vm = onlyVM(t, server); vm.DynamicMemory || vm.SecureBoot != "On" || vm.TPM || vm.CheckpointType != "Disabled" || vm.AutomaticStopAction != "ShutDown" {
		t.Errorf("the host has %+v", vm)
	}
	h.wantEmptyPlan(back, plain)
	h.mustApply(back, nil)
	wantEmptyHost(t, server)
}

func TestSecuritySettingsThatTheHostCannotReadAreKept(t *testing.T) {
	t.Parallel()
	server := realAgentInTurn(t, 4)
	h := connected(t, server)
	config := linux("web-01").with(attrs{"secure_boot": true, "tpm": true})
	created := h.mustApply(h.none(), config)
	updateHost(t, server, func(s *hyperv.State) {
		s.Behaviour.Calls = map[string]hyperv.Call{"Get-VMFirmware": {Fail: "no"}, "Get-VMSecurity": {Fail: "no"}}
	})
	h = connected(t, server)
	read := h.mustRead(created)
	h.wantEmptyPlan(read, config)
}

func TestPlanRejectsInvalidHardware(t *testing.T) {
	t.Parallel()
	server := realAgentInTurn(t, 5)
	h := connected(t, server)
	first := linux("web-01").with(attrs{"generation": 1})
	p := h.plan(h.none(), first.with(attrs{"tpm": true, "secure_boot": true}))
	h.mustWarn(p.diags, "tpm", "Virtual machine web-01 cannot be created: tpm", "does not support a virtual TPM")
	h.mustWarn(p.diags, "secure_boot", "Virtual machine web-01 cannot be created: secure_boot", "does not support secure boot")
	h.mustFail(h.validate(linux("web-01").with(attrs{"gb_ram": 4, "gb_ram_min": 8, "gb_ram_max": 16})), "gb_ram_min", "more than")
	h.mustFail(h.plan(h.none(), linux("web-02").with(attrs{"gb_ram_min": 0.3, "gb_ram_max": 16})).diags, "gb_ram_min", "multiple of 1/512")
	h.mustWarn(h.plan(h.none(), linux("web-03").with(attrs{"gb_ram_min": 1, "gb_ram_max": 128})).diags, "gb_ram_max", "cannot reach its maximum")
	h = connected(t, server)
	created := h.mustApply(h.none(), first.with(attrs{"secure_boot": false}))
	if vm := onlyVM(t, server); vm.Generation != 1 || vm.Drives[0].ControllerType != "IDE" {
		t.Errorf("the host has %+v", vm)
	}
	p = h.plan(created, first.with(attrs{"generation": 2, "tpm": true}))
	h.mustSucceed("another generation", p.diags)
	if len(p.replace) != 1 || p.replace[0] != "generation" {
		t.Errorf("replaced because of %v", p.replace)
	}
}
