// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// checkpoints gives the checkpoints of a machine whose drives are those of checkpoints.
func (s *view) checkpoints(vm hyperv.VM) ([]hyperv.Checkpoint, error) {
	if !slices.ContainsFunc(vm.Drives, func(d hyperv.Drive) bool { return isCheckpointDisk(d.Path) }) {
		return nil, nil
	}
	return s.store.GetVMSnapshot(s.ctx, vm.ID)
}

// removeCheckpoints removes checkpoints. The disks here are merged at once.
func (r *run) removeCheckpoints(checkpoints []hyperv.Checkpoint) error {
	names := make([]string, len(checkpoints))
	for i, c := range checkpoints {
		names[i] = "'" + c.Name + "'"
	}
	if err := r.enter("checkpoints", "remove checkpoints %s", strings.Join(names, ", ")); err != nil {
		return err
	}
	for _, c := range checkpoints {
		if err := r.store.RemoveVMSnapshot(r.ctx, r.vmID, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// diskUse tells by lower-case path what speaks against deleting a file: a virtual machine that uses it, or a disk that
// differs from it. drives are those that were a removed machine's; own are the files that are to go.
func (r *run) diskUse(drives []hyperv.Drive, own []string) (map[string]string, error) {
	use := map[string]string{}
	if len(own) == 0 {
		return use, nil
	}
	others, err := r.store.ListVMs(r.ctx)
	if err != nil {
		return nil, err
	}
	above := map[string]string{}
	for _, vm := range others {
		for _, drive := range vm.Drives {
			use[strings.ToLower(drive.Path)] = fmt.Sprintf("virtual machine '%s' uses it", vm.Name)
			above[drive.Path] = fmt.Sprintf("a disk of virtual machine '%s' differs from it", vm.Name)
		}
	}
	for _, drive := range drives {
		if drive.Path != "" && !containsFold(own, drive.Path) {
			above[drive.Path] = drive.Path + ", which is left, differs from it"
		}
	}
	for len(above) > 0 {
		known := r.disks(slices.Sorted(maps.Keys(above)))
		next := map[string]string{}
		for path, why := range above {
			parent := known[path].Parent
			if _, told := use[strings.ToLower(parent)]; parent == "" || told {
				continue
			}
			use[strings.ToLower(parent)], next[parent] = why, why
		}
		above = next
	}
	return use, nil
}
