// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// firstAdapterName is the name of the network adapter of a new virtual machine.
const firstAdapterName = "Network Adapter"

// noMAC is the address of a network adapter before its first start.
const noMAC = "000000000000"

// adapterSpec is a further network adapter of a definition.
type adapterSpec struct {
	name, switchName string
	vlan             int    // 0: untagged
	mac              string // empty: assigned by the host
}

func (f fields) adapters() (specs []adapterSpec) {
	for _, item := range f.list("network_adapters") {
		object, _ := item.(map[string]any)
		part := fields(object)
		specs = append(specs, adapterSpec{part.text("name"), part.text("switch_name"), int(part.number("vlan_id")), part.text("mac_address")})
	}
	return specs
}

// recordedAdapters returns the further adapters that the job of a virtual machine created.
func (m *manifest) recordedAdapters() []adapterSpec {
	if m == nil {
		return nil
	}
	return m.Recorded.adapters()
}

// firstAdapter returns the index of the first adapter that no job added, or -1.
func firstAdapter(adapters []hyperv.Adapter, recorded []adapterSpec) int {
	return slices.IndexFunc(adapters, func(a hyperv.Adapter) bool { return specOf(recorded, a.Name) < 0 })
}

// specOf returns the index of the adapter with a name, or -1.
func specOf(specs []adapterSpec, name string) int {
	return slices.IndexFunc(specs, func(s adapterSpec) bool { return strings.EqualFold(s.name, name) })
}

// adapterOf returns the adapter with a name, except the one at index first, or nil.
func adapterOf(adapters []hyperv.Adapter, first int, name string) *hyperv.Adapter {
	for i := range adapters {
		if i != first && strings.EqualFold(adapters[i].Name, name) {
			return &adapters[i]
		}
	}
	return nil
}

// macDigits returns a MAC address without separators.
func macDigits(mac string) string {
	return strings.ToUpper(strings.NewReplacer("-", "", ":", "").Replace(mac))
}

// staticMAC returns the address, with hyphens, of an adapter whose address is not assigned by the host; otherwise an empty string.
func staticMAC(a hyperv.Adapter) string {
	mac := macDigits(a.MACAddress)
	if a.DynamicMAC || len(mac) != 12 || mac == noMAC {
		return ""
	}
	var pairs []string
	for i := 0; i < len(mac); i += 2 {
		pairs = append(pairs, mac[i:i+2])
	}
	return strings.Join(pairs, "-")
}

func vlanOf(a hyperv.Adapter) int {
	if a.VLANMode != "Access" {
		return 0
	}
	return a.VLANID
}

// setMAC sets the address of an adapter; with an empty one the host assigns it.
func setMAC(s *hyperv.State, a *hyperv.Adapter, mac string) {
	a.MACAddress, a.DynamicMAC = macDigits(mac), false
	if mac == "" {
		a.MACAddress, a.DynamicMAC = fmt.Sprintf("00155D%06X", s.NextMAC), true
		s.NextMAC++
	}
}

// changeAdapter runs action in place of a cmdlet that changes an adapter of the virtual machine.
func (j *hostJob) changeAdapter(cmdlet, id string, action func(*hyperv.State, *hyperv.VM, *hyperv.Adapter) error) error {
	return j.change(cmdlet, func(s *hyperv.State, vm *hyperv.VM) error {
		for i := range vm.Adapters {
			if vm.Adapters[i].ID == id {
				err := action(s, vm, &vm.Adapters[i])
				updateGuest(vm, s.Behaviour.Guest)
				return err
			}
		}
		return errors.New("the network adapter was not found")
	})
}

// connectAdapter connects an adapter to a switch, or disconnects it from all.
func (j *hostJob) connectAdapter(id, switchName string) error {
	cmdlet := "Disconnect-VMNetworkAdapter"
	if switchName != "" {
		cmdlet = "Connect-VMNetworkAdapter"
		found, err := j.findSwitch(switchName)
		if err != nil {
			return err
		}
		switchName = found
	}
	return j.changeAdapter(cmdlet, id, func(_ *hyperv.State, _ *hyperv.VM, a *hyperv.Adapter) error {
		a.SwitchName = switchName
		return nil
	})
}

func (j *hostJob) setVLAN(id string, vlan int) error {
	return j.changeAdapter("Set-VMNetworkAdapterVlan", id, func(_ *hyperv.State, _ *hyperv.VM, a *hyperv.Adapter) error {
		a.VLANMode, a.VLANID = "Untagged", 0
		if vlan > 0 {
			a.VLANMode, a.VLANID = "Access", vlan
		}
		return nil
	})
}

func (j *hostJob) setMAC(id, mac string) error {
	return j.changeAdapter("Set-VMNetworkAdapter", id, func(s *hyperv.State, vm *hyperv.VM, a *hyperv.Adapter) error {
		if err := requireState("Set-VMNetworkAdapter", vm, "Off"); err != nil {
			return err
		}
		setMAC(s, a, mac)
		return nil
	})
}

// requireHotAdd returns an error if network adapters cannot be added and removed now: only generation 2 allows it while running.
func requireHotAdd(cmdlet string, vm *hyperv.VM) error {
	if vm.Generation == 2 {
		return requireState(cmdlet, vm, "Off", "Running")
	}
	return requireState(cmdlet, vm, "Off")
}

