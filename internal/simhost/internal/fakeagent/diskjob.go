// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// diskOverhead is the size of the file of an empty disk without the content of a fixed one, as in agent/lib/Disk.ps1.
const diskOverhead = 4 << 20

// diskPlan is what a disk job does. The action is empty if there is nothing to do.
type diskPlan struct {
	action, path, kind, parent string
	bytes, current             int64
	absent                     bool // there is no file to delete
}

// missingDiskField returns the field that a disk job lacks.
func missingDiskField(f fields) string {
	for _, name := range []string{"disk_action", "disk_path"} {
		if !f.has(name) {
			return name
		}
	}
	needed := "disk_size_gb"
	if f.text("disk_action") == "create" && f.text("vhd_type") == "differencing" {
		needed = "parent_path"
	}
	if f.text("disk_action") == "remove" || f.has(needed) {
		return ""
	}
	return needed
}

func isDiskPath(v any) bool {
	s, _ := v.(string)
	lower := strings.ToLower(s)
	return (strings.HasSuffix(lower, ".vhdx") || strings.HasSuffix(lower, ".vhd")) && len(utf16.Encode([]rune(s))) <= 250 &&
		(filepath.IsAbs(s) || isFileName(s))
}

// diskFile returns the full path of a disk.
func (v *view) diskFile(path string) (string, error) {
	host, err := v.hostState()
	if err == nil && !filepath.IsAbs(path) {
		path = filepath.Join(host.VirtualHardDiskPath, path)
	}
	return filepath.Clean(path), err
}

// virtualDisk returns a virtual hard disk, or nil if there is none.
func (v *view) virtualDisk(path string) (*job.Disk, error) {
	path, err := v.diskFile(path)
	if err != nil || !exists(path) {
		return nil, err
	}
	d, err := v.readDisk(path, "")
	if err != nil {
		return nil, err
	}
	size := math.Round(float64(d.SizeBytes)/(1<<30)*1000) / 1000
	return &job.Disk{Path: path, SizeGB: size, Type: strings.ToLower(d.Type), ParentPath: d.Parent}, nil
}

func (v *view) readDisk(path, field string) (d hyperv.Disk, err error) {
	if !exists(path) {
		return d, fail("disk_missing", field, "path", path)
	}
	err = v.cmdlet("Get-VHD", false, func(*hyperv.State) error { d, err = hyperv.ReadDisk(path); return err })
	if err != nil {
		err = fail("disk_unreadable", field, "path", path)
	}
	return d, err
}

// checkUnused returns an error if a virtual machine uses a disk, itself or below another one.
func (v *view) checkUnused(path string) error {
	vms, err := v.listVMs()
	if err != nil {
		return err
	}
	if vm := filesInUse(vms)[pathKey(path)]; vm != "" {
		return fail("disk_attached", "disk_path", "path", path, "reason", text("leftover_vm_uses", "vm", vm))
	}
	return nil
}

// userOf returns the name of the virtual machine that a disk is attached to.
func (v *view) userOf(path string) (name string, err error) {
	vms, err := v.listVMs()
	for _, vm := range vms {
		for _, drive := range vm.Drives {
			if pathKey(drive.Path) == pathKey(path) {
				name = vm.Name
			}
		}
	}
	return name, err
}

// planDisk checks what a disk job is to do.
func planDisk(j *hostJob) error {
	path, err := j.diskFile(j.fields.text("disk_path"))
	if err != nil {
		return err
	}
	p := diskPlan{action: j.fields.text("disk_action"), path: path, kind: j.fields.text("vhd_type"), bytes: int64(j.fields.number("disk_size_gb")) << 30}
	if p.kind == "" {
		p.kind = "dynamic"
	}
	switch p.action {
	case "create":
		err = j.planNewDisk(&p)
	case "remove":
		if p.absent = !exists(path); p.absent {
			p.action = ""
		} else {
			err = j.checkUnused(path)
		}
	default:
		err = j.planExpansion(&p)
	}
	if err != nil {
		p.action = ""
	}
	j.plan.disk = p
	return err
}

