// SPDX-License-Identifier: MPL-2.0

package hyperv

import (
	"context"
	"os"
	"slices"
	"strings"
)

// Checkpoint is a state of a virtual machine that it can go back to. What is written since is in differencing disks, which
// are the machine's drives meanwhile.
type Checkpoint struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// GetVMSnapshot gives the checkpoints of a virtual machine.
func (s *Store) GetVMSnapshot(ctx context.Context, id string) (checkpoints []Checkpoint, err error) {
	err = s.call(ctx, "Get-VMSnapshot", false, func(state *State) error {
		vm, err := state.find("Get-VMSnapshot", id)
		if err == nil {
			checkpoints = vm.Checkpoints
		}
		return err
	})
	return checkpoints, err
}

// RemoveVMSnapshot removes a checkpoint. With the last of a machine that is off, its drives are the disks below again.
func (s *Store) RemoveVMSnapshot(ctx context.Context, vmID, id string) error {
	return s.change(ctx, "Remove-VMSnapshot", vmID, func(_ *State, vm *VM) error {
		vm.Checkpoints = slices.DeleteFunc(vm.Checkpoints, func(c Checkpoint) bool { return c.ID == id })
		if len(vm.Checkpoints) > 0 {
			return nil
		}
		return vm.merge()
	})
}

// merge puts what the disks of checkpoints hold into those below. The real one takes its time, and while the machine runs as well.
func (vm *VM) merge() error {
	for i := range vm.Drives {
		drive := &vm.Drives[i]
		for strings.HasSuffix(strings.ToLower(drive.Path), ".avhdx") {
			d, err := ReadDisk(drive.Path)
			if err != nil || d.Parent == "" {
				break
			}
			if err := os.Remove(drive.Path); err != nil {
				return err
			}
			drive.Path = d.Parent
		}
	}
	return nil
}
