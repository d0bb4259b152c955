// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// diskOverhead is how many bytes the file of an empty virtual hard disk takes, beside what a fixed one holds.
const diskOverhead = hyperv.DiskOverhead

// wantedDisk is a data disk that a definition asks for.
type wantedDisk struct {
	name  string
	bytes int64
	kind  string // dynamic or fixed
	index int
}

// wantedDisks gives the data disks that a field asks for, in their order.
func wantedDisks(value any) (disks []wantedDisk) {
	list, _ := value.([]any)
	for i, item := range list {
		object, _ := item.(map[string]any)
		d := wantedDisk{kind: "dynamic", index: i}
		d.name, _ = object["name"].(string)
		if size, ok := object["size_gb"].(float64); ok {
			d.bytes = int64(size) << 30
		}
		if kind, ok := object["type"].(string); ok {
			d.kind = kind
		}
		disks = append(disks, d)
	}
	return disks
}

var diskName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$`)

// isDiskList tells whether a value is a list of data disks that can be made side by side.
func isDiskList(value any) bool {
	list, ok := value.([]any)
	names := map[string]bool{}
	for _, item := range list {
		object, isObject := item.(map[string]any)
		name, _ := object["name"].(string)
		key := strings.ToLower(name)
		kind, given := object["type"]
		if !isObject || len(name) > 32 || !diskName.MatchString(name) || names[key] || !isDiskSize(object["size_gb"]) ||
			given && kind != nil && kind != "dynamic" && kind != "fixed" {
			return false
		}
		names[key] = true
	}
	return ok
}

// isDiskSize tells whether a value is a size in GiB that a virtual hard disk can have.
func isDiskSize(value any) bool {
	size, ok := value.(float64)
	return ok && whole(size) && size >= 1 && size <= 65536
}

// dataDiskPath gives the file of a new data disk. No file of another disk has that name: that of the image's disk has
// nothing between the machine's name and its ending, and no name of a disk has a dot.
func dataDiskPath(folder, vmName, name string) string {
	return filepath.Join(folder, vmName+"."+name+".vhdx")
}

// disk gives what is known of a disk; ok is false when it cannot be read.
func (s *view) disk(path string) (d hyperv.Disk, ok bool) {
	disks := s.disks([]string{path})
	d, ok = disks[path]
	return d, ok
}

// disks gives what is known of the disks at paths, in one call.
func (s *view) disks(paths []string) map[string]hyperv.Disk {
	var there []string
	for _, path := range paths {
		if exists(path) {
			there = append(there, path)
		}
	}
	if len(there) == 0 {
		return map[string]hyperv.Disk{}
	}
	disks, err := s.store.GetVHD(s.ctx, there)
	if err != nil {
		return map[string]hyperv.Disk{}
	}
	return disks
}

// isCheckpointDisk tells whether a file is what Hyper-V writes to since a checkpoint.
func isCheckpointDisk(path string) bool {
	ending := strings.ToLower(filepath.Ext(path))
	return ending == ".avhdx" || ending == ".avhd"
}

// restsOn tells whether a disk differs from another, in however many steps.
func (s *view) restsOn(path, below string) bool {
	seen := map[string]bool{}
	for path != "" && !seen[strings.ToLower(path)] {
		if strings.EqualFold(path, below) {
			return true
		}
		seen[strings.ToLower(path)] = true
		d, _ := s.disk(path)
		path = d.Parent
	}
	return false
}

// findDrive gives the drive that a disk is attached by, itself or below the disks of checkpoints; nil when it is not.
func (s *view) findDrive(drives []hyperv.Drive, path string) *hyperv.Drive {
	for i := range drives {
		if strings.EqualFold(drives[i].Path, path) {
			return &drives[i]
		}
	}
	for i := range drives {
		if isCheckpointDisk(drives[i].Path) && s.restsOn(drives[i].Path, path) {
			return &drives[i]
		}
	}
	return nil
}

// imageDrive gives the drive of the disk that was made of the image, or of the only one; nil when there is none such.
func (s *view) imageDrive(drives []hyperv.Drive, m *manifest) *hyperv.Drive {
	if m != nil && m.Disk != "" {
		return s.findDrive(drives, m.Disk)
	}
	if len(drives) == 1 {
		return &drives[0]
	}
	return nil
}

// asksToShrink tells whether a size in whole GiB asks a disk to shrink. One that hides only a fraction of what it has does
// not: a fraction cannot be asked for.
func asksToShrink(bytes, have int64) bool { return bytes < have>>30<<30 }

// ceilGB gives the whole GiB that hold so many bytes.
func ceilGB(bytes int64) float64 { return math.Ceil(float64(bytes) / (1 << 30)) }

// diskError gives an error about a drive that is full as one that says so, and any other as it is.
func diskError(err error, path string) error {
	if err == nil || !errors.Is(err, syscall.ENOSPC) && !strings.Contains(err.Error(), "(0x80070070)") {
		return err
	}
	return fail(protocol.CodeStorage, fmt.Sprintf("there is not enough space for %s", path), "", "make room on that drive, or ask for smaller disks")
}

func (r *run) resize(path string, bytes int64) error {
	return diskError(r.store.ResizeVHD(r.ctx, path, bytes), path)
}
