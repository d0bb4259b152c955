// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// firstAdapterName is the name of the network adapter of a new virtual machine.
const firstAdapterName = "Network Adapter"

// staticMAC returns the address, with hyphens, of an adapter whose address is not assigned by the host; otherwise an empty string.
func staticMAC(a hyperv.Adapter) string {
	if a.DynamicMAC || len(a.MACAddress) != 12 || a.MACAddress == hyperv.NoMAC {
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
	vlan := formatVLAN(int(j.fields.number("vlan_id")))
	if mac := j.fields.text("mac_address"); mac != "" {
		return text("step_network_mac", "switch", j.plan.switchName, "vlan", vlan, "mac", mac)
	}
	return text("step_network", "switch", j.plan.switchName, "vlan", vlan)
}

// connectNetwork configures the network adapter of a new virtual machine.
func connectNetwork(j *hostJob) error {
	var err error
	if j.fields.has("mac_address") {
		err = changeAdapter(j, "mac_address")
	}
	if err == nil {
		err = changeAdapter(j, "switch_name")
	}
	if err == nil && j.fields.has("vlan_id") {
		err = changeAdapter(j, "vlan_id")
	}
	for _, cmdlet := range []string{setVMNetworkAdapter, setVLAN} {
		if err == nil {
			err = j.setSettings(cmdlet, j.fields.names())
		}
	}
	if err == nil {
		err = j.orderBoot()
	}
	return err
}

// changeAdapter configures switch_name, vlan_id or mac_address of the first network adapter.
func changeAdapter(j *hostJob, name string) error {
	vm, err := j.readVM("Get-VMNetworkAdapter")
	if err != nil {
		return err
	}
	if len(vm.Adapters) == 0 {
		return fail("adapter_missing", "", "vm", vm.Name)
	}
	switch name {
	case "vlan_id":
		return j.setVLAN(int(j.fields.number(name)))
	case "mac_address":
		if staticMAC(vm.Adapters[0]) == j.fields.text(name) {
			return nil
		}
		return j.setMAC(j.fields.text(name))
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
	return j.change("Connect-VMNetworkAdapter", func(s *hyperv.State, vm *hyperv.VM) error {
		if len(vm.Adapters) == 0 {
			return errors.New("the network adapter was not found")
		}
		vm.Adapters[0].SwitchName = switchName
		updateGuest(s, vm)
		return nil
	})
}

func (j *hostJob) setVLAN(vlan int) error {
	return j.change("Set-VMNetworkAdapterVlan", func(_ *hyperv.State, vm *hyperv.VM) error {
		if len(vm.Adapters) == 0 {
			return errors.New("the network adapter was not found")
		}
		a := &vm.Adapters[0]
		switch {
		case vlan > 0:
			a.VLANMode, a.VLANID = "Access", vlan
		case a.VLANMode != "Trunk":
			a.VLANMode, a.VLANID = "Untagged", 0
		}
		return nil
	})
}

// assignMACs assigns an address of the host's range to each adapter that has none, as the host does when the virtual machine starts.
func assignMACs(s *hyperv.State, vm *hyperv.VM) {
	for i := range vm.Adapters {
		if a := &vm.Adapters[i]; a.DynamicMAC && a.MACAddress == hyperv.NoMAC {
			a.MACAddress = freeMAC(s)
		}
	}
}

// freeMAC returns the next address of the host's range that no adapter has; [hyperv.NoMAC] when all are in use.
func freeMAC(s *hyperv.State) string {
	first, _ := macRange(s.Host)
	mac := unusedMAC(s, s.NextMAC-first)
	if number, err := strconv.ParseInt(mac[6:], 16, 64); err == nil && mac != hyperv.NoMAC {
		s.NextMAC = int(number) + 1
	}
	return mac
}

// staticGuestMAC returns an address of the host's range for the guest of a virtual machine, as the agent chooses it: the search begins
// at the number that the GUID begins with.
func staticGuestMAC(s *hyperv.State, vmID string) string {
	start, _ := strconv.ParseInt(vmID[:8], 16, 64)
	return unusedMAC(s, int(start))
}

// unusedMAC returns the first address of the host's range that no adapter has, from the one with a number on; [hyperv.NoMAC] when all
// are in use.
func unusedMAC(s *hyperv.State, start int) string {
	used := map[string]bool{}
	for _, vm := range s.VMs {
		for _, a := range vm.Adapters {
			used[a.MACAddress] = true
		}
	}
	first, count := macRange(s.Host)
	for i := range count {
		if mac := fmt.Sprintf("%s%06X", s.Host.MACAddressMinimum[:6], first+(max(start, 0)+i)%count); !used[mac] {
			return mac
		}
	}
	return hyperv.NoMAC
}

// macRange returns the lower three bytes of the first dynamic MAC address of a host, and the number of its addresses.
func macRange(host hyperv.Host) (first, count int) {
	var last int
	_, _ = fmt.Sscanf(host.MACAddressMinimum[6:], "%x", &first)
	_, _ = fmt.Sscanf(host.MACAddressMaximum[6:], "%x", &last)
	return first, last - first + 1
}

// setMAC sets a static address of the first network adapter, or lets the host assign one at the next start.
func (j *hostJob) setMAC(mac string) error {
	return j.changeWhileOff("Set-VMNetworkAdapter", func(vm *hyperv.VM) error {
		if len(vm.Adapters) == 0 {
			return errors.New("the network adapter was not found")
		}
		a := &vm.Adapters[0]
		if a.MACAddress, a.DynamicMAC = strings.ReplaceAll(mac, "-", ""), false; mac == "" {
			a.MACAddress, a.DynamicMAC = hyperv.NoMAC, true
		}
		return nil
	})
}
