// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// actionValues are the values of the fields about what becomes of a machine, the first of which holds where none is given.
var actionValues = map[string][]string{
	"checkpoint_type": {"disabled", "standard", "production", "production_only"},
	"start_action":    {"start_if_running", "nothing", "start"},
	"stop_action":     {"shut_down", "turn_off", "save"},
}

// wantedOfActions says what a field about actions must be when value is not that.
func wantedOfActions(name string, value any) string {
	values := actionValues[name]
	if text, _ := value.(string); values == nil || slices.Contains(values, text) {
		return ""
	}
	return "one of: " + strings.Join(values, ", ")
}

// action gives the value of a field about actions, or what a new virtual machine has without one.
func (f fields) action(name string) string {
	if f.has(name) {
		return f.text(name)
	}
	return actionValues[name][0]
}

// pascal gives a name that clients know as Hyper-V has it: start_if_running is StartIfRunning.
func pascal(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

func (f fields) formatCheckpoint() string {
	if kind := f.action("checkpoint_type"); kind != "disabled" {
		return "checkpoints: " + kind
	}
	return "checkpoints: off"
}

// vmSettings gives the notes of a new virtual machine, and what is to become of it.
func (f fields) vmSettings() hyperv.VMSettings {
	notes := f.text("notes")
	return hyperv.VMSettings{
		Notes: &notes, CheckpointType: pascal(f.action("checkpoint_type")),
		AutomaticStartAction: pascal(f.action("start_action")), AutomaticStopAction: pascal(f.action("stop_action")),
	}
}

// actionOf gives what a virtual machine has of a field about actions.
func actionOf(vm hyperv.VM, name string) string {
	return snake(map[string]string{
		"checkpoint_type": vm.CheckpointType, "start_action": vm.AutomaticStartAction, "stop_action": vm.AutomaticStopAction,
	}[name])
}

// setAction changes one field about actions, and tells what became of it.
func (r *run) setAction(vm hyperv.VM, name string) (text string, err error) {
	before, after := actionOf(vm, name), r.fields.action(name)
	if before != after {
		var settings hyperv.VMSettings
		switch name {
		case "checkpoint_type":
			settings.CheckpointType = pascal(after)
		case "start_action":
			settings.AutomaticStartAction = pascal(after)
		case "stop_action":
			settings.AutomaticStopAction = pascal(after)
		}
		err = r.store.SetVM(r.ctx, r.vmID, settings)
	}
	return after + ", was " + before, err
}
