// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// formatImageDisk says in a sentence how a machine's disk comes to be.
func (r *run) formatImageDisk(image string, size int64, path string) string {
	if r.fields.text("disk_type") == "differencing" {
		return fmt.Sprintf("make %s, which holds what differs from image '%s'", path, imageName(image))
	}
	return fmt.Sprintf("copy image '%s' (%s) to %s", imageName(image), formatSize(float64(size)), path)
}

// makeImageDisk makes the disk of an image where there is no file yet: a copy, or one that holds what differs from it.
func (r *run) makeImageDisk(image, path string) error {
	record := func() error {
		r.made.manifest.Files = append(r.made.manifest.Files, path)
		r.made.manifest.Disk = path
		return r.made.manifest.save()
	}
	var err error
	if r.fields.text("disk_type") == "differencing" {
		if err = record(); err == nil {
			err = r.store.NewVHD(r.ctx, path, hyperv.Disk{Type: hyperv.DiskDifferencing, Parent: image})
		}
	} else {
		err = r.copyImage(image, path, record)
	}
	if err != nil {
		return diskError(err, path)
	}
	if !r.fields.has("disk_size_gb") {
		return nil
	}
	bytes := int64(r.fields.number("disk_size_gb")) << 30
	disks, err := r.store.GetVHD(r.ctx, []string{path})
	if err != nil {
		return err
	}
	have := disks[path].SizeBytes
	if bytes <= have {
		return nil
	}
	if err := r.resize(path, bytes); err != nil {
		return err
	}
	r.log("the disk has %s, the image has %s", formatSize(float64(bytes)), formatSize(float64(have)))
	return nil
}

// makeDataDisks makes the data disks of a new machine.
func (r *run) makeDataDisks(p plan) error {
	disks := wantedDisks(r.fields.values["data_disks"])
	names := make([]string, len(disks))
	for i, d := range disks {
		names[i] = d.name
	}
	if err := r.enter("data_disks", "make data disks: %s", strings.Join(names, ", ")); err != nil {
		return err
	}
	for _, d := range disks {
		if err := r.goesOn(); err != nil {
			return err
		}
		path := dataDiskPath(p.folder, r.fields.text("vm_name"), d.name)
		if exists(path) {
			return fail(protocol.CodeStepFailed, fmt.Sprintf("file %s exists already", path), "", "")
		}
		r.made.files = append(r.made.files, path)
		if err := r.makeDataDisk(r.made.manifest, d, path); err != nil {
			return err
		}
		if _, err := r.store.AddVMHardDiskDrive(r.ctx, r.vmID, path); err != nil {
			return err
		}
	}
	return nil
}

// makeDataDisk makes a data disk where there is no file yet. It is in the manifest before it is there.
func (r *run) makeDataDisk(m *manifest, d wantedDisk, path string) error {
	r.log("data disk '%s': %s, %s, %s", d.name, formatSize(float64(d.bytes)), d.kind, path)
	m.addDisk(recordedDisk{Name: d.name, Path: path, Type: d.kind})
	if err := m.save(); err != nil {
		return err
	}
	made := hyperv.Disk{Type: hyperv.DiskDynamic, SizeBytes: d.bytes}
	if d.kind == "fixed" {
		made.Type = hyperv.DiskFixed
	}
	err := r.store.NewVHD(r.ctx, path, made)
	if err != nil && strings.Contains(err.Error(), "(0x80070050)") {
		return errors.Join(err, r.disown(m, path)) // somebody else's by now: there is nothing of the job's to take back
	}
	return diskError(err, path)
}

// disown strikes a file that is not the job's out of all that says it is.
func (r *run) disown(m *manifest, path string) error {
	m.dropDisk(path)
	r.made.files = slices.DeleteFunc(r.made.files, func(f string) bool { return strings.EqualFold(f, path) })
	r.made.disks = slices.DeleteFunc(r.made.disks, func(d diskDeed) bool { return strings.EqualFold(d.path, path) })
	return m.save()
}

// recordedDisk is a data disk in a manifest.
type recordedDisk struct {
	Name string `json:"name"`
	Path string `json:"path"`
	Type string `json:"type"` // dynamic or fixed
}

// addDisk notes a data disk, behind the others.
func (m *manifest) addDisk(d recordedDisk) {
	m.dropDisk(d.Path)
	m.Files = append(m.Files, d.Path)
	m.DataDisks = append(m.DataDisks, d)
}

// dropDisk strikes a data disk's file out.
func (m *manifest) dropDisk(path string) {
	m.Files = slices.DeleteFunc(m.Files, func(f string) bool { return strings.EqualFold(f, path) })
	m.DataDisks = slices.DeleteFunc(m.DataDisks, func(d recordedDisk) bool { return strings.EqualFold(d.Path, path) })
}
