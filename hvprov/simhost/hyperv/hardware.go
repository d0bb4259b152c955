// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"context"
	"os"
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

// SetVMMemory gives a virtual machine, which is off, its memory in bytes. A nil dynamic leaves that as it is.
func (s *Store) SetVMMemory(ctx context.Context, id string, startupBytes int64, dynamic *bool) error {
	return s.change(ctx, "Set-VMMemory", id, func(_ *State, vm *VM) error {
		if err := vm.mustBeOff("Set-VMMemory", "memory"); err != nil {
			return err
		}
		vm.MemoryStartupBytes = startupBytes
		if dynamic != nil {
			vm.DynamicMemory = *dynamic
		}
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

// SetVMFirmware turns secure boot on and has the machine start from the drive at firstBoot. An empty template stays as it is.
func (s *Store) SetVMFirmware(ctx context.Context, id, template, firstBoot string) error {
	return s.change(ctx, "Set-VMFirmware", id, func(_ *State, vm *VM) error {
		if vm.Generation != 2 {
			return failf("Set-VMFirmware", "Virtual machine '%s' is not of generation 2.", vm.Name)
		}
		vm.SecureBoot, vm.FirstBoot = "On", firstBoot
		if template != "" {
			vm.SecureBootTemplate = template
		}
		return nil
	})
}

// AddVMHardDiskDrive attaches the virtual hard disk at path to the first free place of the SCSI controller.
func (s *Store) AddVMHardDiskDrive(ctx context.Context, id, path string) (drive Drive, err error) {
	err = s.change(ctx, "Add-VMHardDiskDrive", id, func(_ *State, vm *VM) error {
		if _, err := os.Stat(path); err != nil {
			return failf("Add-VMHardDiskDrive", "Virtual hard disk '%s' was not found.", path)
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
