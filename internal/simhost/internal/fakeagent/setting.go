// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// setting is a field that one parameter of a cmdlet sets.
type setting struct {
	cmdlet, parameter string
	preset            any     // the default of Hyper-V: a bool, a number, text or a list; a folder that is empty is that of the virtual machine
	low, high         float64 // limits of a number
	off               bool    // the virtual machine must be off
	shown             func(vm *job.VM, value any)
}

// bitsPerMegabit is the unit of bandwidths in definitions; the cmdlets count bits.
const bitsPerMegabit = 1e6

func (s setting) isFolder() bool    { return s.cmdlet == "Set-VM" }
func (s setting) isTemplate() bool  { return s.parameter == "SecureBootTemplate" }
func (s setting) isBootOrder() bool { return s.parameter == "BootOrder" }
func (s setting) isVLANList() bool  { return s.parameter == "AllowedVlanIdList" }
func (s setting) countsBits() bool {
	return s.parameter == "MaximumBandwidth" || s.parameter == "MinimumBandwidthAbsolute"
}
func (s setting) ofAdapter() bool { return s.cmdlet == setVMNetworkAdapter || s.cmdlet == setVLAN }

// rule returns the rule of the values of a setting.
func (s setting) rule() rule {
	switch s.preset.(type) {
	case bool:
		return booleanRule()
	case float64:
		return wholeNumber(s.low, s.high)
	}
	switch {
	case s.isTemplate():
		return oneOf(slices.Sorted(maps.Keys(secureBootTemplates))...)
	case s.isBootOrder():
		return rule{text("requirement_boot_order", "kinds", strings.Join(bootKinds, ", ")), isBootOrder}
	case s.isVLANList():
		return rule{text("requirement_vlan_list"), func(v any) bool { list, ok := v.(string); return ok && (list == "" || vlanList(list) != "") }}
	}
	return rule{text("requirement_folder"), func(v any) bool { folder, _ := v.(string); return isFolder(folder) }}
}

// holder returns the settings of the device; nil if the virtual machine has none.
func (s setting) holder(vm *hyperv.VM) *map[string]any {
	switch {
	case !s.ofAdapter():
		return &vm.Settings
	case len(vm.Adapters) == 0:
		return nil
	}
	return &vm.Adapters[0].Settings
}

// of returns the value of a virtual machine as a definition has it.
func (s setting) of(vm hyperv.VM) any {
	if s.isBootOrder() {
		return bootOrder(vm)
	}
	holder := s.holder(&vm)
	if holder == nil || s.cmdlet == setVLAN && vm.Adapters[0].VLANMode != "Trunk" {
		return s.preset
	}
	if s.isTemplate() {
		for word, template := range secureBootTemplates {
			if template == vm.SecureBootTemplate {
				return word
			}
		}
		return vm.SecureBootTemplate
	}
	switch value := (*holder)[s.parameter].(type) {
	case nil:
		if s.isFolder() {
			return vm.Path
		}
		return s.preset
	case string:
		switch {
		case s.isVLANList():
			return vlanList(value)
		case s.isFolder():
			return value
		}
		return value == "On"
	case float64:
		if s.countsBits() {
			return value / bitsPerMegabit
		}
		return value
	default:
		return value
	}
}

// wanted returns the value in a definition, or the default.
func (s setting) wanted(vm hyperv.VM, f fields, name string) any {
	switch {
	case f.has(name):
		return f[name]
	case s.isFolder():
		return vm.Path
	case s.isTemplate() && f.text("os_family") == "linux":
		return "microsoft_uefi_certificate_authority"
	}
	return s.preset
}

// same reports whether the value a of a definition and the value b of a virtual machine mean the same.
func (s setting) same(a, b any) bool {
	if s.isBootOrder() {
		wanted, _ := a.([]any)
		order, _ := b.([]any)
		return sameBootOrder(wanted, order)
	}
	left, isText := a.(string)
	right, _ := b.(string)
	switch {
	case isText && s.isVLANList():
		return vlanList(left) == vlanList(right)
	case isText && s.isFolder():
		return pathKey(strings.TrimRight(left, "/")) == pathKey(strings.TrimRight(right, "/"))
	}
	return a == b
}

