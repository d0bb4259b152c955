// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// dataDisk is a data disk in a manifest. The fake agent simulates those that exist before they are attached; the others are of the real agent.
type dataDisk struct {
	Name          string `json:"name"`
	Path          string `json:"path"`
	Type          string `json:"type"`
	KeepOnDestroy bool   `json:"keep_on_destroy"`
	Existing      bool   `json:"existing,omitempty"`
}

// dataDisks returns the data disks of a definition.
func (f fields) dataDisks() (disks []dataDisk) {
	list, _ := f["data_disks"].([]any)
	for _, item := range list {
		values, _ := item.(map[string]any)
		disk := fields(values)
		disks = append(disks, dataDisk{Name: disk.text("name"), Path: disk.text("path"), Type: "dynamic", Existing: disk.has("path")})
	}
	return disks
}

// dataDisksExist reports whether all data disks of a definition are existing ones.
func (f fields) dataDisksExist() bool {
	return !slices.ContainsFunc(f.dataDisks(), func(d dataDisk) bool { return !d.Existing })
}

func hasDataDisks(j *hostJob) bool { return len(j.fields.dataDisks()) > 0 }

func driveOf(vm hyperv.VM, path string) int {
	return slices.IndexFunc(vm.Drives, func(d hyperv.Drive) bool { return pathKey(belowCheckpoints(d.Path)) == pathKey(path) })
}

func containsPath(paths []string, path string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return pathKey(p) == pathKey(path) })
}

// checkDataDisks checks whether existing disks can be attached.
func (c *check) checkDataDisks() {
	disks := c.fields.dataDisks()
	if len(disks) == 0 || !c.fields.dataDisksExist() {
		return
	}
	var own *manifest
	vm, found := c.existing()
	if found {
		own = findManifest(vm)
	}
	vms, err := c.listVMs()
	c.addError(err)
	updates := c.operation == job.OperationUpdate
	inUse := filesInUse(vms)
	for i, d := range disks {
		at := fmt.Sprintf("data_disks[%d].path", i)
		user := inUse[pathKey(d.Path)]
		switch {
		case updates && own == nil:
			c.add(finding("data_disk_path_foreign", at, "vm", vm.Name))
		case updates && containsPath(own.Files, d.Path):
			c.add(finding("data_disk_own_file", at, "path", d.Path, "vm", vm.Name))
		case updates && driveOf(vm, d.Path) >= 0:
		case !exists(d.Path) && c.warnings:
			c.add(warning("disk_missing", at, "path", d.Path))
		case !exists(d.Path):
			c.add(finding("disk_missing", at, "path", d.Path))
		case user != "":
			f := finding("data_disk_attached", at, "path", d.Path, "reason", text("leftover_vm_uses", "vm", user))
			for _, other := range vms {
				if slices.ContainsFunc(other.Drives, func(drive hyperv.Drive) bool { return pathKey(drive.Path) == pathKey(d.Path) }) {
					f.VMID = other.ID
				}
			}
			c.add(f)
		default:
			if _, err := c.readDisk(d.Path, at); err != nil {
				c.add(finding("disk_unreadable", at, "path", d.Path))
			}
		}
	}
}

func describeDataDisks(j *hostJob) string {
	var names []string
	for _, d := range j.fields.dataDisks() {
		names = append(names, d.Name)
	}
	return text("step_data_disks", "disks", strings.Join(names, ", "))
}

// attachDataDisks attaches the data disks of a new virtual machine. Each is recorded before.
func attachDataDisks(j *hostJob) error {
	for _, d := range j.fields.dataDisks() {
		j.plan.manifest.DataDisks = append(j.plan.manifest.DataDisks, d)
		if err := j.plan.manifest.save(); err != nil {
			return err
		}
		j.log("data_disk_existing", "disk", d.Name, "path", d.Path)
		if err := j.attachDisk(d.Path); err != nil {
			return err
		}
	}
	return nil
}

// changeDataDisks attaches and detaches existing disks. The manifest is saved when the job is complete.
func changeDataDisks(j *hostJob, _ string) error {
	wanted := j.fields.dataDisks()
	for _, d := range wanted {
		if driveOf(j.plan.vm, d.Path) >= 0 {
			continue
		}
		j.attached = append(j.attached, d.Path)
		if err := j.attachDisk(d.Path); err != nil {
			return err
		}
	}
	m := j.plan.manifest
	if m == nil {
		return nil
	}
	for _, d := range m.DataDisks {
		if slices.ContainsFunc(wanted, func(other dataDisk) bool { return pathKey(other.Path) == pathKey(d.Path) }) || driveOf(j.plan.vm, d.Path) < 0 {
			continue
		}
		j.detached = append(j.detached, d.Path)
		if err := j.detachDisk(d.Path); err != nil {
			return err
		}
	}
	m.DataDisks = wanted
	return nil
}

// undoDataDisks undoes changeDataDisks.
func undoDataDisks(j *hostJob) {
	vm, _, err := j.findVM(j.vmID)
	for _, path := range slices.Backward(j.detached) {
		if err == nil && driveOf(vm, path) < 0 {
			j.undo(text("undo_disk_attached", "path", path), path, func() error { return j.attachDisk(path) })
		}
	}
	for _, path := range slices.Backward(j.attached) {
		if err == nil && driveOf(vm, path) >= 0 {
			j.undo(text("undo_disk_detached", "path", path), path, func() error { return j.detachDisk(path) })
		}
	}
}

func (j *hostJob) attachDisk(path string) error {
	return j.change("Add-VMHardDiskDrive", func(_ *hyperv.State, vm *hyperv.VM) error {
		if !exists(path) {
			return fmt.Errorf("virtual hard disk '%s' was not found", path)
		}
		drive := hyperv.Drive{ControllerType: "SCSI", Path: path}
		for slices.ContainsFunc(vm.Drives, func(d hyperv.Drive) bool { return d.ControllerLocation == drive.ControllerLocation }) {
			drive.ControllerLocation++
		}
		vm.Drives = append(vm.Drives, drive)
		return nil
	})
}

func (j *hostJob) detachDisk(path string) error {
	return j.change("Remove-VMHardDiskDrive", func(_ *hyperv.State, vm *hyperv.VM) error {
		vm.Drives = slices.DeleteFunc(vm.Drives, func(d hyperv.Drive) bool { return pathKey(d.Path) == pathKey(path) })
		return nil
	})
}

// showDataDisks returns the attached data disks of a virtual machine; nil if some are of the real agent.
func showDataDisks(vm hyperv.VM, m *manifest) []job.DataDisk {
	shown := []job.DataDisk{}
	for _, d := range m.DataDisks {
		if !d.Existing {
			return nil
		}
		if driveOf(vm, d.Path) >= 0 {
			shown = append(shown, job.DataDisk{Name: d.Name, Path: d.Path})
		}
	}
	return shown
}
