// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"context"
	"fmt"
	"slices"
)

// macAddress gives the address of the n-th adapter that a host ever made, from the range that is Microsoft's.
func macAddress(n int) string { return fmt.Sprintf("00155D%06X", n) }

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

// AddVMNetworkAdapter gives a virtual machine another adapter, which is connected to nothing yet. mac is 12 hexadecimal digits;
// empty: the host chooses. A machine of generation 1 must be off, and none may be saved.
func (s *Store) AddVMNetworkAdapter(ctx context.Context, id, name, mac string) (adapter Adapter, err error) {
	err = s.change(ctx, "Add-VMNetworkAdapter", id, func(state *State, vm *VM) error {
		if err := vm.mustTakeAdapters("Add-VMNetworkAdapter", "added to"); err != nil {
			return err
		}
		adapter = Adapter{ID: newID(), Name: name, MACAddress: mac, VLANMode: "Untagged", IPAddresses: []string{}}
		if mac == "" {
			adapter.MACAddress, adapter.DynamicMAC = macAddress(state.NextMAC), true
			state.NextMAC++
		}
		vm.Adapters = append(vm.Adapters, adapter)
		return nil
	})
	return adapter, err
}

// RemoveVMNetworkAdapter takes an adapter from a virtual machine, within the same bounds.
func (s *Store) RemoveVMNetworkAdapter(ctx context.Context, id, adapterID string) error {
	return s.change(ctx, "Remove-VMNetworkAdapter", id, func(_ *State, vm *VM) error {
		if err := vm.mustTakeAdapters("Remove-VMNetworkAdapter", "removed from"); err != nil {
			return err
		}
		before := len(vm.Adapters)
		vm.Adapters = slices.DeleteFunc(vm.Adapters, func(a Adapter) bool { return a.ID == adapterID })
		if len(vm.Adapters) == before {
			return failf("Remove-VMNetworkAdapter", "Virtual machine '%s' has no such network adapter.", vm.Name)
		}
		return nil
	})
}

// mustTakeAdapters tells whether adapters can be added and removed now: while a machine runs, generation 2 alone takes that.
func (vm *VM) mustTakeAdapters(cmdlet, what string) error {
	if vm.State == "Off" || vm.State == "Running" && vm.Generation == 2 {
		return nil
	}
	return failf(cmdlet, "A network adapter cannot be %s virtual machine '%s' while it is %s.", what, vm.Name, vm.State)
}

// SetVMNetworkAdapter gives an adapter of a virtual machine, which is off, an address of its own, of 12 hexadecimal digits, or
// with an empty one has the host choose.
func (s *Store) SetVMNetworkAdapter(ctx context.Context, id, adapterID, mac string) error {
	return s.change(ctx, "Set-VMNetworkAdapter", id, func(state *State, vm *VM) error {
		if err := vm.mustBeOff("Set-VMNetworkAdapter", "MAC address"); err != nil {
			return err
		}
		a, err := vm.adapter("Set-VMNetworkAdapter", adapterID)
		if err != nil {
			return err
		}
		a.MACAddress, a.DynamicMAC = mac, false
		if mac == "" {
			a.MACAddress, a.DynamicMAC = macAddress(state.NextMAC), true
			state.NextMAC++
		}
		return nil
	})
}

// ConnectVMNetworkAdapter connects an adapter of a virtual machine to a switch.
func (s *Store) ConnectVMNetworkAdapter(ctx context.Context, id, adapterID, switchName string) error {
	return s.adapter(ctx, "Connect-VMNetworkAdapter", id, adapterID, func(a *Adapter) { a.SwitchName = switchName })
}

// DisconnectVMNetworkAdapter takes an adapter of a virtual machine from its switch.
func (s *Store) DisconnectVMNetworkAdapter(ctx context.Context, id, adapterID string) error {
	return s.adapter(ctx, "Disconnect-VMNetworkAdapter", id, adapterID, func(a *Adapter) { a.SwitchName = "" })
}

// SetVMNetworkAdapterVlan puts an adapter of a virtual machine into a VLAN, or with 0 into none.
func (s *Store) SetVMNetworkAdapterVlan(ctx context.Context, id, adapterID string, vlanID int) error {
	return s.adapter(ctx, "Set-VMNetworkAdapterVlan", id, adapterID, func(a *Adapter) {
		a.VLANMode, a.VLANID = "Untagged", 0
		if vlanID > 0 {
			a.VLANMode, a.VLANID = "Access", vlanID
		}
	})
}

func (s *Store) adapter(ctx context.Context, cmdlet, id, adapterID string, change func(*Adapter)) error {
	return s.change(ctx, cmdlet, id, func(state *State, vm *VM) error {
		a, err := vm.adapter(cmdlet, adapterID)
		if err != nil {
			return err
		}
		change(a)
		vm.wake(state.Behaviour.Guest)
		return nil
	})
}

func (vm *VM) adapter(cmdlet, adapterID string) (*Adapter, error) {
	for i := range vm.Adapters {
		if vm.Adapters[i].ID == adapterID {
			return &vm.Adapters[i], nil
		}
	}
	return nil, failf(cmdlet, "Virtual machine '%s' has no such network adapter.", vm.Name)
}
