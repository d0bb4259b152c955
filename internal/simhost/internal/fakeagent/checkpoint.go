// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// missingCheckpointField returns the first required field that a checkpoint job lacks.
func missingCheckpointField(f fields) string {
	switch {
	case !f.has("checkpoint_action"):
		return "checkpoint_action"
	case f.text("checkpoint_action") == "take" && !f.has("checkpoint_name"):
		return "checkpoint_name"
	case f.text("checkpoint_action") != "take" && !f.has("checkpoint_name") && !f.has("checkpoint_id"):
		return "checkpoint_id"
	}
	return ""
}

// planCheckpoint finds the virtual machine and the checkpoint.
func planCheckpoint(j *hostJob) error {
	host, vm, err := j.existingVM()
	if err != nil {
		return err
	}
	p := plan{host: host, vm: vm, found: true}
	action := j.fields.text("checkpoint_action")
	if action == "take" {
		if vm.CheckpointType == "Disabled" {
			return fail("checkpoints_disabled", "checkpoint_action", "vm", vm.Name)
		}
	} else if p.checkpoint, err = j.namedCheckpoint(vm); err != nil {
		return err
	}
	if action == "apply" {
		p.stop = vm.State != "Off" && vm.State != "Saved"
		p.start = j.fields.flag("checkpoint_start")
	}
	j.plan = p
	return nil
}

// namedCheckpoint returns the checkpoint that the job names by GUID or by name. One to be removed may be missing.
func (j *hostJob) namedCheckpoint(vm hyperv.VM) (*hyperv.Checkpoint, error) {
	field := "checkpoint_id"
	if !j.fields.has(field) {
		field = "checkpoint_name"
	}
	wanted := j.fields.text(field)
	var found []hyperv.Checkpoint
	for _, c := range vm.Checkpoints {
		if field == "checkpoint_id" && strings.EqualFold(c.ID, wanted) || field == "checkpoint_name" && strings.EqualFold(c.Name, wanted) {
			found = append(found, c)
		}
	}
	switch {
	case len(found) == 1:
		return &found[0], nil
	case len(found) > 1:
		return nil, fail("checkpoint_ambiguous", field, "checkpoint", wanted, "vm", vm.Name, "count", len(found))
	case j.fields.text("checkpoint_action") != "remove":
		return nil, fail("checkpoint_missing", field, "checkpoint", wanted, "vm", vm.Name)
	}
	return nil, nil
}

func reportNoCheckpoint(j *hostJob) error {
	if !changesCheckpoint(j) {
		wanted := j.fields.text("checkpoint_id")
		if wanted == "" {
			wanted = j.fields.text("checkpoint_name")
		}
		j.log("checkpoint_absent", "checkpoint", wanted, "vm", j.plan.vm.Name)
	}
	return nil
}

func changesCheckpoint(j *hostJob) bool {
	return j.plan.found && (j.fields.text("checkpoint_action") == "take" || j.plan.checkpoint != nil)
}

func describeCheckpoint(j *hostJob) string {
	name := j.fields.text("checkpoint_name")
	if j.plan.checkpoint != nil {
		name = j.plan.checkpoint.Name
	}
	id := "step_checkpoint_" + j.fields.text("checkpoint_action")
	if j.fields.flag("checkpoint_children") && j.fields.text("checkpoint_action") == "remove" {
		id += "_tree"
	}
	return text(id, "checkpoint", name)
}

func stopForCheckpoint(j *hostJob) error {
	j.stopped = j.plan.vm.State == "Running"
	return j.stopVM(true)
}

func describeStartAgain(*hostJob) string { return text("step_start") }

