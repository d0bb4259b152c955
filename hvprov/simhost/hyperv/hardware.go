// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"context"
	"os"
	"slices"
	"strings"
)

// SetVMProcessor gives a virtual machine, which is off, a number of processors.
func (s *Store) SetVMProcessor(ctx context.Context, id string, count int) error {
	return s.change(ctx, "Set-VMProcessor", id, func(_ *State, vm *VM) error {
		if err := vm.mustBeOff("Set-VMProcessor", "processors"); err != nil {
			return err
		}
		vm.ProcessorCount = count
		return nil
	})
}

func (vm *VM) mustBeOff(cmdlet, what string) error {
	if vm.State == "Off" {
		return nil
	}
	return failf(cmdlet, "The %s of virtual machine '%s' cannot be changed while it is %s.", what, vm.Name, vm.State)
}

// AddVMHardDiskDrive attaches the virtual hard disk at path to the first free place of the SCSI controller.
func (s *Store) AddVMHardDiskDrive(ctx context.Context, id, path string) (drive Drive, err error) {
	err = s.change(ctx, "Add-VMHardDiskDrive", id, func(_ *State, vm *VM) error {
		if _, err := os.Stat(path); err != nil {
			return failf("Add-VMHardDiskDrive", "Virtual hard disk '%s' was not found.", path)
		}
		if slices.ContainsFunc(vm.Drives, func(d Drive) bool { return strings.EqualFold(d.Path, path) }) {
			return failf("Add-VMHardDiskDrive", "Virtual hard disk '%s' is attached to virtual machine '%s' already.", path, vm.Name)
		}
		drive = Drive{ControllerType: "SCSI", Path: path}
		for vm.occupied(DVD{drive.ControllerType, drive.ControllerNumber, drive.ControllerLocation, ""}) {
			drive.ControllerLocation++
		}
		vm.Drives = append(vm.Drives, drive)
		return nil
	})
	return drive, err
}

// AddFirstIDEDrive attaches the virtual hard disk at path to the place that a machine of generation 1 starts from, IDE 0:0.
func (s *Store) AddFirstIDEDrive(ctx context.Context, id, path string) (drive Drive, err error) {
	err = s.change(ctx, "Add-VMHardDiskDrive", id, func(_ *State, vm *VM) error {
		if _, err := os.Stat(path); err != nil {
			return failf("Add-VMHardDiskDrive", "Virtual hard disk '%s' was not found.", path)
		}
		if vm.Generation != 1 {
			return failf("Add-VMHardDiskDrive", "Virtual machine '%s' has no IDE controller.", vm.Name)
		}
		drive = Drive{ControllerType: "IDE", Path: path}
		if vm.occupied(DVD{"IDE", 0, 0, ""}) {
			return failf("Add-VMHardDiskDrive", "Virtual machine '%s' has a drive at IDE 0:0 already.", vm.Name)
		}
		vm.Drives = append(vm.Drives, drive)
		return nil
	})
	return drive, err
}

// GetVMHardDiskDrive gives the drives of a virtual machine.
func (s *Store) GetVMHardDiskDrive(ctx context.Context, id string) (drives []Drive, err error) {
	err = s.call(ctx, "Get-VMHardDiskDrive", false, func(state *State) error {
		vm, err := state.find("Get-VMHardDiskDrive", id)
		if err == nil {
			drives = vm.Drives
		}
		return err
	})
	return drives, err
}

// RemoveVMHardDiskDrive takes a virtual hard disk from a machine. The file stays.
func (s *Store) RemoveVMHardDiskDrive(ctx context.Context, id, path string) error {
	return s.change(ctx, "Remove-VMHardDiskDrive", id, func(_ *State, vm *VM) error {
		at := slices.IndexFunc(vm.Drives, func(d Drive) bool { return strings.EqualFold(d.Path, path) })
		if at < 0 {
			return failf("Remove-VMHardDiskDrive", "Virtual machine '%s' has no drive of '%s'.", vm.Name, path)
		}
		if vm.Drives[at].ControllerType == "IDE" && vm.State != "Off" {
			return failf("Remove-VMHardDiskDrive", "A drive of an IDE controller cannot be removed while virtual machine '%s' is %s.", vm.Name, vm.State)
		}
		vm.Drives = slices.Delete(vm.Drives, at, at+1)
		return nil
	})
}

// SetVMFirstBoot has a machine of generation 2 start from the drive at path.
func (s *Store) SetVMFirstBoot(ctx context.Context, id, path string) error {
	return s.change(ctx, "Set-VMFirmware", id, func(_ *State, vm *VM) error {
		if vm.Generation != 2 {
			return failf("Set-VMFirmware", "Virtual machine '%s' is not of generation 2.", vm.Name)
		}
		vm.FirstBoot = path
		return nil
	})
}
