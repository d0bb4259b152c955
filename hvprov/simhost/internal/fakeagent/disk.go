// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

const (
	maxDiskGB    = 65536
	diskOverhead = 4 << 20 // size in bytes of the file of an empty virtual hard disk
	copyBlock    = 1 << 20 // bytes that are copied between two checks for cancellation
)

// dataDisk is a data disk of a definition.
type dataDisk struct {
	name  string
	bytes int64
	kind  string // dynamic or fixed
	index int
}

func (d dataDisk) field(part string) string { return fmt.Sprintf("data_disks[%d].%s", d.index, part) }

func (f fields) dataDisks() (disks []dataDisk) {
	for i, item := range f.list("data_disks") {
		object, _ := item.(map[string]any)
		part := fields(object)
		d := dataDisk{name: part.text("name"), bytes: int64(part.number("size_gb")) << 30, kind: "dynamic", index: i}
		if kind := part.text("type"); kind != "" {
			d.kind = kind
		}
		disks = append(disks, d)
	}
	return disks
}

var diskName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$`)

// isDiskList reports whether value is a valid list of data disks.
func isDiskList(value any) bool {
	list, ok := value.([]any)
	names := map[string]bool{}
	for _, item := range list {
		object, isObject := item.(map[string]any)
		part := fields(object)
		name := part.text("name")
		if kind := part["type"]; !isObject || kind != nil && kind != "dynamic" && kind != "fixed" {
			return false
		}
		if len(name) > 32 || !diskName.MatchString(name) || names[strings.ToLower(name)] || !isBetween(1, maxDiskGB)(part["size_gb"]) {
			return false
		}
		names[strings.ToLower(name)] = true
	}
	return ok
}

// dataDiskPath returns the file of a new data disk. No other disk has that name: the names of data disks have no dot.
func dataDiskPath(folder, vmName, name string) string {
	return filepath.Join(folder, vmName+"."+name+".vhdx")
}

// isCheckpointDisk reports whether a file is a differencing disk of a checkpoint.
func isCheckpointDisk(path string) bool { return strings.EqualFold(filepath.Ext(path), ".avhdx") }

// disks returns the readable disks at paths, by path.
func (v *view) disks(paths []string) map[string]hyperv.Disk {
	disks := map[string]hyperv.Disk{}
	if !slices.ContainsFunc(paths, exists) {
		return disks
	}
	_ = v.cmdlet("Get-VHD", false, func(*hyperv.State) error { // what cannot be read is absent
		for _, path := range paths {
			if d, err := hyperv.ReadDisk(path); err == nil {
				disks[path] = d
			}
		}
		return nil
	})
	return disks
}

func (v *view) disk(path string) (d hyperv.Disk, ok bool) {
	d, ok = v.disks([]string{path})[path]
	return d, ok
}

// attachDisk attaches a disk to the first free location of the SCSI controller, or for the boot disk of generation 1 of the IDE one.
func (j *hostJob) attachDisk(path string, boot bool) error {
	return j.change("Add-VMHardDiskDrive", func(_ *hyperv.State, vm *hyperv.VM) error {
		if !exists(path) || driveOf(*vm, path) != nil {
			return fmt.Errorf("virtual hard disk '%s' was not found, or is attached already", path)
		}
		d := hyperv.Drive{ControllerType: "SCSI", Path: path}
		if boot && vm.Generation == 1 { // its BIOS boots from IDE only
			d.ControllerType = "IDE"
		}
		for isOccupied(*vm, hyperv.DVD{ControllerType: d.ControllerType, ControllerLocation: d.ControllerLocation}) {
			d.ControllerLocation++
		}
		vm.Drives = append(vm.Drives, d)
		return nil
	})
}

func (j *hostJob) detachDisk(path string) error {
	return j.change("Remove-VMHardDiskDrive", func(_ *hyperv.State, vm *hyperv.VM) error {
		drive := driveOf(*vm, path)
		if drive == nil {
			return fmt.Errorf("virtual machine '%s' has no drive of '%s'", vm.Name, path)
		}
		if drive.ControllerType == "IDE" {
			if err := requireState("Remove-VMHardDiskDrive", vm, "Off"); err != nil {
				return err
			}
		}
		vm.Drives = slices.DeleteFunc(vm.Drives, func(d hyperv.Drive) bool { return strings.EqualFold(d.Path, path) })
		return nil
	})
}

// driveOf returns the drive of a disk, or nil.
func driveOf(vm hyperv.VM, path string) *hyperv.Drive {
	for i := range vm.Drives {
		if strings.EqualFold(vm.Drives[i].Path, path) {
			return &vm.Drives[i]
		}
	}
	return nil
}

func isOccupied(vm hyperv.VM, at hyperv.DVD) bool {
	return slices.ContainsFunc(vm.DVDs, func(d hyperv.DVD) bool { return samePlace(d, at) }) ||
		slices.ContainsFunc(vm.Drives, func(d hyperv.Drive) bool {
			return samePlace(hyperv.DVD{ControllerType: d.ControllerType, ControllerNumber: d.ControllerNumber, ControllerLocation: d.ControllerLocation}, at)
		})
}

func samePlace(a, b hyperv.DVD) bool {
	a.Path, b.Path = "", ""
	return a == b
}

var errFileExists = errors.New("the file exists (0x80070050)")

// newDisk creates a virtual hard disk. A differencing disk has the size of its parent.
func (j *hostJob) newDisk(path string, d hyperv.Disk) error {
	return j.cmdlet("New-VHD", true, func(*hyperv.State) error {
		if exists(path) {
			return errFileExists
		}
		d.FileBytes = diskOverhead
		switch d.Type {
		case "Fixed":
			d.FileBytes += d.SizeBytes
		case "Differencing":
			parent, err := hyperv.ReadDisk(d.Parent)
			if err != nil {
				return err
			}
			d.SizeBytes = parent.SizeBytes
		}
		return hyperv.WriteDisk(path, d)
	})
}

// expandDisk expands a virtual hard disk to bytes.
func (j *hostJob) expandDisk(path string, bytes int64) error {
	return j.cmdlet("Resize-VHD", true, func(s *hyperv.State) error {
		d, err := hyperv.ReadDisk(path)
		if err != nil {
			return err
		}
		for _, vm := range s.VMs {
			if drive := driveOf(vm, path); drive != nil && drive.ControllerType == "IDE" && vm.State != "Off" {
				return fmt.Errorf("'%s' is being used by another process (0x80070020)", path)
			}
		}
		if d.Type == "Fixed" {
			d.FileBytes += bytes - d.SizeBytes
		}
		d.SizeBytes = bytes
		return hyperv.WriteDisk(path, d)
	})
}

func describeDisk(j *hostJob) string {
	path := j.imageDiskPath()
	if j.fields.text("disk_type") == "differencing" {
		return text("step_disk_differencing", "path", path, "image", baseName(j.plan.image))
	}
	info, err := os.Stat(j.plan.image)
	if err != nil {
		return text("step_disk_copy", "image", baseName(j.plan.image), "size", "?", "path", path)
	}
	return text("step_disk_copy", "image", baseName(j.plan.image), "size", formatSize(info.Size()), "path", path)
}

func (j *hostJob) imageDiskPath() string {
	return filepath.Join(j.folder(), j.fields.text("vm_name")+".vhdx")
}

// createDisk creates the disk of the image, a copy or a differencing disk, and attaches it.
func createDisk(j *hostJob) error {
	path := j.imageDiskPath()
	if exists(path) {
		return fail("file_exists", "", "path", path)
	}
	j.plan.bootDrive = path
	m := j.plan.manifest
	m.Files, m.Disk = append(m.Files, path), path
	err := m.save()
	if err != nil {
		return err
	}
	if j.fields.text("disk_type") == "differencing" {
		err = j.newDisk(path, hyperv.Disk{Type: "Differencing", Parent: j.plan.image})
	} else {
		err = j.copyImage(j.plan.image, path)
	}
	if err != nil {
		return err
	}
	if j.fields.has("disk_size_gb") {
		bytes := int64(j.fields.number("disk_size_gb")) << 30
		d, ok := j.disk(path)
		if !ok {
			return fmt.Errorf("cannot read %s as a virtual hard disk", path)
		}
		if bytes > d.SizeBytes {
			if err := j.expandDisk(path, bytes); err != nil {
				return err
			}
			j.log("disk_expanded", "size", formatSize(bytes), "image_size", formatSize(d.SizeBytes))
		}
	}
	return j.attachDisk(path, true)
}

// copyImage copies an image to a new file, at the speed that the host's behaviour allows.
func (j *hostJob) copyImage(source, target string) (err error) {
	state, err := j.store.Read()
	if err != nil {
		return err
	}
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	speed, block, length := state.Behaviour.CopyBytesPerSecond, int64(copyBlock), info.Size()
	if speed > 0 {
		block = max(1, min(block, speed/10)) // ten blocks a second, so that a cancelled job ends soon
	}
	start := time.Now()
	reported := start
	for copied := int64(0); ; {
		n, err := io.CopyN(out, in, block)
		copied += n
		if errors.Is(err, io.EOF) {
			j.reportCopy(copied, length, time.Since(start))
			return nil
		}
		if err != nil {
			return err
		}
		if speed > 0 {
			if err := j.sleep(j.ctx, time.Duration(n)*time.Second/time.Duration(speed)); err != nil {
				return err
			}
		}
		if err := j.checkCancelled(); err != nil {
			return err
		}
		if now := time.Now(); copied < length && now.Sub(reported) >= 500*time.Millisecond {
			reported = now
			j.reportCopy(copied, length, now.Sub(start))
		}
	}
}

func (j *hostJob) reportCopy(copied, length int64, elapsed time.Duration) {
	percent := 100
	if copied < length {
		percent = int(copied * 100 / length)
	}
	rate := int64(float64(copied) / max(elapsed.Seconds(), 0.001))
	j.emit(job.Event{
		Kind: job.KindProgress, Percent: percent, BytesPerSecond: rate,
		Message: text("copy_progress", "copied", formatSize(copied), "total", formatSize(length), "rate", formatSize(rate)),
	})
}

func hasDataDisks(j *hostJob) bool { return len(j.fields.dataDisks()) > 0 }

func describeDataDisks(j *hostJob) string {
	var names []string
	for _, d := range j.fields.dataDisks() {
		names = append(names, d.name)
	}
	return text("step_data_disks", "disks", strings.Join(names, ", "))
}

func createDataDisks(j *hostJob) error {
	for _, d := range j.fields.dataDisks() {
		if err := j.createDataDisk(d, dataDiskPath(j.folder(), j.fields.text("vm_name"), d.name)); err != nil {
			return err
		}
	}
	return nil
}

// createDataDisk creates and attaches a data disk. It is recorded in the manifest before it exists.
func (j *hostJob) createDataDisk(d dataDisk, path string) error {
	if err := j.checkCancelled(); err != nil {
		return err
	}
	if exists(path) {
		return fail("file_exists", "", "path", path)
	}
	j.log("data_disk_created", "disk", d.name, "size", formatSize(d.bytes), "type", d.kind, "path", path)
	m := j.plan.manifest
	m.addDisk(recordedDisk{Name: d.name, Path: path, Type: d.kind})
	if err := m.save(); err != nil {
		return err
	}
	err := j.newDisk(path, hyperv.Disk{Type: pascalCase(d.kind), SizeBytes: d.bytes})
	if err == nil {
		return j.attachDisk(path, false)
	}
	if strings.Contains(err.Error(), "(0x80070050)") { // the file belongs to somebody else, so it must not be rolled back
		m.dropDisk(path)
		return errors.Join(err, m.save())
	}
	return err
}
