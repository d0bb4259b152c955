// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// set gives one field of the virtual machine its value, or without one what the machine would have had without it, and
// says what it did.
func (r *run) set(p *updatePlan, name string) (text string, err error) {
	switch name {
	case "vm_name":
		return r.rename(p)
	case "cpu_cores":
		wanted, before := int(r.fields.number(name)), p.vm.ProcessorCount
		if wanted != before {
			err = r.store.SetVMProcessor(r.ctx, r.vmID, wanted)
		}
		return fmt.Sprintf("%d, was %d", wanted, before), err
	case "notes":
		notes := r.fields.text(name)
		return "changed", r.store.SetVM(r.ctx, r.vmID, hyperv.VMSettings{Notes: &notes})
	case "switch_name":
		return r.setSwitch(p, r.fields.text(name))
	case "vlan_id":
		id := int(r.fields.number(name))
		adapter, err := r.adapter(p)
		if err != nil {
			return "", err
		}
		return formatVLAN(id) + ", was " + formatVLAN(vlanOf(adapter)), r.store.SetVMNetworkAdapterVlan(r.ctx, r.vmID, adapter.ID, id)
	case "mac_address":
		return r.setMAC(p, r.fields.text(name))
	case "network_adapters":
		return r.setAdapters(p)
	case "disk_size_gb":
		return r.setDiskSize(p)
	case "data_disks":
		return r.setDataDisks(p)
	case "vm_clustered":
		wanted, before := r.fields.flag(name), p.vm.Clustered
		switch {
		case wanted && !before:
			err = r.addRole(r.clusterName())
		case before && !wanted:
			err = r.store.RemoveClusterGroup(r.ctx, r.vmID)
		}
		return fmt.Sprintf("%t, was %t", wanted, before), err
	}
	if text, ok, err := r.setHardware(p, name); ok {
		return text, err
	}
	return "recorded", nil
}

func (r *run) rename(p *updatePlan) (string, error) {
	name := r.fields.text("vm_name")
	unlock, err := r.store.LockNames()
	if err != nil {
		return "", err
	}
	defer unlock()
	taken, err := r.nameTaken(p.host, name, r.vmID)
	if err == nil {
		err = first(taken)
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("'%s', was '%s'", name, p.vm.Name), r.store.RenameVM(r.ctx, r.vmID, name)
}

// adapter gives the first adapter, as it is now.
func (r *run) adapter(p *updatePlan) (hyperv.Adapter, error) {
	adapters, err := r.store.GetVMNetworkAdapter(r.ctx, r.vmID)
	if err != nil {
		return hyperv.Adapter{}, err
	}
	ours, _ := p.manifest.ours()
	first := firstAdapter(adapters, ours)
	if first < 0 {
		return hyperv.Adapter{}, fail(protocol.CodeStepFailed, fmt.Sprintf("virtual machine '%s' has no network adapter", p.vm.Name), "", "")
	}
	return adapters[first], nil
}

func (r *run) setSwitch(p *updatePlan, name string) (string, error) {
	adapter, err := r.adapter(p)
	if err != nil {
		return "", err
	}
	before := "not connected"
	if adapter.SwitchName != "" {
		before = "'" + adapter.SwitchName + "'"
	}
	if name == "" {
		return "not connected, was " + before, r.store.DisconnectVMNetworkAdapter(r.ctx, r.vmID, adapter.ID)
	}
	found, err := r.findSwitch(name)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("'%s', was %s", found, before), r.store.ConnectVMNetworkAdapter(r.ctx, r.vmID, adapter.ID, found)
}
