// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"math"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// checkDiskUpdate checks the disks of an existing virtual machine.
func (c *check) checkDiskUpdate() {
	if !c.fields.has("disk_size_gb") && !c.fields.has("data_disks") {
		return
	}
	vm, found := c.existing()
	if !found {
		return
	}
	if slices.ContainsFunc(vm.Drives, func(d hyperv.Drive) bool { return isCheckpointDisk(d.Path) }) {
		c.addError(notSimulated("a change of disks with checkpoints"))
		return
	}
	changed := "" // the first field that changes a disk
	if c.fields.has("disk_size_gb") && c.checkImageDisk(vm) {
		changed = "disk_size_gb"
	}
	m := findManifest(vm)
	switch {
	case m == nil && len(c.fields.dataDisks()) > 0:
		c.add(finding("data_disks_not_managed", "data_disks", "vm", vm.Name))
	case m != nil && c.fields.has("data_disks"):
		for _, p := range c.planDataDisks(vm, m, c.fields.dataDisks()) {
			if p.action != diskUnchanged && changed == "" {
				changed = "data_disks"
			}
			c.checkDataDisk(vm, p)
		}
	}
	if changed != "" && vm.State != "Off" && vm.State != "Running" && c.fields.text("power_state") != "off" {
		c.add(finding("disk_change_state", changed, "field", changed, "vm", vm.Name, "state", powerState(vm.State)))
	}
}

// checkImageDisk reports whether the disk of the image is to be expanded.
func (c *check) checkImageDisk(vm hyperv.VM) bool {
	const field = "disk_size_gb"
	d, bytes := c.imageDisk(vm, findManifest(vm)), int64(c.fields.number(field))<<30
	switch {
	case d == nil:
		c.add(finding("disk_size_not_managed", field, "vm", vm.Name))
		return false
	case d.bytes == 0:
		c.add(finding("disk_unreadable", field, "path", d.drive.Path))
	case shrinks(bytes, d.bytes):
		c.add(tooSmall(field, text("item_vm_disk", "vm", vm.Name), d.bytes))
	}
	if bytes <= d.bytes {
		return false
	}
	if c.warnings && vm.State == "Running" && c.fields.text("power_state") != "off" && d.drive.ControllerType == "IDE" {
		c.add(warning("disk_ide_online", field, "vm", vm.Name))
	}
	return true
}

func (c *check) checkDataDisk(vm hyperv.VM, p dataDiskPlan) {
	item := text("item_data_disk", "disk", p.name)
	switch {
	case p.action == diskCreated && exists(p.path):
		c.add(finding("data_disk_file_exists", p.field("name"), "path", p.path, "vm", vm.Name))
	case p.action == diskCreated, p.action == diskDetached:
	case p.has == 0:
		c.add(finding("disk_unreadable", p.field("name"), "path", p.path))
	default:
		if p.hasKind != p.kind {
			c.add(finding("data_disk_type", p.field("type"), "disk", p.name, "type", p.hasKind))
		}
		if shrinks(p.bytes, p.has) {
			c.add(tooSmall(p.field("size_gb"), item, p.has))
		}
		if p.action == diskAttached {
			user, err := c.usesDisk(p.path, vm.ID)
			if c.addError(err); user != "" {
				c.add(finding("data_disk_in_use", p.field("name"), "vm", user, "path", p.path))
			}
		}
	}
}

// tooSmall returns the finding about a disk that would have to shrink.
func tooSmall(field, disk string, has int64) job.Finding {
	name := field[strings.LastIndexByte(field, '.')+1:]
	return finding("disk_too_small", field, "disk", disk, "size", formatSize(has), "field", name, "minimum", formatNumber(math.Ceil(exactGB(has))))
}

// shrinks reports whether a size in whole GiB is less than what a disk has. A fraction of a GiB does not count, because it cannot be
// requested.
func shrinks(bytes, has int64) bool { return bytes < has>>30<<30 }