func (j *hostJob) addAdapter(spec adapterSpec) error {
	a := hyperv.Adapter{ID: uuid.NewString(), Name: spec.name, VLANMode: "Untagged"}
	err := j.change("Add-VMNetworkAdapter", func(s *hyperv.State, vm *hyperv.VM) error {
		setMAC(s, &a, spec.mac)
		vm.Adapters = append(vm.Adapters, a)
		return requireHotAdd("Add-VMNetworkAdapter", vm)
	})
	if err == nil {
		err = j.connectAdapter(a.ID, spec.switchName)
	}
	if err == nil && spec.vlan > 0 {
		err = j.setVLAN(a.ID, spec.vlan)
	}
	if err == nil {
		j.log("adapter_added", "adapter", spec.name, "switch", spec.switchName, "vlan", formatVLAN(spec.vlan), "mac", cmp.Or(spec.mac, text("mac_dynamic")))
	}
	return err
}

func (j *hostJob) removeAdapter(id string) error {
	return j.change("Remove-VMNetworkAdapter", func(_ *hyperv.State, vm *hyperv.VM) error {
		vm.Adapters = slices.DeleteFunc(vm.Adapters, func(a hyperv.Adapter) bool { return a.ID == id })
		return requireHotAdd("Remove-VMNetworkAdapter", vm)
	})
}

func describeNetwork(j *hostJob) string {
	values := []any{"switch", j.plan.switchName, "vlan", formatVLAN(int(j.fields.number("vlan_id")))}
	if mac := j.fields.text("mac_address"); mac != "" {
		return text("step_network_mac", append(values, "mac", mac)...)
	}
	return text("step_network", values...)
}

// connectNetwork configures the first network adapter of a new virtual machine and adds the further ones.
func connectNetwork(j *hostJob) error {
	for _, name := range []string{"mac_address", "switch_name", "vlan_id"} {
		if name == "switch_name" || j.fields.has(name) {
			if err := changeFirstAdapter(j, name); err != nil {
				return err
			}
		}
	}
	for _, spec := range j.fields.adapters() {
		if err := j.addAdapter(spec); err != nil {
			return err
		}
	}
	return nil
}

// changeFirstAdapter configures a field of the first network adapter.
func changeFirstAdapter(j *hostJob, name string) error {
	vm, err := j.readVM("Get-VMNetworkAdapter")
	if err != nil {
		return err
	}
	first := firstAdapter(vm.Adapters, j.plan.manifest.recordedAdapters())
	if first < 0 {
		return fail("adapter_missing", "", "vm", vm.Name)
	}
	a := vm.Adapters[first]
	switch name {
	case "vlan_id":
		return j.setVLAN(a.ID, int(j.fields.number(name)))
	case "mac_address":
		if mac := j.fields.text(name); staticMAC(a) != mac {
			return j.setMAC(a.ID, mac)
		}
		return nil
	}
	if j.operation == job.OperationProvision {
		return j.connectAdapter(a.ID, j.plan.switchName)
	}
	return j.connectAdapter(a.ID, j.fields.text(name))
}

// changeAdapters adds the new network adapters, changes the existing ones, and then removes those that are no longer wanted.
func changeAdapters(j *hostJob, _ string) error {
	vm, err := j.readVM("Get-VMNetworkAdapter")
	if err != nil {
		return err
	}
	wanted, recorded := j.fields.adapters(), j.plan.manifest.recordedAdapters()
	first := firstAdapter(vm.Adapters, recorded)
	for _, spec := range wanted {
		if adapterOf(vm.Adapters, first, spec.name) == nil {
			if err := j.addAdapter(spec); err != nil {
				return err
			}
		}
	}
	for _, spec := range wanted {
		if a := adapterOf(vm.Adapters, first, spec.name); a != nil {
			if err := j.updateAdapter(*a, spec); err != nil {
				return err
			}
		}
	}
	for _, spec := range recorded {
		if a := adapterOf(vm.Adapters, first, spec.name); a != nil && specOf(wanted, spec.name) < 0 {
			if err := j.removeAdapter(a.ID); err != nil {
				return err
			}
			j.log("adapter_removed", "adapter", spec.name)
		}
	}
	return nil
}

// updateAdapter changes the settings of an adapter that differ.
func (j *hostJob) updateAdapter(a hyperv.Adapter, spec adapterSpec) error {
	if !strings.EqualFold(a.SwitchName, spec.switchName) {
		if err := j.connectAdapter(a.ID, spec.switchName); err != nil {
			return err
		}
	}
	if vlanOf(a) != spec.vlan {
		if err := j.setVLAN(a.ID, spec.vlan); err != nil {
			return err
		}
	}
	if staticMAC(a) != spec.mac {
		return j.setMAC(a.ID, spec.mac)
	}
	return nil
}

// adapterCycle returns the changed fields of network adapters that require the virtual machine to be off.
func adapterCycle(vm hyperv.VM, m *manifest, wanted fields, changed []string) (names []string) {
	recorded := m.recordedAdapters()
	first := firstAdapter(vm.Adapters, recorded)
	if slices.Contains(changed, "mac_address") && first >= 0 && staticMAC(vm.Adapters[first]) != wanted.text("mac_address") {
		names = append(names, "mac_address")
	}
	if !slices.Contains(changed, "network_adapters") {
		return names
	}
	hot := vm.Generation == 2 && vm.State == "Running"
	specs, needed := wanted.adapters(), false
	for _, spec := range specs {
		a := adapterOf(vm.Adapters, first, spec.name)
		needed = needed || a == nil && !hot || a != nil && staticMAC(*a) != spec.mac
	}
	for _, spec := range recorded {
		needed = needed || !hot && specOf(specs, spec.name) < 0 && adapterOf(vm.Adapters, first, spec.name) != nil
	}
	if needed {
		names = append(names, "network_adapters")
	}
	return names
}
