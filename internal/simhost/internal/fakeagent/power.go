// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"maps"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// powerActions are the steps of each action by power state, as in agent/lib/PowerJob.ps1.
var powerActions = map[string]map[string][]string{
	"start":     {"off": {"start"}, "saved": {"start"}, "paused": {"start"}, "starting": nil, "running": nil},
	"shut_down": {"running": {"stop"}, "stopping": {"stop"}, "off": nil},
	"turn_off": {
		"running": {"stop"}, "paused": {"stop"}, "saved": {"stop"}, "starting": {"stop"}, "stopping": {"stop"}, "other": {"stop"}, "off": nil,
	},
	"restart": {"running": {"stop", "start"}},
	"reset":   {"running": {"power"}},
	"save":    {"running": {"power"}, "paused": {"power"}, "saved": nil},
	"pause":   {"running": {"power"}, "paused": nil},
	"resume":  {"paused": {"start"}, "running": nil},
}

// planPower finds the virtual machine, and refuses an action that its state does not allow.
func planPower(j *hostJob) error {
	host, vm, err := j.existingVM()
	if err == nil {
		err = firstError(j.fields.notSimulated(nil))
	}
	if err != nil {
		return err
	}
	action, state := j.fields.text("power_action"), powerState(vm.State)
	steps, ok := powerActions[action][state]
	if !ok {
		states := slices.Sorted(maps.Keys(powerActions[action]))
		return fail("power_action_refused", "power_action", "action", action, "vm", vm.Name, "state", state, "states", strings.Join(states, ", "))
	}
	j.plan = plan{host: host, vm: vm, found: true, power: steps}
	return nil
}

func powerStep(name string) func(*hostJob) bool {
	return func(j *hostJob) bool { return slices.Contains(j.plan.power, name) }
}

func reportUnchanged(j *hostJob) error {
	if len(j.plan.power) == 0 {
		j.log("power_unchanged", "vm", j.plan.vm.Name, "state", powerState(j.plan.vm.State), "action", j.fields.text("power_action"))
	}
	return nil
}

func describePowerStop(j *hostJob) string {
	if j.fields.text("power_action") == "turn_off" {
		return text("step_turn_off")
	}
	return text("step_stop")
}

func stopForPower(j *hostJob) error {
	action := j.fields.text("power_action")
	j.stopped = action == "restart"
	return j.stopVM(action == "turn_off")
}

// changePower resets, saves or pauses a virtual machine.
func changePower(j *hostJob) error {
	action := j.fields.text("power_action")
	cmdlet := map[string]string{"reset": "Restart-VM", "save": "Save-VM", "pause": "Suspend-VM"}[action]
	return j.change(cmdlet, func(s *hyperv.State, vm *hyperv.VM) error {
		switch action {
		case "reset":
			vm.Resets++
		case "save":
			vm.State = "Saved"
		case "pause":
			vm.State = "Paused"
			return nil // its adapters keep their addresses
		}
		updateGuest(s, vm)
		return nil
	})
}

func startForPower(j *hostJob) error {
	if err := startVM(j); err != nil {
		return err
	}
	j.stopped = false
	return nil
}
