// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// showDrive gives a drive in the shape that clients read.
func (d details) showDrive(drive hyperv.Drive) job.Drive {
	shown := job.Drive{Path: drive.Path, Controller: fmt.Sprintf("%s %d:%d", drive.ControllerType, drive.ControllerNumber, drive.ControllerLocation)}
	if disk, known := d.disks[drive.Path]; known {
		size, file := memoryGB(disk.SizeBytes), memoryGB(disk.FileBytes)
		shown.SizeGB, shown.FileGB, shown.Type, shown.Parent = &size, &file, strings.ToLower(disk.Type), disk.Parent
	}
	return shown
}

// showOwnDisks adds the size of a machine's disk, and its data disks, as far as they are known.
func showOwnDisks(shown *job.VM, m *manifest) {
	find := func(path string) *job.Drive {
		for i := range shown.Drives {
			if isDriveOf(shown.Drives[i], path) {
				return &shown.Drives[i]
			}
		}
		return nil
	}
	var first *job.Drive
	if m != nil && m.Disk != "" {
		first = find(m.Disk)
	} else if len(shown.Drives) == 1 {
		first = &shown.Drives[0]
	}
	if first != nil {
		shown.DiskSizeGB = first.SizeGB
	}
	if m == nil {
		return
	}
	list := []job.DataDisk{}
	for _, recorded := range m.DataDisks {
		drive := find(recorded.Path)
		if drive == nil {
			continue
		}
		if drive.SizeGB == nil {
			return
		}
		kind := recorded.Type
		if drive.Type == "dynamic" || drive.Type == "fixed" {
			kind = drive.Type
		}
		list = append(list, job.DataDisk{Name: recorded.Name, SizeGB: *drive.SizeGB, Type: kind})
	}
	shown.DataDisks = list
}

var checkpointMark = regexp.MustCompile(`_[0-9A-Fa-f-]{36}$`)

// isDriveOf tells whether a drive is that of a disk, or of a checkpoint's disk over it: Hyper-V names that for the one
// below and a GUID.
func isDriveOf(drive job.Drive, path string) bool {
	if strings.EqualFold(drive.Path, path) {
		return true
	}
	if !isCheckpointDisk(drive.Path) {
		return false
	}
	bare := func(p string) string { return strings.TrimSuffix(filepath.Base(p), filepath.Ext(p)) }
	return strings.EqualFold(drive.Parent, path) || strings.EqualFold(checkpointMark.ReplaceAllString(bare(drive.Path), ""), bare(path))
}
