// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"context"
	"os"
	"slices"
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

// GetVHD gives the sizes in bytes of the virtual hard disks at paths, without those that cannot be read.
func (s *Store) GetVHD(ctx context.Context, paths []string) (sizes map[string]int64, err error) {
	err = s.call(ctx, "Get-VHD", false, func(*State) error {
		sizes = map[string]int64{}
		for _, path := range paths {
			if info, err := os.Stat(path); err == nil && !info.IsDir() {
				sizes[path] = info.Size() // the images of a simulated host hold nothing: as large as their files
			}
		}
		return nil
	})
	return sizes, err
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
		drive = Drive{ControllerType: "SCSI", Path: path}
		for vm.holds(drive) {
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
		if vm.holds(drive) {
			return failf("Add-VMHardDiskDrive", "Virtual machine '%s' has a drive at IDE 0:0 already.", vm.Name)
		}
		vm.Drives = append(vm.Drives, drive)
		return nil
	})
	return drive, err
}

// holds tells whether there is a drive in the place of another.
func (vm *VM) holds(place Drive) bool {
	return slices.ContainsFunc(vm.Drives, func(d Drive) bool {
		return d.ControllerType == place.ControllerType && d.ControllerNumber == place.ControllerNumber && d.ControllerLocation == place.ControllerLocation
	})
}
