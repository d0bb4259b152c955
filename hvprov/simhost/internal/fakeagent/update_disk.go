// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// diskAction is a change of a disk.
type diskAction int

const (
	diskUnchanged diskAction = iota
	diskCreated
	diskAttached
	diskExpanded
	diskDetached
)

// dataDiskPlan is the change of one data disk.
type dataDiskPlan struct {
	dataDisk
	action  diskAction
	path    string
	hasKind string // of the existing disk
	has     int64  // size in bytes; 0: unknown
}

// planDataDisks returns the plans of the wanted data disks in their order, followed by those of the disks to detach.
func (v *view) planDataDisks(vm hyperv.VM, m *manifest, wanted []dataDisk) (plans []dataDiskPlan) {
	for _, d := range wanted {
		p := dataDiskPlan{dataDisk: d, action: diskCreated, path: dataDiskPath(m.folder, vm.Name, d.name), hasKind: d.kind}
		at := slices.IndexFunc(m.DataDisks, func(r recordedDisk) bool { return strings.EqualFold(r.Name, d.name) })
		if at >= 0 {
			p.path, p.hasKind = m.DataDisks[at].Path, m.DataDisks[at].Type
		}
		attached := at >= 0 && driveOf(vm, p.path) != nil
		if attached || at >= 0 && exists(p.path) {
			if found, ok := v.disk(p.path); ok {
				p.has, p.hasKind = found.SizeBytes, strings.ToLower(found.Type)
			}
			switch p.action = diskUnchanged; {
			case !attached:
				p.action = diskAttached
			case p.bytes > p.has:
				p.action = diskExpanded
			}
		}
		plans = append(plans, p)
	}
	for _, r := range m.DataDisks {
		kept := slices.ContainsFunc(wanted, func(d dataDisk) bool { return strings.EqualFold(d.name, r.Name) })
		if !kept && driveOf(vm, r.Path) != nil {
			plans = append(plans, dataDiskPlan{dataDisk: dataDisk{name: r.Name}, action: diskDetached, path: r.Path})
		}
	}
	return plans
}

// imageDisk is the disk that was created from an image.
type imageDisk struct {
	drive hyperv.Drive
	bytes int64 // 0: unreadable
}

// imageDisk returns the disk of the image, or the only one; nil if it cannot be determined.
func (v *view) imageDisk(vm hyperv.VM, m *manifest) *imageDisk {
	var drive *hyperv.Drive
	if m != nil && m.Disk != "" {
		drive = driveOf(vm, m.Disk)
	} else if len(vm.Drives) == 1 {
		drive = &vm.Drives[0]
	}
	if drive == nil {
		return nil
	}
	d, _ := v.disk(drive.Path)
	return &imageDisk{*drive, d.SizeBytes}
}

// expandImageDisk expands the disk of the image. Without a value it stays as it is, because a disk cannot shrink.
func expandImageDisk(j *hostJob, name string) error {
	d := j.imageDisk(j.plan.vm, j.plan.manifest)
	bytes := int64(j.fields.number(name)) << 30
	if d == nil || bytes <= d.bytes {
		return nil
	}
	return j.expandDisk(d.drive.Path, bytes)
}

// changeDataDisks creates, attaches, expands and detaches data disks in this order: what is most likely to fail comes first.
func changeDataDisks(j *hostJob, _ string) error {
	m := j.plan.manifest
	if m == nil {
		return nil
	}
	wanted := j.fields.dataDisks()
	plans := j.planDataDisks(j.plan.vm, m, wanted)
	for _, action := range []diskAction{diskCreated, diskAttached, diskExpanded, diskDetached} {
		for _, p := range plans {
			if p.action == action || action == diskExpanded && p.action == diskAttached && p.bytes > p.has {
				if err := j.changeDataDisk(p, action); err != nil {
					return err
				}
			}
		}
	}
	m.order(wanted)
	return nil
}

func (j *hostJob) changeDataDisk(p dataDiskPlan, action diskAction) error {
	switch action {
	case diskExpanded:
		return j.expandDisk(p.path, p.bytes)
	case diskCreated:
		return j.createDataDisk(p.dataDisk, p.path)
	case diskAttached:
		return j.attachDisk(p.path, false)
	}
	j.plan.detached = append(j.plan.detached, recordedDisk{Name: p.name, Path: p.path})
	return j.detachDisk(p.path)
}

// order sorts the recorded data disks as the definition has them, with its letter case; those that are kept come last.
func (m *manifest) order(wanted []dataDisk) {
	place := func(d recordedDisk) int {
		at := slices.IndexFunc(wanted, func(w dataDisk) bool { return strings.EqualFold(w.name, d.Name) })
		if at < 0 {
			return len(wanted)
		}
		return at
	}
	for i := range m.DataDisks {
		if at := place(m.DataDisks[i]); at < len(wanted) {
			m.DataDisks[i].Name = wanted[at].name
		}
	}
	slices.SortStableFunc(m.DataDisks, func(a, b recordedDisk) int { return place(a) - place(b) })
}

// undoDisks restores the disks that the virtual machine had before the update.
func (j *hostJob) undoDisks(vm hyperv.VM) {
	before, m := j.plan.vm, findManifest(vm)
	if m != nil {
		for _, file := range slices.Clone(m.Files) {
			if !containsFold(j.plan.files, file) && j.undoCreatedDisk(file, driveOf(vm, file) != nil) {
				m.dropDisk(file)
			}
		}
		if err := m.save(); err != nil {
			j.leave(m.folder, err.Error())
		}
	}
	for _, d := range vm.Drives {
		if driveOf(before, d.Path) == nil && (m == nil || containsFold(j.plan.files, d.Path)) {
			j.undo(text("undo_disk_detached", "path", d.Path), d.Path, func() error { return j.detachDisk(d.Path) })
		}
	}
	for _, d := range before.Drives {
		if driveOf(vm, d.Path) == nil {
			j.undo(text("undo_disk_attached", "path", d.Path), d.Path, func() error { return j.attachDisk(d.Path, false) })
		}
		if now, err := hyperv.ReadDisk(d.Path); err == nil && now.SizeBytes > j.plan.sizes[d.Path] {
			j.leave(d.Path, text("leftover_disk_expanded", "before", formatSize(j.plan.sizes[d.Path]), "after", formatSize(now.SizeBytes)))
		}
	}
}

// undoCreatedDisk reports whether the disk is gone.
func (j *hostJob) undoCreatedDisk(path string, attached bool) bool {
	if !attached && !exists(path) {
		return true
	}
	return j.undo(text("file_deleted", "path", path), path, func() error {
		if attached {
			if err := j.detachDisk(path); err != nil {
				return err
			}
		}
		return removeFile(path)
	})
}
