// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"os"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// diskFindings are about a new machine: the disk of its image, the data disks, and the space for all of them. target is the
// folder that they are made in.
func (s *view) diskFindings(image, target string, f fields, warn bool) (found []job.Finding, err error) {
	info, err := os.Stat(image)
	if err != nil {
		return nil, nil //nolint:nilerr // it has just gone, and the job tells that
	}
	differencing := f.text("disk_type") == "differencing"
	takes := diskSpace{"image_name", fmt.Sprintf("image '%s'", imageName(image)), info.Size()}
	if differencing {
		takes = diskSpace{"disk_type", "the differencing disk", diskOverhead}
	}
	if differencing || f.has("disk_size_gb") {
		d, ok := s.disk(image)
		if !ok {
			return []job.Finding{finding("image_name", protocol.CodeImageUnfit,
				fmt.Sprintf("image '%s' cannot be read as a virtual hard disk", imageName(image)),
				"look at it with Get-VHD on the host, and make it anew")}, nil
		}
		if f.has("disk_size_gb") {
			bytes := int64(f.number("disk_size_gb")) << 30
			if bytes < d.SizeBytes {
				found = append(found, sizeFinding("disk_size_gb", "disk_size_gb", fmt.Sprintf("image '%s'", imageName(image)), d.SizeBytes))
			} else if d.Type == hyperv.DiskFixed && !differencing {
				takes.bytes += bytes - d.SizeBytes
			}
		}
		if differencing {
			user, err := s.diskUser(image, "")
			if err != nil {
				return nil, err
			}
			if user != "" {
				found = append(found, finding("disk_type", protocol.CodeImageUnfit,
					fmt.Sprintf("virtual machine '%s' writes to image '%s', which must not change below a differencing disk", user, imageName(image)),
					"detach it there, or set disk_type to copy"))
			}
		}
	}
	all := []diskSpace{takes}
	for _, d := range wantedDisks(f.values["data_disks"]) {
		all = append(all, d.space())
	}
	return append(found, s.spaceFindings(all, target, warn)...), nil
}

// sizeFinding is about a disk that would have to shrink.
func sizeFinding(field, name, what string, have int64) job.Finding {
	return finding(field, protocol.CodeDiskSize, fmt.Sprintf("%s has %s, and a disk does not shrink", what, formatSize(float64(have))),
		fmt.Sprintf("set %s to %s or more", name, formatNumber(ceilGB(have))))
}

// diskUser gives the name of a virtual machine that a file is attached to, but for the one with the GUID exceptID.
func (s *view) diskUser(path, exceptID string) (string, error) {
	vms, err := s.store.ListVMs(s.ctx)
	if err != nil {
		return "", err
	}
	for _, vm := range vms {
		if vm.ID == exceptID {
			continue
		}
		for _, drive := range vm.Drives {
			if strings.EqualFold(drive.Path, path) {
				return vm.Name, nil
			}
		}
	}
	return "", nil
}

// diskSpace is what a file is going to take of its drive.
type diskSpace struct {
	field, what string
	bytes       int64
}

func (d wantedDisk) at(part string) string { return fmt.Sprintf("data_disks[%d].%s", d.index, part) }

// space tells what a new data disk takes.
func (d wantedDisk) space() diskSpace {
	bytes := int64(diskOverhead)
	if d.kind == "fixed" {
		bytes += d.bytes
	}
	return diskSpace{d.at("size_gb"), fmt.Sprintf("data disk '%s'", d.name), bytes}
}

// spareSpace is how many bytes a drive should have left once all disks are there.
const spareSpace = 1 << 30

// spaceFindings gives the finding about the first of several files that a drive has no room for, or with warn hardly has.
func (s *view) spaceFindings(all []diskSpace, target string, warn bool) (warning []job.Finding) {
	if len(all) == 0 {
		return nil
	}
	known := s.freeSpace(target)
	if known == nil {
		return nil
	}
	free, beside := *known, ""
	for _, d := range all {
		fits := d.bytes <= free
		if !fits || warning == nil && free-d.bytes < spareSpace {
			f := finding(d.field, protocol.CodeStorage,
				fmt.Sprintf("%s takes %s, and %s has %s free%s", d.what, formatSize(float64(d.bytes)), target, formatSize(float64(free)), beside),
				"make room there, or have virtual machines made in a folder of another drive")
			if !fits {
				return []job.Finding{f}
			}
			f.Severity = job.SeverityWarning
			warning = []job.Finding{f}
		}
		free -= d.bytes
		beside = " beside the other disks"
	}
	if !warn {
		return nil
	}
	return warning
}

