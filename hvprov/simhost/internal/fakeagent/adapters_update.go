// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// setMAC gives the first adapter an address of its own, or has the host choose.
func (r *run) setMAC(p *updatePlan, mac string) (string, error) {
	adapter, err := r.adapter(p)
	if err != nil {
		return "", err
	}
	before := staticMAC(adapter)
	if before != mac {
		err = r.store.SetVMNetworkAdapter(r.ctx, r.vmID, adapter.ID, digits(mac))
	}
	return fmt.Sprintf("%s, was %s", orChosen(mac), orChosen(before)), err
}

// setAdapters makes the further adapters what is asked for: first those that are new, and last those that are to go.
func (r *run) setAdapters(p *updatePlan) (string, error) {
	adapters, err := r.store.GetVMNetworkAdapter(r.ctx, r.vmID)
	if err != nil {
		return "", err
	}
	wanted := r.fields.adapters()
	ours, _ := p.manifest.ours()
	first := firstAdapter(adapters, ours)
	added, changed, removed := 0, 0, 0
	for _, spec := range wanted {
		if findAdapter(adapters, first, spec.name) != nil {
			continue
		}
		r.made.adapters = append(r.made.adapters, spec.name)
		if err := r.addAdapter(spec); err != nil {
			return "", err
		}
		added++
	}
	for _, spec := range wanted {
		a := findAdapter(adapters, first, spec.name)
		if a == nil {
			continue
		}
		texts, err := r.changeAdapter(*a, spec)
		if err != nil {
			return "", err
		}
		if len(texts) > 0 {
			changed++
			r.log("network adapter '%s': %s", spec.name, strings.Join(texts, "; "))
		}
	}
	for _, spec := range ours {
		a := findAdapter(adapters, first, spec.name)
		if a == nil || findSpec(wanted, spec.name) >= 0 {
			continue
		}
		if err := r.store.RemoveVMNetworkAdapter(r.ctx, r.vmID, a.ID); err != nil {
			return "", err
		}
		removed++
		r.log("network adapter '%s': removed", spec.name)
	}
	return fmt.Sprintf("%d added, %d changed, %d removed", added, changed, removed), nil
}

// changeAdapter gives an adapter the settings that it has not, and says which.
func (r *run) changeAdapter(a hyperv.Adapter, spec adapterSpec) (texts []string, err error) {
	if !strings.EqualFold(a.SwitchName, spec.switchName) {
		name, err := r.findSwitch(spec.switchName)
		if err == nil {
			err = r.store.ConnectVMNetworkAdapter(r.ctx, r.vmID, a.ID, name)
		}
		if err != nil {
			return nil, err
		}
		before := "not connected"
		if a.SwitchName != "" {
			before = "'" + a.SwitchName + "'"
		}
		texts = append(texts, fmt.Sprintf("switch '%s', was %s", name, before))
	}
	if before := vlanOf(a); before != spec.vlan {
		if err := r.store.SetVMNetworkAdapterVlan(r.ctx, r.vmID, a.ID, spec.vlan); err != nil {
			return nil, err
		}
		texts = append(texts, formatVLAN(spec.vlan)+", was "+formatVLAN(before))
	}
	if before := staticMAC(a); before != spec.mac {
		if err := r.store.SetVMNetworkAdapter(r.ctx, r.vmID, a.ID, digits(spec.mac)); err != nil {
			return nil, err
		}
		texts = append(texts, sayMAC(spec.mac)+", was "+orChosen(before))
	}
	return texts, nil
}

// adaptersNeedOff gives the fields whose change needs the machine to be off: those of MAC addresses, and of adapters that are added or
// removed where the machine does not take that while it runs.
func adaptersNeedOff(vm hyperv.VM, m *manifest, wanted fields, changed []string) (names []string) {
	ours, _ := m.ours()
	first := firstAdapter(vm.Adapters, ours)
	if slices.Contains(changed, "mac_address") && first >= 0 && staticMAC(vm.Adapters[first]) != wanted.text("mac_address") {
		names = append(names, "mac_address")
	}
	if !slices.Contains(changed, "network_adapters") {
		return names
	}
	hot := vm.Generation == 2 && vm.State == "Running"
	specs := wanted.adapters()
	needed := false
	for _, spec := range specs {
		a := findAdapter(vm.Adapters, first, spec.name)
		needed = needed || a == nil && !hot || a != nil && staticMAC(*a) != spec.mac
	}
	for _, spec := range ours {
		needed = needed || !hot && findSpec(specs, spec.name) < 0 && findAdapter(vm.Adapters, first, spec.name) != nil
	}
	if needed {
		names = append(names, "network_adapters")
	}
	return names
}

// undoAdapters takes back the adapters that an update added.
func (r *run) undoAdapters() {
	for i := len(r.made.adapters) - 1; i >= 0; i-- {
		name := r.made.adapters[i]
		vm, ok, err := r.find(r.vmID)
		if err == nil && !ok {
			return
		}
		ours, _ := findManifest(vm).ours()
		a := findAdapter(vm.Adapters, firstAdapter(vm.Adapters, append(ours, adapterSpec{name: name})), name)
		if err == nil && a == nil {
			continue
		}
		r.undoPart("removed network adapter '"+name+"'", "network adapter '"+name+"'", func() error {
			if err != nil {
				return err
			}
			return r.store.RemoveVMNetworkAdapter(r.ctx, r.vmID, a.ID)
		})
	}
}
