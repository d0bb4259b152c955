// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"slices"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// hardwarePlan is what an update does to memory, firmware and actions together.
type hardwarePlan struct {
	memory   *memoryPlan
	firmware firmwarePlan
	cycle    []string // the fields that need the virtual machine to be off
}

func (r *run) planHardware(host hyperv.Host, vm hyperv.VM, state string) (p hardwarePlan, err error) {
	if p.memory, err = r.planMemory(vm, state); err != nil {
		return p, err
	}
	if p.firmware, err = r.planFirmware(host, vm); err != nil {
		return p, err
	}
	p.cycle = slices.Concat(p.memory.cycle, p.firmware.cycle)
	// Hyper-V takes the other actions while the machine runs.
	if slices.Contains(r.changed, "stop_action") && actionOf(vm, "stop_action") != r.fields.action("stop_action") {
		p.cycle = append(p.cycle, "stop_action")
	}
	return p, nil
}

// setHardware changes one field, and tells what became of it. ok is false when the field is none of these.
func (r *run) setHardware(p *updatePlan, name string) (text string, ok bool, err error) {
	switch name {
	case "gb_ram", "gb_ram_min", "gb_ram_max":
		text, err = r.setMemory(p.hardware.memory, name)
	case "secure_boot", "tpm":
		text, err = r.setSecurity(p.hardware.firmware, name)
	case "checkpoint_type", "start_action", "stop_action":
		text, err = r.setAction(p.vm, name)
	default:
		return "", false, nil
	}
	return text, true, err
}
