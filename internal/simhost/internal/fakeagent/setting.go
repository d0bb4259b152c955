// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"slices"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// setting is a field that one parameter of a cmdlet sets.
type setting struct {
	cmdlet, parameter string
	preset            any     // the default of Hyper-V: a bool or a number
	low, high         float64 // limits of a number
	off               bool    // the virtual machine must be off
	shown             func(vm *job.VM, value any)
}

// setVMNetworkAdapter is the cmdlet whose settings the first network adapter has.
const setVMNetworkAdapter = "Set-VMNetworkAdapter"

// bitsPerMegabit is the unit of bandwidths in definitions; the cmdlets count bits.
const bitsPerMegabit = 1e6

// hardwareSettings are the settings by field.
var hardwareSettings = map[string]setting{
	"nested_virtualization":   {"Set-VMProcessor", "ExposeVirtualizationExtensions", false, 0, 0, true, showFlag(func(vm *job.VM) **bool { return &vm.NestedVirtualization })},
	"processor_compatibility": {"Set-VMProcessor", "CompatibilityForMigrationEnabled", false, 0, 0, true, showFlag(func(vm *job.VM) **bool { return &vm.ProcessorCompatibility })},
	"processor_weight":        {"Set-VMProcessor", "RelativeWeight", 100.0, 1, 10000, false, showCount(func(vm *job.VM) **int { return &vm.ProcessorWeight })},
	"processor_reserve":       {"Set-VMProcessor", "Reserve", 0.0, 0, 100, false, showCount(func(vm *job.VM) **int { return &vm.ProcessorReserve })},
	"processor_limit":         {"Set-VMProcessor", "Maximum", 100.0, 1, 100, false, showCount(func(vm *job.VM) **int { return &vm.ProcessorLimit })},
	"memory_weight":           {"Set-VMMemory", "Priority", 50.0, 1, 100, false, showCount(func(vm *job.VM) **int { return &vm.MemoryWeight })},
	"mac_spoofing":            {setVMNetworkAdapter, "MacAddressSpoofing", false, 0, 0, false, showFlag(func(vm *job.VM) **bool { return &vm.MACSpoofing })},
	"bandwidth_limit_mbps":    {setVMNetworkAdapter, "MaximumBandwidth", 0.0, 0, 1e6, false, showCount(func(vm *job.VM) **int { return &vm.BandwidthLimit })},
}

func showFlag(at func(*job.VM) **bool) func(*job.VM, any) {
	return func(vm *job.VM, value any) { flag := value == true; *at(vm) = &flag }
}

func showCount(at func(*job.VM) **int) func(*job.VM, any) {
	return func(vm *job.VM, value any) { number, _ := value.(float64); count := int(number); *at(vm) = &count }
}

// rule returns the rule of the values of a setting.
func (s setting) rule() rule {
	if _, isFlag := s.preset.(bool); isFlag {
		return rule{text("requirement_boolean"), func(v any) bool { _, ok := v.(bool); return ok }}
	}
	return wholeNumber(s.low, s.high)
}

// holder returns the settings of the device; nil if the virtual machine has none.
func (s setting) holder(vm *hyperv.VM) *map[string]any {
	switch {
	case s.cmdlet != setVMNetworkAdapter:
		return &vm.Settings
	case len(vm.Adapters) == 0:
		return nil
	}
	return &vm.Adapters[0].Settings
}

// of returns the value of a virtual machine as a definition has it.
func (s setting) of(vm hyperv.VM) any {
	holder := s.holder(&vm)
	if holder == nil {
		return s.preset
	}
	switch value := (*holder)[s.parameter].(type) {
	case nil:
		return s.preset
	case string:
		return value == "On"
	case float64:
		if s.parameter == "MaximumBandwidth" {
			return value / bitsPerMegabit
		}
		return value
	default:
		return value
	}
}

// wanted returns the value in a definition, or the default.
func (s setting) wanted(f fields, name string) any {
	if f.has(name) {
		return f[name]
	}
	return s.preset
}

// apply sets the value of a virtual machine.
func (s setting) apply(vm *hyperv.VM, value any) error {
	holder := s.holder(vm)
	if holder == nil {
		return fail("adapter_missing", "", "vm", vm.Name)
	}
	if *holder == nil {
		*holder = map[string]any{}
	}
	switch number, isNumber := value.(float64); {
	case s.parameter == "MacAddressSpoofing":
		value = map[bool]string{true: "On", false: "Off"}[value == true]
	case isNumber && s.parameter == "MaximumBandwidth":
		value = number * bitsPerMegabit
	}
	(*holder)[s.parameter] = value
	return nil
}

// setSetting changes all settings of the device of a field at once, as the agent does.
func setSetting(j *hostJob, name string) error {
	cmdlet := hardwareSettings[name].cmdlet
	if slices.Contains(j.plan.settled, cmdlet) {
		return nil
	}
	j.plan.settled = append(j.plan.settled, cmdlet)
	return j.setSettings(cmdlet, j.changed)
}

// setSettings sets those of the fields that the cmdlet sets and that differ.
func (j *hostJob) setSettings(cmdlet string, names []string) error {
	before := j.plan.vm
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		s, ok := hardwareSettings[name]
		return !ok || s.cmdlet != cmdlet || s.wanted(j.fields, name) == s.of(before)
	})
	if len(names) == 0 {
		return nil
	}
	return j.change(cmdlet, func(_ *hyperv.State, vm *hyperv.VM) error {
		for _, name := range names {
			if err := hardwareSettings[name].apply(vm, hardwareSettings[name].wanted(j.fields, name)); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkSettings reports a reserve above the limit.
func (c *check) checkSettings() {
	reserve, limit := c.fields.number("processor_reserve"), c.fields.number("processor_limit")
	if c.fields.has("processor_limit") && reserve > limit {
		c.add(finding("processor_reserve_exceeds_limit", "processor_reserve", "reserve", formatNumber(reserve), "limit", formatNumber(limit)))
	}
}

// showSettings adds the settings that a job has set.
func showSettings(shown *job.VM, vm hyperv.VM, recorded fields) {
	for name, s := range hardwareSettings {
		if recorded.has(name) {
			s.shown(shown, s.of(vm))
		}
	}
}

// settingRules returns the rules of all settings.
func settingRules() map[string]rule {
	all := map[string]rule{}
	for name, s := range hardwareSettings {
		all[name] = s.rule()
	}
	return all
}

// settingCycle reports whether a change of a field requires the virtual machine to be off.
func settingCycle(vm hyperv.VM, wanted fields, name string) bool {
	s, ok := hardwareSettings[name]
	return ok && s.off && s.wanted(wanted, name) != s.of(vm)
}
