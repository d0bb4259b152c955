// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// setters configure the changed fields of a virtual machine, or reset them if they have no value. All other fields are only recorded.
var setters = map[string]func(j *hostJob, name string) error{
	"vm_name": renameVM, "notes": setNotes, "cpu_cores": setProcessorCount, "vm_clustered": setClustered,
	"gb_ram": setMemoryOnce, "gb_ram_min": setMemoryOnce, "gb_ram_max": setMemoryOnce,
	"secure_boot": setSecurity, "tpm": setSecurity,
	"checkpoint_type": setAction, "start_action": setAction, "stop_action": setAction,
	"switch_name": changeFirstAdapter, "vlan_id": changeFirstAdapter, "mac_address": changeFirstAdapter, "network_adapters": changeAdapters,
	"disk_size_gb": expandImageDisk, "data_disks": changeDataDisks,
}

// planUpdate finds the virtual machine, refuses what is not possible, and plans the steps.
func planUpdate(j *hostJob) error {
	host, err := j.hostState()
	if err != nil {
		return err
	}
	vm, found, err := j.findVM(j.vmID)
	if err == nil && !found {
		err = fail("vm_not_found", "", "id", j.vmID, "host", host.Name)
	}
	for i := 0; err == nil && i < len(j.changed); i++ {
		err = j.checkChangeable(j.changed[i])
	}
	if err != nil {
		return err
	}
	wanted := j.fields.only(j.changed)
	if slices.Contains(j.changed, "data_disks") && !wanted.has("data_disks") {
		wanted["data_disks"] = []any{}
	}
	c := check{view: j.view, host: host, operation: job.OperationUpdate, fields: wanted, vmID: j.vmID}
	findings, err := c.findings()
	if err == nil {
		err = firstError(findings)
	}
	if err != nil {
		return err
	}
	p := plan{host: host, vm: vm, found: true, manifest: findManifest(vm), sizes: map[string]int64{}}
	if p.manifest != nil {
		p.files = slices.Clone(p.manifest.Files)
	}
	for _, drive := range vm.Drives {
		d, _ := hyperv.ReadDisk(drive.Path) // an unreadable disk has no size to compare
		p.sizes[drive.Path] = d.SizeBytes
	}
	if p.memory, err = j.planMemory(vm); err != nil {
		return err
	}
	off := wanted.text("power_state") == "off" && vm.State != "Off"
	if vm.State != "Off" && !off {
		if p.cycle, err = j.powerCycle(p, wanted); err != nil {
			return err
		}
	}
	p.stop = off || len(p.cycle) > 0
	p.start = len(p.cycle) > 0 || wanted.text("power_state") == "running" && vm.State != "Running"
	p.fields = slices.DeleteFunc(slices.Clone(j.changed), func(name string) bool { return name == "power_state" })
	j.plan = p
	return nil
}

func (j *hostJob) checkChangeable(name string) error {
	switch name {
	case "vm_name", "gb_ram", "cpu_cores":
		if !j.fields.has(name) {
			return fail("field_not_removable", name, "field", name)
		}
	case "image_name", "os_family", "generation", "disk_type":
		return fail("field_not_changeable", name, "field", name)
	}
	return nil
}

// powerCycle returns the changed fields that require the virtual machine to be off, or an error if it may not be stopped.
func (j *hostJob) powerCycle(p plan, wanted fields) ([]string, error) {
	needOff := append(slices.Clone(p.memory.cycle), j.planSecurity(p.vm)...)
	if int(wanted.number("cpu_cores")) != p.vm.ProcessorCount {
		needOff = append(needOff, "cpu_cores")
	}
	if snakeCase(p.vm.AutomaticStopAction) != j.fields.action("stop_action") {
		needOff = append(needOff, "stop_action")
	}
	if wanted.has("disk_size_gb") {
		if d := j.imageDisk(p.vm, p.manifest); d != nil && d.drive.ControllerType == "IDE" && int64(wanted.number("disk_size_gb"))<<30 > d.bytes {
			needOff = append(needOff, "disk_size_gb")
		}
	}
	var cycle []string
	for _, name := range j.changed {
		if slices.Contains(needOff, name) {
			cycle = append(cycle, name)
		}
	}
	cycle = append(cycle, adapterCycle(p.vm, p.manifest, wanted, j.changed)...)
	if len(cycle) == 0 || p.vm.State == "Running" && j.allowPowerCycle {
		return cycle, nil
	}
	id := "power_cycle_refused"
	if p.vm.State != "Running" {
		id = "power_cycle_not_running"
	}
	return nil, fail(id, cycle[0], "fields", strings.Join(cycle, ", "), "vm", p.vm.Name, "state", powerState(p.vm.State))
}