// apply sets the value of a virtual machine.
func (s setting) apply(vm *hyperv.VM, value any) error {
	if wanted, ok := value.([]any); ok && s.isBootOrder() {
		setBootOrder(vm, wanted)
		return nil
	}
	holder := s.holder(vm)
	if holder == nil {
		return fail("adapter_missing", "", "vm", vm.Name)
	}
	if s.isTemplate() {
		word, _ := value.(string)
		vm.SecureBootTemplate = secureBootTemplates[word]
		return nil
	}
	if *holder == nil {
		*holder = map[string]any{}
	}
	if s.cmdlet == setVLAN {
		s.applyVLAN(&vm.Adapters[0], value)
		return nil
	}
	switch number, isNumber := value.(float64); {
	case s.parameter == "MacAddressSpoofing":
		value = map[bool]string{true: "On", false: "Off"}[value == true]
	case isNumber && s.countsBits():
		value = number * bitsPerMegabit
	}
	(*holder)[s.parameter] = value
	return nil
}

// applyVLAN makes an adapter a trunk, or untagged if it is one and gets no VLANs.
func (s setting) applyVLAN(a *hyperv.Adapter, value any) {
	if s.isVLANList() && value == "" {
		if a.VLANMode == "Trunk" {
			a.VLANMode = "Untagged"
		}
		return
	}
	if s.isVLANList() && a.VLANMode != "Trunk" {
		a.VLANMode, a.VLANID = "Trunk", 0
		a.Settings["NativeVlanId"] = 0.0
	}
	if a.VLANMode == "Trunk" {
		a.Settings[s.parameter] = value
	}
}

var vlanRange = regexp.MustCompile(`^ *([0-9]{1,4})(?: *- *([0-9]{1,4}))? *$`)

// vlanList returns a list of VLAN IDs in ascending order, with ranges for neighbours; empty if it is not valid.
func vlanList(list string) string {
	var has [4095]bool
	for part := range strings.SplitSeq(list, ",") {
		match := vlanRange.FindStringSubmatch(part)
		if match == nil {
			return ""
		}
		first, _ := strconv.Atoi(match[1])
		last, _ := strconv.Atoi(cmp.Or(match[2], match[1]))
		if first < 1 || last > 4094 || first > last {
			return ""
		}
		for id := first; id <= last; id++ {
			has[id] = true
		}
	}
	var parts []string
	for id := 1; id <= 4094; id++ {
		if !has[id] {
			continue
		}
		first := id
		for id < 4094 && has[id+1] {
			id++
		}
		part := strconv.Itoa(first)
		if id > first {
			part += "-" + strconv.Itoa(id)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
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
	names = slices.DeleteFunc(slices.Sorted(slices.Values(names)), func(name string) bool {
		s, ok := hardwareSettings[name]
		return !ok || s.cmdlet != cmdlet || s.same(s.wanted(before, j.fields, name), s.of(before))
	})
	slices.Reverse(names) // the list of a trunk comes before its native VLAN
	if len(names) == 0 {
		return nil
	}
	return j.change(cmdlet, func(_ *hyperv.State, vm *hyperv.VM) error {
		for _, name := range names {
			if err := hardwareSettings[name].apply(vm, hardwareSettings[name].wanted(*vm, j.fields, name)); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkSettings reports a reserve above the limit, and a wait for what a disabled integration service reports.
func (c *check) checkSettings() {
	reserve, limit := c.fields.number("processor_reserve"), c.fields.number("processor_limit")
	if c.fields.has("processor_limit") && reserve > limit {
		c.add(finding("processor_reserve_exceeds_limit", "processor_reserve", "reserve", formatNumber(reserve), "limit", formatNumber(limit)))
	}
	const service = "integration_key_value_pair_exchange"
	if c.operation == job.OperationProvision && c.fields.has(service) && !c.fields.flag(service) && c.fields.waitCondition() == "setup" {
		c.add(finding("wait_service_disabled", service, "condition", text("condition_setup"), "field", service))
	}
}

// fewVMs is up to how many virtual machines show all settings if no job created them.
const fewVMs = 8

// showSettings adds the settings that a job has set, or all of those of one that no job created, if all is set.
func showSettings(shown *job.VM, vm hyperv.VM, recorded fields, all bool) {
	for name, s := range hardwareSettings {
		value := s.of(vm)
		switch {
		case !recorded.has(name) && !all, s.isTemplate() && vm.Generation != 2, s.ofAdapter() && len(vm.Adapters) == 0:
			continue
		case !s.isBootOrder() && recorded.has(name) && s.same(recorded[name], value):
			value = recorded[name] // as the definition spells it
		}
		s.shown(shown, value)
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
	return ok && s.off && !s.same(s.wanted(vm, wanted, name), s.of(vm))
}