// diskUpdateFindings are about the disks of a machine that exists.
func (s *view) diskUpdateFindings(vmID string, f fields, warn bool) (found []job.Finding, err error) {
	vm, ok, err := s.find(vmID)
	if err != nil || !ok {
		return nil, err
	}
	m := findManifest(vm)
	state := powerState(vm.State)
	off := state == "off" || f.text("power_state") == "off"
	var takes []diskSpace
	touched := ""
	if f.has("disk_size_gb") {
		p, err := s.planDiskSize(vm, m, f.number("disk_size_gb"))
		if err != nil {
			return nil, err
		}
		found = append(found, diskSizeFindings(vm, p)...)
		if p != nil && p.bytes > p.have {
			touched = "disk_size_gb"
			if p.fixed {
				takes = append(takes, diskSpace{"disk_size_gb", "the disk that grows", p.bytes - p.have})
			}
			if warn && state == "running" && !off && p.drive.ControllerType == "IDE" {
				f := finding("disk_size_gb", protocol.CodePowerCycleRefused,
					fmt.Sprintf("the disk of virtual machine '%s' is on an IDE controller, and grows only while the machine is off", vm.Name),
					"allow the power cycle, or turn it off first")
				f.Severity = job.SeverityWarning
				found = append(found, f)
			}
		}
	}
	wanted := wantedDisks(f.values["data_disks"])
	switch {
	case m == nil && len(wanted) > 0:
		found = append(found, finding("data_disks", protocol.CodeInvalidDefinition,
			fmt.Sprintf("no job is recorded for virtual machine '%s', and so none of its disks as made for it", vm.Name), "leave data_disks out"))
	case m != nil && f.has("data_disks"):
		plans, err := s.planDataDisks(vm, m, wanted)
		if err != nil {
			return nil, err
		}
		for _, p := range plans {
			if p.action != diskNothing && touched == "" {
				touched = "data_disks"
			}
			switch {
			case p.action == diskMake:
				takes = append(takes, p.space())
			case p.action != diskDetach && p.hasKind == "fixed" && p.bytes > p.have:
				takes = append(takes, diskSpace{p.at("size_gb"), fmt.Sprintf("data disk '%s', which grows,", p.name), p.bytes - p.have})
			}
			more, err := s.dataDiskFindings(vm, p)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
	}
	if touched != "" && !off && state != "running" {
		found = append(found, finding(touched, protocol.CodePowerCycleRefused,
			fmt.Sprintf("changing %s needs virtual machine '%s' to be running or off, and it is %s", touched, vm.Name, state),
			"start it, or turn it off first"))
	}
	if m != nil {
		found = append(found, s.spaceFindings(takes, m.folder, warn)...)
	}
	return found, nil
}

func diskSizeFindings(vm hyperv.VM, p *sizePlan) []job.Finding {
	const field = "disk_size_gb"
	switch {
	case p == nil:
		return []job.Finding{finding(field, protocol.CodeInvalidDefinition,
			fmt.Sprintf("which disk of virtual machine '%s' was made of an image is not recorded", vm.Name), "leave disk_size_gb out")}
	case p.have == 0:
		return []job.Finding{unreadFinding(field, p.drive.Path)}
	case asksToShrink(p.bytes, p.have):
		return []job.Finding{sizeFinding(field, field, fmt.Sprintf("the disk of virtual machine '%s'", vm.Name), p.have)}
	case p.bytes > p.have && isCheckpointDisk(p.drive.Path):
		return []job.Finding{checkpointFinding(field, vm, "its disk cannot grow")}
	}
	return nil
}

func (s *view) dataDiskFindings(vm hyperv.VM, p diskPlan) (found []job.Finding, err error) {
	switch {
	case p.action == diskDetach && isCheckpointDisk(p.drive.Path):
		return []job.Finding{checkpointFinding("data_disks", vm, fmt.Sprintf("data disk '%s' cannot be detached", p.name))}, nil
	case p.action == diskMake && exists(p.path):
		return []job.Finding{finding(p.at("name"), protocol.CodeDiskBusy,
			fmt.Sprintf("file %s exists already, and is not recorded as made for virtual machine '%s'", p.path, vm.Name),
			"use another name, or move the file away")}, nil
	case p.action == diskDetach, p.action == diskMake:
		return nil, nil
	case p.have == 0:
		return []job.Finding{unreadFinding(p.at("name"), p.path)}, nil
	}
	if p.hasKind != p.kind {
		found = append(found, finding(p.at("type"), protocol.CodeDiskType,
			fmt.Sprintf("data disk '%s' is %s, which was decided when it was made", p.name, p.hasKind),
			fmt.Sprintf("set type to %s, or use another name for another disk", p.hasKind)))
	}
	if asksToShrink(p.bytes, p.have) {
		found = append(found, sizeFinding(p.at("size_gb"), "size_gb", fmt.Sprintf("data disk '%s'", p.name), p.have))
	} else if p.action == diskGrow && isCheckpointDisk(p.drive.Path) {
		found = append(found, checkpointFinding(p.at("size_gb"), vm, fmt.Sprintf("data disk '%s' cannot grow", p.name)))
	}
	if p.action != diskAttach {
		return found, nil
	}
	user, err := s.diskUser(p.path, vm.ID)
	if err == nil && user != "" {
		found = append(found, finding(p.at("name"), protocol.CodeDiskBusy, fmt.Sprintf("virtual machine '%s' uses %s", user, p.path),
			"detach it there, or use another name"))
	}
	return found, err
}

func checkpointFinding(field string, vm hyperv.VM, what string) job.Finding {
	return finding(field, protocol.CodeDiskBusy, fmt.Sprintf("virtual machine '%s' has checkpoints, so that %s", vm.Name, what), "remove its checkpoints first")
}

func unreadFinding(field, path string) job.Finding {
	return finding(field, protocol.CodeDiskBusy, path+" cannot be read as a virtual hard disk", "look at it with Get-VHD on the host")
}