func (j *hostJob) planNewDisk(p *diskPlan) error {
	if exists(p.path) {
		return fail("disk_exists", "disk_path", "path", p.path)
	}
	if folder := filepath.Dir(p.path); !exists(folder) {
		return fail("disk_folder_missing", "disk_path", "folder", folder)
	}
	if p.kind != "differencing" {
		return nil
	}
	parent, err := j.diskFile(j.fields.text("parent_path"))
	if err != nil {
		return err
	}
	d, err := j.readDisk(parent, "parent_path")
	if err != nil {
		return err
	}
	p.parent, p.bytes = parent, d.SizeBytes
	user, err := j.userOf(parent)
	if err == nil && user != "" {
		err = fail("disk_parent_used", "parent_path", "path", parent, "vm", user)
	}
	return err
}

func (j *hostJob) planExpansion(p *diskPlan) error {
	d, err := j.readDisk(p.path, "disk_path")
	if err != nil {
		return err
	}
	p.current = d.SizeBytes
	if p.bytes < p.current>>30<<30 {
		return fail("disk_too_small", "disk_size_gb", "disk", p.path, "size", formatSize(p.current), "field", "size_gb", "minimum", (p.current+1<<30-1)>>30)
	}
	user, err := j.userOf(p.path)
	if err == nil && user == "" {
		err = j.checkUnused(p.path)
	}
	if p.bytes <= p.current {
		p.action = ""
	}
	return err
}

func describeFindDisk(j *hostJob) string {
	return text("step_find_disk", "path", j.fields.text("disk_path"))
}

func reportNoDisk(j *hostJob) error {
	if j.plan.disk.absent {
		j.log("disk_absent", "path", j.plan.disk.path)
	}
	return nil
}

func describeDiskChange(j *hostJob) string {
	switch p := j.plan.disk; p.action {
	case "create":
		return text("step_disk_create", "type", p.kind, "path", p.path, "size", formatSize(p.bytes))
	case "remove":
		return text("step_disk_remove", "path", p.path)
	default:
		return text("step_disk_expand", "path", p.path, "before", formatSize(p.current), "after", formatSize(p.bytes))
	}
}

func changeDisk(j *hostJob) error {
	p := j.plan.disk
	switch p.action {
	case "create":
		j.created = p.path
		err := j.cmdlet("New-VHD", true, func(*hyperv.State) error {
			if exists(p.path) {
				j.created = ""
				return fmt.Errorf("the system failed to create '%s': The file exists. (0x80070050)", p.path)
			}
			d := hyperv.Disk{Type: capitalized(p.kind), SizeBytes: p.bytes, Parent: p.parent, FileBytes: diskOverhead}
			if p.kind == "fixed" {
				d.FileBytes += p.bytes
			}
			return hyperv.WriteDisk(p.path, d)
		})
		return errors.Join(err, j.checkCancelled())
	case "remove":
		j.unregistered = true // it does not come back
		return removeFile(p.path)
	}
	return j.cmdlet("Resize-VHD", true, func(*hyperv.State) error {
		d, err := hyperv.ReadDisk(p.path)
		if err != nil {
			return err
		}
		if d.Type == "Fixed" {
			d.FileBytes += p.bytes - d.SizeBytes
		}
		d.SizeBytes = p.bytes
		return hyperv.WriteDisk(p.path, d)
	})
}

// undoDisk deletes the disk that a job created.
func undoDisk(j *hostJob) {
	if j.created != "" && exists(j.created) {
		j.undo(text("file_deleted", "path", j.created), j.created, func() error { return os.Remove(j.created) })
	}
}

func reportDisk(j *hostJob) (err error) {
	j.disk, err = j.virtualDisk(j.plan.disk.path)
	return err
}