func changeCheckpoint(j *hostJob) error {
	switch j.fields.text("checkpoint_action") {
	case "take":
		return j.change("Checkpoint-VM", func(_ *hyperv.State, vm *hyperv.VM) error {
			c, err := takeCheckpoint(vm, j.fields.text("checkpoint_name"))
			if err == nil {
				shown := showCheckpoint(*vm, c)
				j.taken = &shown
			}
			return err
		})
	case "apply":
		err := j.change("Restore-VMSnapshot", func(s *hyperv.State, vm *hyperv.VM) error {
			if err := requireState("Restore-VMSnapshot", vm, "Off", "Saved"); err != nil {
				return err
			}
			if err := applyCheckpoint(vm, *j.plan.checkpoint); err != nil {
				return err
			}
			updateGuest(s, vm)
			shown := showCheckpoint(*vm, *j.plan.checkpoint)
			j.taken, j.replaced, j.stopped = &shown, true, false
			return nil
		})
		j.stopped = j.stopped && err != nil
		return err
	}
	return j.change("Remove-VMSnapshot", func(_ *hyperv.State, vm *hyperv.VM) error {
		j.replaced = true
		return removeCheckpoint(vm, *j.plan.checkpoint, j.fields.flag("checkpoint_children"))
	})
}

// undoTaken removes the checkpoint that the job took: one of its name that was not there before.
func undoTaken(j *hostJob) {
	if j.fields.text("checkpoint_action") != "take" {
		return
	}
	vm, found, err := j.findVM(j.vmID)
	if err != nil || !found {
		return
	}
	name := j.fields.text("checkpoint_name")
	for _, c := range vm.Checkpoints {
		if c.Name != name || slices.ContainsFunc(j.plan.vm.Checkpoints, func(before hyperv.Checkpoint) bool { return before.ID == c.ID }) {
			continue
		}
		j.undo(text("undo_checkpoint_removed", "checkpoint", name), text("item_checkpoint", "checkpoint", name), func() error {
			return j.change("Remove-VMSnapshot", func(_ *hyperv.State, vm *hyperv.VM) error { return removeCheckpoint(vm, c, false) })
		})
	}
}

// completeCheckpoint completes a job whose worker has died after it had applied or removed its checkpoint. It reports whether it had.
func (j *hostJob) completeCheckpoint() bool {
	if !j.replaced {
		return false
	}
	if vm, found, err := j.findVM(j.vmID); err != nil || !found || !j.plan.start || vm.State == "Running" {
		return err == nil && found
	}
	return startVM(j) == nil
}

// takeCheckpoint creates a checkpoint. A standard one of a virtual machine that runs has its memory; a production one has none.
func takeCheckpoint(vm *hyperv.VM, name string) (hyperv.Checkpoint, error) {
	c := hyperv.Checkpoint{ID: uuid.NewString(), Name: name, Parent: vm.ParentCheckpoint, CreationTime: time.Now().UTC(), State: "Off"}
	if vm.State != "Off" && (vm.CheckpointType == "Standard" || vm.State != "Running") {
		c.State = "Saved"
	}
	for _, drive := range vm.Drives {
		c.Drives = append(c.Drives, drive.Path)
	}
	if err := addCheckpointDisks(vm, c.Drives); err != nil {
		return c, err
	}
	vm.Checkpoints = append(slices.Clone(vm.Checkpoints), c)
	vm.ParentCheckpoint = c.ID
	return c, nil
}

var checkpointSuffix = regexp.MustCompile(`_[0-9A-Fa-f-]{36}$`)

// addCheckpointDisks lets each drive use a new differencing disk above the file of parents.
func addCheckpointDisks(vm *hyperv.VM, parents []string) error {
	id := strings.ToUpper(uuid.NewString())
	vm.Drives = slices.Clone(vm.Drives)
	for i, parent := range parents {
		below, err := hyperv.ReadDisk(parent)
		if err != nil {
			return err
		}
		bare := checkpointSuffix.ReplaceAllString(strings.TrimSuffix(parent, filepath.Ext(parent)), "")
		path := fmt.Sprintf("%s_%s.avhdx", bare, id)
		if err := hyperv.WriteDisk(path, hyperv.Disk{Type: "Differencing", SizeBytes: below.SizeBytes, Parent: parent, FileBytes: 4 << 20}); err != nil {
			return err
		}
		vm.Drives[i].Path = path
	}
	return nil
}

