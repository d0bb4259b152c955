// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"context"
	"fmt"
	"os"
)

// StartVM starts a virtual machine. It fails when the host lacks the memory, or a disk is not there.
func (s *Store) StartVM(ctx context.Context, id string) error {
	return s.change(ctx, "Start-VM", id, func(state *State, vm *VM) error {
		if vm.State == "Running" {
			return nil
		}
		why := ""
		if vm.State == "Paused" {
			why = "it is Paused"
		}
		if vm.MemoryStartupBytes > state.memoryAvailable() {
			why = fmt.Sprintf("not enough memory in the system to start it with %d megabytes (0x800705AA)", vm.MemoryStartupBytes>>20)
		}
		for _, drive := range vm.Drives {
			if _, err := os.Stat(drive.Path); err != nil {
				why = fmt.Sprintf("attachment '%s' was not found", drive.Path)
			}
		}
		if why != "" {
			return failf("Start-VM", "Virtual machine '%s' could not be started: %s.", vm.Name, why)
		}
		for _, dvd := range vm.DVDs {
			if dvd.Path != "" && !exists(dvd.Path) {
				return failf("Start-VM", "Virtual machine '%s' could not be started: attachment '%s' was not found.", vm.Name, dvd.Path)
			}
		}
		vm.State, vm.Looks = "Running", 0
		vm.wake(state.Behaviour.Guest)
		return nil
	})
}

// StopVM shuts a virtual machine down, or with turnOff takes its power.
func (s *Store) StopVM(ctx context.Context, id string, turnOff bool) error {
	return s.change(ctx, "Stop-VM", id, func(state *State, vm *VM) error {
		if vm.State == "Off" {
			return nil
		}
		if !turnOff && vm.State != "Running" {
			return failf("Stop-VM", "Virtual machine '%s' could not be shut down: it is %s.", vm.Name, vm.State)
		}
		vm.State = "Off"
		vm.wake(state.Behaviour.Guest)
		return nil
	})
}
