// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

func finding(field, code, message, remedy string) job.Finding {
	return job.Finding{Field: field, Severity: job.SeverityError, Code: code, Message: message, Remedy: remedy}
}

// adapterPart gives the path of a part of a further adapter.
func adapterPart(index int, part string) string {
	return fmt.Sprintf("network_adapters[%d].%s", index, part)
}

// wrongAdapters gives the findings about the further adapters and all MAC addresses.
func (s *view) wrongAdapters(host hyperv.Host, f fields, vmID string) (found []job.Finding, err error) {
	specs := f.adapters()
	if len(specs) == 0 && !f.has("mac_address") {
		return nil, nil
	}
	names, err := s.wrongNames(specs, vmID)
	if err != nil {
		return nil, err
	}
	found = append(found, names...)
	for i, spec := range specs {
		missing, err := s.wrongSwitch(host, adapterPart(i, "switch_name"), spec.switchName)
		if err != nil {
			return nil, err
		}
		found = append(found, missing...)
	}
	taken, err := s.takenMACs(f, specs, vmID)
	return append(found, taken...), err
}

// wrongNames gives the findings about names that further adapters cannot have.
func (s *view) wrongNames(specs []adapterSpec, vmID string) (found []job.Finding, err error) {
	for i, spec := range specs {
		if strings.EqualFold(spec.name, firstAdapterName) {
			found = append(found, finding(adapterPart(i, "name"), protocol.CodeAdapterName,
				"the first network adapter has the name '"+firstAdapterName+"'", "choose another name"))
		}
	}
	if vmID == "" || len(specs) == 0 {
		return found, nil
	}
	vm, ok, err := s.find(vmID)
	if err != nil || !ok {
		return found, err
	}
	ours, recorded := findManifest(vm).ours()
	if !recorded {
		return append(found, finding("network_adapters", protocol.CodeAdapterName,
			fmt.Sprintf("no job is recorded for virtual machine '%s', so that its network adapters cannot be told apart", vm.Name),
			"leave network_adapters out")), nil
	}
	for i, spec := range specs {
		if strings.EqualFold(spec.name, firstAdapterName) || findSpec(ours, spec.name) >= 0 || findAdapter(vm.Adapters, -1, spec.name) == nil {
			continue
		}
		found = append(found, finding(adapterPart(i, "name"), protocol.CodeAdapterName,
			fmt.Sprintf("virtual machine '%s' has a network adapter '%s' that no job made", vm.Name, spec.name),
			"choose another name, or remove that adapter"))
	}
	return found, nil
}

// takenMACs gives the findings about MAC addresses that another machine of the host has, or that are given twice.
func (s *view) takenMACs(f fields, specs []adapterSpec, vmID string) (found []job.Finding, err error) {
	paths, macs := []string{"mac_address"}, []string{f.text("mac_address")}
	for i, spec := range specs {
		paths, macs = append(paths, adapterPart(i, "mac_address")), append(macs, spec.mac)
	}
	if strings.Join(macs, "") == "" {
		return nil, nil
	}
	vms, err := s.store.ListVMs(s.ctx)
	if err != nil {
		return nil, err
	}
	for i, mac := range macs {
		if mac == "" {
			continue
		}
		twice := -1
		for j := range i {
			if macs[j] == mac {
				twice = j
				break
			}
		}
		if twice >= 0 {
			found = append(found, finding(paths[i], protocol.CodeMACTaken, fmt.Sprintf("MAC address %s is given in %s already", mac, paths[twice]), "choose another address"))
		} else if vm, a := macHolder(vms, mac, vmID); a != nil {
			found = append(found, finding(paths[i], protocol.CodeMACTaken,
				fmt.Sprintf("network adapter '%s' of virtual machine '%s' has MAC address %s already", a.Name, vm.Name, mac), "choose another address"))
		}
	}
	return found, nil
}

// macHolder gives the adapter that has an address, and its machine, but for the machine with the id except.
func macHolder(vms []hyperv.VM, mac, except string) (*hyperv.VM, *hyperv.Adapter) {
	for i := range vms {
		for j := range vms[i].Adapters {
			if a := &vms[i].Adapters[j]; vms[i].ID != except && digits(a.MACAddress) == digits(mac) {
				return &vms[i], a
			}
		}
	}
	return nil, nil
}

// wrongSwitch gives the finding about the switch that a field names, or that is needed where it names none.
func (s *view) wrongSwitch(host hyperv.Host, field, name string) ([]job.Finding, error) {
	switches, err := s.store.GetVMSwitch(s.ctx)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(switches))
	for i := range switches {
		names[i] = switches[i].Name
	}
	sortNames(names)
	known := strings.Join(names, ", ")
	switch {
	case len(names) == 0:
		return []job.Finding{finding(field, protocol.CodeSwitchMissing, fmt.Sprintf("host %s has no virtual switch", host.Name), "create one with New-VMSwitch")}, nil
	case name != "" && !containsFold(names, name):
		return []job.Finding{finding(field, protocol.CodeSwitchMissing,
			fmt.Sprintf("virtual switch '%s' does not exist on host %s", name, host.Name), "use one of: "+known)}, nil
	case name == "" && len(names) > 1:
		return []job.Finding{finding(field, protocol.CodeSwitchAmbiguous,
			fmt.Sprintf("host %s has %d virtual switches and none was named", host.Name, len(names)), "set switch_name to one of: "+known)}, nil
	}
	return nil, nil
}

// needsOff gives the findings about an update of a machine that runs, and that would have to be off. No changed field stands for all
// that the definition has.
func (s *view) needsOff(d definition, vmID string, changed []string) ([]job.Finding, error) {
	if d.operation != job.OperationUpdate || vmID == "" || d.fields.text("power_state") == "off" {
		return nil, nil
	}
	vm, ok, err := s.find(vmID)
	if err != nil || !ok || vm.State == "Off" {
		return nil, err
	}
	var found []job.Finding
	if len(changed) == 0 {
		changed = d.fields.names
	}
	for _, name := range adaptersNeedOff(vm, findManifest(vm), d.fields, changed) {
		found = append(found, finding(name, protocol.CodePowerCycleRefused,
			fmt.Sprintf("changing %s needs virtual machine '%s' to be off, and it is %s", name, vm.Name, powerState(vm.State)),
			"allow the power cycle, or turn it off first"))
	}
	return found, nil
}
