// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// What there is to do about a data disk.
const (
	diskMake    = "make"
	diskAttach  = "attach"
	diskGrow    = "grow"
	diskNothing = "nothing"
	diskDetach  = "detach"
)

// diskPlan is what there is to do about one data disk, and how.
type diskPlan struct {
	wantedDisk
	action  string
	path    string
	hasKind string        // the kind that it has
	have    int64         // bytes; 0 where they are not known
	drive   *hyperv.Drive // nil where it is not attached
}

// file is where the disk is written to.
func (p diskPlan) file() string {
	if p.drive != nil {
		return p.drive.Path
	}
	return p.path
}

// planDataDisks tells what becomes of each data disk. First come those that are wanted, in their order, then those that are
// attached and no longer wanted.
func (s *view) planDataDisks(vm hyperv.VM, m *manifest, wanted []wantedDisk) ([]diskPlan, error) {
	drives, err := s.store.GetVMHardDiskDrive(s.ctx, vm.ID)
	if err != nil {
		return nil, err
	}
	var plans []diskPlan
	for _, d := range wanted {
		p := diskPlan{wantedDisk: d, action: diskMake, path: dataDiskPath(m.folder, vm.Name, d.name), hasKind: d.kind}
		recorded := slices.IndexFunc(m.DataDisks, func(r recordedDisk) bool { return strings.EqualFold(r.Name, d.name) })
		if recorded >= 0 {
			r := m.DataDisks[recorded]
			p.path, p.drive, p.hasKind = r.Path, s.findDrive(drives, r.Path), r.Type
		}
		if p.drive != nil || recorded >= 0 && exists(p.path) {
			s.addFact(&p)
		}
		plans = append(plans, p)
	}
	for _, r := range m.DataDisks {
		if slices.ContainsFunc(wanted, func(d wantedDisk) bool { return strings.EqualFold(d.name, r.Name) }) {
			continue
		}
		if drive := s.findDrive(drives, r.Path); drive != nil {
			plans = append(plans, diskPlan{wantedDisk: wantedDisk{name: r.Name}, action: diskDetach, path: r.Path, drive: drive})
		}
	}
	return plans, nil
}

// addFact adds to the plan of a disk that is there what it is, and so what there is to do.
func (s *view) addFact(p *diskPlan) {
	if d, ok := s.disk(p.file()); ok {
		p.have = d.SizeBytes
		if d.Type == hyperv.DiskDynamic || d.Type == hyperv.DiskFixed {
			p.hasKind = strings.ToLower(d.Type)
		}
	}
	switch {
	case p.drive == nil:
		p.action = diskAttach
	case p.bytes > p.have:
		p.action = diskGrow
	default:
		p.action = diskNothing
	}
}

// sizePlan is what becomes of the disk that was made of an image.
type sizePlan struct {
	drive       hyperv.Drive
	bytes, have int64
	fixed       bool
}

// planDiskSize gives that; nil when it is not known which disk it is.
func (s *view) planDiskSize(vm hyperv.VM, m *manifest, sizeGB float64) (*sizePlan, error) {
	drives, err := s.store.GetVMHardDiskDrive(s.ctx, vm.ID)
	if err != nil {
		return nil, err
	}
	drive := s.imageDrive(drives, m)
	if drive == nil {
		return nil, nil //nolint:nilnil // as documented
	}
	p := &sizePlan{drive: *drive, bytes: int64(sizeGB) << 30}
	if d, ok := s.disk(drive.Path); ok {
		p.have, p.fixed = d.SizeBytes, d.Type == hyperv.DiskFixed
	}
	return p, nil
}

// diskNeedsOff tells whether a machine has to be off for its disk to grow: on an IDE controller none does while it runs.
func (s *view) diskNeedsOff(vm hyperv.VM, sizeGB float64) (bool, error) {
	p, err := s.planDiskSize(vm, findManifest(vm), sizeGB)
	return p != nil && p.bytes > p.have && p.drive.ControllerType == "IDE", err
}