func warnIgnoredSettings(j *hostJob) error {
	j.warnIgnored(j.changed)
	return nil
}

func describeStop(j *hostJob) string {
	if len(j.plan.cycle) > 0 {
		return text("step_stop_to_change", "fields", strings.Join(j.plan.cycle, ", "))
	}
	return text("step_stop")
}

func stopForUpdate(j *hostJob) error {
	j.stopped = j.plan.start
	return j.stopVM(j.plan.vm.State != "Running")
}

// undoStop starts the virtual machine again.
func undoStop(j *hostJob) {
	if !j.stopped {
		return
	}
	if vm, found, err := j.findVM(j.vmID); err != nil || found && vm.State == "Off" {
		j.undo(text("undo_vm_started"), text("item_vm_id", "id", j.vmID), func() error {
			if err != nil {
				return err
			}
			return startVM(j)
		})
	}
}

func restartVM(j *hostJob) error {
	if err := j.saveRecorded(); err != nil {
		return err
	}
	if err := startVM(j); err != nil {
		return err
	}
	j.stopped = false
	return nil
}

func describeConfigure(j *hostJob) string {
	return text("step_configure", "fields", strings.Join(j.plan.fields, ", "))
}

func configure(j *hostJob) error {
	for _, name := range j.plan.fields {
		change := text("change_recorded")
		if set := setters[name]; set != nil {
			change = text("change_notes")
			if err := set(j, name); err != nil {
				return err
			}
		}
		j.log("field_changed", "field", name, "change", change)
	}
	return nil
}

// undoConfigure restores the network adapters and the disks.
func undoConfigure(j *hostJob) {
	vm, found, err := j.findVM(j.vmID)
	if err == nil && !found {
		err = fail("undo_vm_missing", "", "id", j.vmID)
	}
	if err != nil {
		j.leave(text("item_vm_id", "id", j.vmID), err.Error())
		return
	}
	for _, a := range slices.Backward(vm.Adapters) {
		if !slices.ContainsFunc(j.plan.vm.Adapters, func(b hyperv.Adapter) bool { return b.ID == a.ID }) {
			j.undo(text("undo_adapter_removed", "adapter", a.Name), text("item_adapter", "adapter", a.Name), func() error { return j.removeAdapter(a.ID) })
		}
	}
	j.undoDisks(vm)
}

// finishUpdate records the fields and reports the disks that the update detached.
func finishUpdate(j *hostJob) error {
	if err := j.saveRecorded(); err != nil {
		return err
	}
	for _, d := range j.plan.detached {
		j.leave(d.Path, text("leftover_disk_detached", "disk", d.Name))
	}
	return nil
}

func (j *hostJob) saveRecorded() error {
	if j.plan.manifest == nil {
		return nil
	}
	j.plan.manifest.Recorded = j.fields.without(j.secretFields)
	return j.plan.manifest.save()
}

func renameVM(j *hostJob, _ string) error {
	return j.change("Rename-VM", func(s *hyperv.State, vm *hyperv.VM) error {
		name := j.fields.text("vm_name")
		if taken := nameTaken(s.Host, s.VMs, name, j.vmID); len(taken) > 0 {
			return firstError(taken)
		}
		vm.Name = name
		return nil
	})
}

func setNotes(j *hostJob, _ string) error {
	return j.change("Set-VM", func(_ *hyperv.State, vm *hyperv.VM) error { vm.Notes = j.fields.text("notes"); return nil })
}

func setProcessorCount(j *hostJob, _ string) error {
	if int(j.fields.number("cpu_cores")) == j.plan.vm.ProcessorCount {
		return nil
	}
	return j.setProcessors()
}

func setClustered(j *hostJob, name string) error {
	switch wanted := j.fields.flag(name); {
	case wanted && !j.plan.vm.Clustered:
		return addClusterRole(j)
	case !wanted && j.plan.vm.Clustered:
		return removeClusterRole(j)
	}
	return nil
}

// setMemoryOnce sets all memory with the first of its fields, because the values must be consistent at any time.
func setMemoryOnce(j *hostJob, _ string) error {
	p := &j.plan.memory
	if p.done || sameMemory(p.after, memoryOf(j.plan.vm)) {
		return nil
	}
	p.done = true
	return j.setMemory(p.after)
}