func isCheckpointDisk(path string) bool { return strings.EqualFold(filepath.Ext(path), ".avhdx") }

// belowCheckpoints returns the disk below those of checkpoints.
func belowCheckpoints(path string) string {
	for isCheckpointDisk(path) {
		d, err := hyperv.ReadDisk(path)
		if err != nil || d.Parent == "" {
			break
		}
		path = d.Parent
	}
	return path
}

func applyCheckpoint(vm *hyperv.VM, c hyperv.Checkpoint) error {
	for _, drive := range vm.Drives {
		if isCheckpointDisk(drive.Path) && !slices.Contains(c.Drives, drive.Path) {
			if err := os.Remove(drive.Path); err != nil {
				return err
			}
		}
	}
	if err := addCheckpointDisks(vm, c.Drives); err != nil {
		return err
	}
	vm.State, vm.ParentCheckpoint = "Off", c.ID
	if c.State != "" {
		vm.State = c.State
	}
	return nil
}

// removeCheckpoint removes a checkpoint, with its children if told. Disks are merged once no checkpoint is left.
func removeCheckpoint(vm *hyperv.VM, c hyperv.Checkpoint, children bool) error {
	gone := []string{c.ID}
	for grown := true; grown && children; {
		grown = false
		for _, other := range vm.Checkpoints {
			if slices.Contains(gone, other.Parent) && !slices.Contains(gone, other.ID) {
				gone, grown = append(gone, other.ID), true
			}
		}
	}
	var kept []hyperv.Checkpoint
	for _, other := range vm.Checkpoints {
		if slices.Contains(gone, other.ID) {
			continue
		}
		if slices.Contains(gone, other.Parent) {
			other.Parent = c.Parent
		}
		kept = append(kept, other)
	}
	all := vm.Checkpoints
	vm.Checkpoints = kept
	if slices.Contains(gone, vm.ParentCheckpoint) {
		vm.ParentCheckpoint = c.Parent
	}
	if len(kept) > 0 {
		return nil
	}
	var files []string
	for _, other := range all {
		files = append(files, other.Drives...)
	}
	vm.Drives = slices.Clone(vm.Drives)
	for i := range vm.Drives {
		for path := &vm.Drives[i].Path; isCheckpointDisk(*path); {
			d, err := hyperv.ReadDisk(*path)
			if err == nil {
				err = os.Remove(*path)
			}
			if err != nil || d.Parent == "" {
				return err
			}
			*path = d.Parent
		}
	}
	for _, file := range files { // of another branch
		if isCheckpointDisk(file) {
			if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// checkpoints returns the checkpoints of the first of the wanted virtual machines.
func (v *view) checkpoints(wanted []string) (any, error) {
	host, err := v.hostState()
	if err != nil {
		return nil, err
	}
	id := strings.Join(wanted[:min(1, len(wanted))], "")
	vm, err := v.vmOf(host, id)
	if err != nil {
		return nil, err
	}
	result := protocol.CheckpointsResult{Checkpoints: []job.Checkpoint{}}
	err = v.cmdlet("Get-VMSnapshot", false, func(*hyperv.State) error {
		for _, c := range vm.Checkpoints {
			result.Checkpoints = append(result.Checkpoints, showCheckpoint(vm, c))
		}
		return nil
	})
	return result, err
}

func showCheckpoint(vm hyperv.VM, c hyperv.Checkpoint) job.Checkpoint {
	created := c.CreationTime
	if created.IsZero() {
		created = vm.CreationTime
	}
	state := "off"
	if c.State != "" {
		state = powerState(c.State)
	}
	return job.Checkpoint{
		ID: c.ID, Name: c.Name, ParentID: c.Parent, CreatedAt: created.UTC().Format("2006-01-02T15:04:05Z"), PowerState: state, Automatic: c.Automatic,
		Current: c.ID == vm.ParentCheckpoint,
	}
}
