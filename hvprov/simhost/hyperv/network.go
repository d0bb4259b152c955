// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"context"
	"fmt"
	"strconv"
)

// macAddress gives the address of the n-th adapter that a host ever made, from the range that is Microsoft's.
func macAddress(n int) string { return fmt.Sprintf("00155D%06X", n) }

// readdress gives the adapters the addresses that a guest reports: one each while it runs and is connected, else none.
func (vm *VM) readdress() {
	for i := range vm.Adapters {
		a := &vm.Adapters[i]
		a.IPAddresses = []string{}
		if vm.State != "Running" || a.SwitchName == "" || len(a.MACAddress) < 6 {
			continue
		}
		number, err := strconv.ParseInt(a.MACAddress[6:], 16, 64)
		if err == nil {
			a.IPAddresses = []string{fmt.Sprintf("192.0.2.%d", 10+number%200)}
		}
	}
}

// GetVMNetworkAdapter gives the adapters of a virtual machine.
func (s *Store) GetVMNetworkAdapter(ctx context.Context, id string) (adapters []Adapter, err error) {
	err = s.call(ctx, "Get-VMNetworkAdapter", false, func(state *State) error {
		vm, err := state.find("Get-VMNetworkAdapter", id)
		if err == nil {
			adapters = vm.Adapters
		}
		return err
	})
	return adapters, err
}

// ConnectVMNetworkAdapter connects the index-th adapter of a virtual machine to a switch.
func (s *Store) ConnectVMNetworkAdapter(ctx context.Context, id string, index int, switchName string) error {
	return s.adapter(ctx, "Connect-VMNetworkAdapter", id, index, func(a *Adapter) { a.SwitchName = switchName })
}

// DisconnectVMNetworkAdapter takes the index-th adapter of a virtual machine from its switch.
func (s *Store) DisconnectVMNetworkAdapter(ctx context.Context, id string, index int) error {
	return s.adapter(ctx, "Disconnect-VMNetworkAdapter", id, index, func(a *Adapter) { a.SwitchName = "" })
}

// SetVMNetworkAdapterVlan puts the index-th adapter of a virtual machine into a VLAN, or with 0 into none.
func (s *Store) SetVMNetworkAdapterVlan(ctx context.Context, id string, index, vlanID int) error {
	return s.adapter(ctx, "Set-VMNetworkAdapterVlan", id, index, func(a *Adapter) {
		a.VLANMode, a.VLANID = "Untagged", 0
		if vlanID > 0 {
			a.VLANMode, a.VLANID = "Access", vlanID
		}
	})
}

func (s *Store) adapter(ctx context.Context, cmdlet, id string, index int, change func(*Adapter)) error {
	return s.change(ctx, cmdlet, id, func(_ *State, vm *VM) error {
		if index >= len(vm.Adapters) {
			return failf(cmdlet, "Virtual machine '%s' has no such network adapter.", vm.Name)
		}
		change(&vm.Adapters[index])
		vm.readdress()
		return nil
	})
}
