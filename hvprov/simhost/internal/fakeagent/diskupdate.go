// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// diskDeed is something that an update did to a disk. It is noted before it is done.
type diskDeed struct {
	action string // made, attached, detached or grown
	name   string
	path   string
	bytes  int64 // grown: what it had
}

// setDiskSize has the machine's disk grow, and says what it did.
func (r *run) setDiskSize(p *updatePlan) (string, error) {
	if !r.fields.has("disk_size_gb") {
		return "stays as it is: a disk does not shrink", nil
	}
	d, err := r.planDiskSize(p.vm, p.manifest, r.fields.number("disk_size_gb"))
	if err != nil {
		return "", err
	}
	if d.bytes > d.have {
		err = r.grow(d.drive.Path, d.bytes, d.have)
	}
	return fmt.Sprintf("%s, was %s", formatSize(float64(max(d.bytes, d.have))), formatSize(float64(d.have))), err
}

// grow has a disk grow.
func (r *run) grow(path string, bytes, have int64) error {
	r.made.disks = append(r.made.disks, diskDeed{"grown", "", path, have})
	return r.resize(path, bytes)
}

// setDataDisks makes, attaches and detaches data disks, and has them grow. What can fail and be taken back comes first.
func (r *run) setDataDisks(p *updatePlan) (string, error) {
	if p.manifest == nil {
		return "none", nil
	}
	wanted := wantedDisks(r.fields.values["data_disks"])
	plans, err := r.planDataDisks(p.vm, p.manifest, wanted)
	if err != nil {
		return "", err
	}
	var done []string
	steps := []struct {
		verb    string
		applies func(diskPlan) bool
		do      func(*updatePlan, diskPlan) error
	}{
		{"made", func(d diskPlan) bool { return d.action == diskMake }, r.addDataDisk},
		{"attached", func(d diskPlan) bool { return d.action == diskAttach }, r.attachDataDisk},
		{"grew", func(d diskPlan) bool { return (d.action == diskAttach || d.action == diskGrow) && d.bytes > d.have }, r.growDataDisk},
		{"detached", func(d diskPlan) bool { return d.action == diskDetach }, r.detachDataDisk},
	}
	for _, step := range steps {
		for _, d := range plans {
			if !step.applies(d) {
				continue
			}
			if err := step.do(p, d); err != nil {
				return "", err
			}
			done = append(done, step.verb+" "+d.name)
		}
	}
	p.manifest.order(wanted)
	if len(done) == 0 {
		return "nothing to do", nil
	}
	return strings.Join(done, ", "), nil
}

func (r *run) addDataDisk(p *updatePlan, d diskPlan) error {
	if err := r.goesOn(); err != nil {
		return err
	}
	if exists(d.path) {
		return fail(protocol.CodeStepFailed, fmt.Sprintf("file %s exists already", d.path), "", "")
	}
	r.made.disks = append(r.made.disks, diskDeed{"made", d.name, d.path, 0})
	if err := r.makeDataDisk(p.manifest, d.wantedDisk, d.path); err != nil {
		return err
	}
	_, err := r.store.AddVMHardDiskDrive(r.ctx, r.vmID, d.path)
	return err
}

func (r *run) attachDataDisk(_ *updatePlan, d diskPlan) error {
	r.made.disks = append(r.made.disks, diskDeed{"attached", d.name, d.path, 0})
	_, err := r.store.AddVMHardDiskDrive(r.ctx, r.vmID, d.path)
	return err
}

func (r *run) growDataDisk(_ *updatePlan, d diskPlan) error { return r.grow(d.file(), d.bytes, d.have) }

func (r *run) detachDataDisk(p *updatePlan, d diskPlan) error {
	// It may have got a checkpoint since the plan: what is written since would be in a file that nobody knows.
	found, err := r.dataDiskFindings(p.vm, d)
	if err == nil {
		err = first(found)
	}
	if err != nil {
		return err
	}
	r.made.disks = append(r.made.disks, diskDeed{"detached", d.name, d.path, 0})
	return r.store.RemoveVMHardDiskDrive(r.ctx, r.vmID, d.drive.Path)
}

// order puts the data disks into the order in which they are wanted, with the names' letters as they are; those that are kept
// come last.
func (m *manifest) order(wanted []wantedDisk) {
	place := func(d recordedDisk) int {
		at := slices.IndexFunc(wanted, func(w wantedDisk) bool { return strings.EqualFold(w.name, d.Name) })
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

// tellKept says of each disk that the update detached that its file is kept.
func (r *run) tellKept() {
	for _, d := range r.made.disks {
		if d.action == "detached" {
			r.leave(fmt.Sprintf("%s: data disk '%s' is detached, and its file is kept for as long as the virtual machine lives", d.path, d.name))
		}
	}
}

// undoDisks takes back what the update did to disks.
func (r *run) undoDisks() {
	if len(r.made.disks) == 0 {
		return
	}
	vm, ok, err := r.find(r.vmID)
	if err == nil && !ok {
		err = fmt.Errorf("virtual machine %s is gone, and what was done to its disks stays", r.vmID)
	}
	if err != nil {
		r.leave(err.Error())
		return
	}
	m := findManifest(vm)
	for _, d := range slices.Backward(r.made.disks) {
		attached := r.attached(d.path)
		switch {
		case d.action == "made":
			r.undoMadeDisk(m, d, attached)
		case d.action == "attached" && attached:
			r.undoPart("detached "+d.path+" again", d.path, func() error { return r.store.RemoveVMHardDiskDrive(r.ctx, r.vmID, d.path) })
		case d.action == "detached" && !attached:
			r.undoPart("attached "+d.path+" again", d.path, func() error {
				_, err := r.store.AddVMHardDiskDrive(r.ctx, r.vmID, d.path)
				return err
			})
		case d.action == "grown":
			if disk, ok := r.disk(d.path); ok && disk.SizeBytes > d.bytes {
				r.leave(fmt.Sprintf("%s: it had %s and has %s now, and a disk does not shrink",
					d.path, formatSize(float64(d.bytes)), formatSize(float64(disk.SizeBytes))))
			}
		}
	}
}

// attached tells whether a disk is attached to the job's machine as it is.
func (r *run) attached(path string) bool {
	drives, err := r.store.GetVMHardDiskDrive(r.ctx, r.vmID)
	return err == nil && slices.ContainsFunc(drives, func(d hyperv.Drive) bool { return strings.EqualFold(d.Path, path) })
}

func (r *run) undoMadeDisk(m *manifest, d diskDeed, attached bool) {
	gone := true
	if attached || exists(d.path) {
		gone = r.undoPart("deleted "+d.path, d.path, func() error {
			if attached {
				if err := r.store.RemoveVMHardDiskDrive(r.ctx, r.vmID, d.path); err != nil {
					return err
				}
			}
			return removeFile(d.path)
		})
	}
	if gone && m != nil {
		m.dropDisk(d.path)
		if err := m.save(); err != nil {
			r.leave(err.Error())
		}
	}
}
