// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"context"
	"slices"
)

// GetVMDvdDrive gives the DVD drives of a virtual machine.
func (s *Store) GetVMDvdDrive(ctx context.Context, id string) (drives []DVD, err error) {
	err = s.call(ctx, "Get-VMDvdDrive", false, func(state *State) error {
		vm, err := state.find("Get-VMDvdDrive", id)
		if err == nil {
			drives = vm.DVDs
		}
		return err
	})
	return drives, err
}

// AddVMDvdDrive gives a virtual machine a DVD drive with an ISO file in it: generation 2 at the first free place of its SCSI
// controller, whether it runs or not; generation 1 on an IDE controller, while it is off.
func (s *Store) AddVMDvdDrive(ctx context.Context, id, path string) (dvd DVD, err error) {
	err = s.change(ctx, "Add-VMDvdDrive", id, func(_ *State, vm *VM) error {
		if path != "" && !exists(path) {
			return failf("Add-VMDvdDrive", "ISO file '%s' was not found.", path)
		}
		if err := vm.mustTakeDVDs("Add-VMDvdDrive", "added to"); err != nil {
			return err
		}
		dvd = DVD{ControllerType: "SCSI", Path: path}
		if vm.Generation == 1 {
			dvd.ControllerType, dvd.ControllerNumber = "IDE", 1
		}
		for vm.occupied(dvd) {
			dvd.ControllerLocation++
		}
		vm.DVDs = append(vm.DVDs, dvd)
		return nil
	})
	return dvd, err
}

func (vm *VM) occupied(at DVD) bool {
	return slices.ContainsFunc(vm.DVDs, at.beside) || slices.ContainsFunc(vm.Drives, func(d Drive) bool {
		return at.beside(DVD{d.ControllerType, d.ControllerNumber, d.ControllerLocation, ""})
	})
}

// beside tells whether two drives have the same place.
func (d DVD) beside(other DVD) bool {
	return d.ControllerType == other.ControllerType && d.ControllerNumber == other.ControllerNumber && d.ControllerLocation == other.ControllerLocation
}

func (vm *VM) mustTakeDVDs(cmdlet, what string) error {
	if vm.State == "Off" || vm.State == "Running" && vm.Generation == 2 {
		return nil
	}
	return failf(cmdlet, "A DVD drive cannot be %s virtual machine '%s' while it is %s.", what, vm.Name, vm.State)
}

// SetVMDvdDrive puts an ISO file into a DVD drive of a virtual machine, or with an empty path takes out what is in it.
func (s *Store) SetVMDvdDrive(ctx context.Context, id string, dvd DVD, path string) error {
	return s.change(ctx, "Set-VMDvdDrive", id, func(_ *State, vm *VM) error {
		if path != "" && !exists(path) {
			return failf("Set-VMDvdDrive", "ISO file '%s' was not found.", path)
		}
		at := slices.IndexFunc(vm.DVDs, dvd.beside)
		if at < 0 {
			return failf("Set-VMDvdDrive", "Virtual machine '%s' has no such DVD drive.", vm.Name)
		}
		vm.DVDs[at].Path = path
		return nil
	})
}

// RemoveVMDvdDrive takes a DVD drive from a virtual machine: from generation 1 only while it is off.
func (s *Store) RemoveVMDvdDrive(ctx context.Context, id string, dvd DVD) error {
	return s.change(ctx, "Remove-VMDvdDrive", id, func(_ *State, vm *VM) error {
		if err := vm.mustTakeDVDs("Remove-VMDvdDrive", "removed from"); err != nil {
			return err
		}
		at := slices.IndexFunc(vm.DVDs, dvd.beside)
		if at < 0 {
			return failf("Remove-VMDvdDrive", "Virtual machine '%s' has no such DVD drive.", vm.Name)
		}
		vm.DVDs = slices.Delete(vm.DVDs, at, at+1)
		return nil
	})
}

// SetVMBios sets from which devices a virtual machine of generation 1, which is off, starts: CD, IDE, Floppy and
// LegacyNetworkAdapter in some order.
func (s *Store) SetVMBios(ctx context.Context, id string, order []string) error {
	return s.change(ctx, "Set-VMBios", id, func(_ *State, vm *VM) error {
		if vm.Generation != 1 {
			return failf("Set-VMBios", "Virtual machine '%s' is not of generation 1.", vm.Name)
		}
		if err := vm.mustBeOff("Set-VMBios", "BIOS"); err != nil {
			return err
		}
		vm.StartupOrder = order
		return nil
	})
}
