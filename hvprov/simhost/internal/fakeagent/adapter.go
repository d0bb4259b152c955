// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// firstAdapterName is the name of the network adapter of a new virtual machine.
const firstAdapterName = "Network Adapter"

// noMAC is the address of a network adapter before its first start.
const noMAC = "000000000000"

// staticMAC returns the address, with hyphens, of an adapter whose address is not assigned by the host; otherwise an empty string.
func staticMAC(a hyperv.Adapter) string {
	if a.DynamicMAC || len(a.MACAddress) != 12 || a.MACAddress == noMAC {
		return ""
	}
	var pairs []string
	for i := 0; i < len(a.MACAddress); i += 2 {
		pairs = append(pairs, a.MACAddress[i:i+2])
	}
	return strings.ToUpper(strings.Join(pairs, "-"))
}

func vlanOf(a hyperv.Adapter) int {
	if a.VLANMode != "Access" {
		return 0
	}
	return a.VLANID
}

// sameSwitches returns the types and GUIDs of the virtual switches with a name.
func sameSwitches(s *hyperv.State, name string) (found []string) {
	for _, sw := range s.Switches {
		if name != "" && strings.EqualFold(sw.Name, name) {
			found = append(found, sw.Type+" "+sw.ID)
		}
	}
	slices.Sort(found)
	return found
}

// findSwitch returns the name of the virtual switch in its own letter case, or of the only one if name is empty.
func (j *hostJob) findSwitch(name string) (found string, err error) {
	err = j.cmdlet("Get-VMSwitch", false, func(s *hyperv.State) error {
		if same := sameSwitches(s, name); len(same) > 1 {
			return fail("switch_name_ambiguous", "switch_name", "name", name, "count", len(same), "switches", strings.Join(same, ", "))
		}
		for _, sw := range s.Switches {
			if strings.EqualFold(sw.Name, name) || name == "" && len(s.Switches) == 1 {
				found = sw.Name
			}
		}
		return nil
	})
	return found, err
}

func describeNetwork(j *hostJob) string {
	return text("step_network", "switch", j.plan.switchName, "vlan", formatVLAN(int(j.fields.number("vlan_id"))))
}

// connectNetwork configures the network adapter of a new virtual machine.
func connectNetwork(j *hostJob) error {
	err := changeAdapter(j, "switch_name")
	if err == nil && j.fields.has("vlan_id") {
		err = changeAdapter(j, "vlan_id")
	}
	return err
}

// changeAdapter configures switch_name or vlan_id of the first network adapter.
func changeAdapter(j *hostJob, name string) error {
	vm, err := j.readVM("Get-VMNetworkAdapter")
	if err != nil {
		return err
	}
	if len(vm.Adapters) == 0 {
		return fail("adapter_missing", "", "vm", vm.Name)
	}
	if name == "vlan_id" {
		return j.setVLAN(int(j.fields.number(name)))
	}
	if j.operation == job.OperationProvision {
		return j.connectAdapter(j.plan.switchName)
	}
	return j.connectAdapter(j.fields.text(name))
}

// connectAdapter connects the first network adapter to a switch, or to the only one of the host if the name is empty.
func (j *hostJob) connectAdapter(switchName string) error {
	switchName, err := j.findSwitch(switchName)
	if err != nil {
		return err
	}
	return j.change("Connect-VMNetworkAdapter", func(_ *hyperv.State, vm *hyperv.VM) error {
		if len(vm.Adapters) == 0 {
			return errors.New("the network adapter was not found")
		}
		vm.Adapters[0].SwitchName = switchName
		updateGuest(vm)
		return nil
	})
}

func (j *hostJob) setVLAN(vlan int) error {
	return j.change("Set-VMNetworkAdapterVlan", func(_ *hyperv.State, vm *hyperv.VM) error {
		if len(vm.Adapters) == 0 {
			return errors.New("the network adapter was not found")
		}
		a := &vm.Adapters[0]
		if a.VLANMode, a.VLANID = "Untagged", 0; vlan > 0 {
			a.VLANMode, a.VLANID = "Access", vlan
		}
		return nil
	})
}

// dynamicMAC returns an address that the host assigns.
func dynamicMAC(s *hyperv.State) string {
	mac := fmt.Sprintf("00155D%06X", s.NextMAC)
	s.NextMAC++
	return mac
}
