// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"maps"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// setters configure the changed fields of a virtual machine, or reset them if they have no value. All other fields are only recorded.
var setters = map[string]func(j *hostJob, name string) error{
	"vm_name": renameVM, "notes": setNotes, "cpu_cores": setProcessorCount, "gb_ram": setStartupMemory,
	"data_disks": changeDataDisks, "switch_name": changeAdapter, "vlan_id": changeAdapter, "mac_address": changeAdapter,
}

// planUpdate finds the virtual machine, refuses what is not possible, and plans the steps.
func planUpdate(j *hostJob) error {
	host, vm, err := j.existingVM()
	for i := 0; err == nil && i < len(j.changed); i++ {
		err = j.checkChangeable(j.changed[i])
	}
	if err != nil {
		return err
	}
	if !j.fields.has("vm_name") {
		j.fields["vm_name"] = vm.Name
	}
	if err := firstError(j.fields.notSimulated(j.changed)); err != nil {
		return err
	}
	wanted := j.fields.only(j.changed)
	c := check{view: j.view, host: host, operation: job.OperationUpdate, fields: wanted, vmID: j.vmID}
	findings, err := c.findings()
	if err == nil {
		err = firstError(findings)
	}
	if err != nil {
		return err
	}
	if slices.Contains(j.changed, "switch_name") && wanted.text("switch_name") == "" {
		c.checkSwitch("")
		if err := firstError(c.found); err != nil {
			return err
		}
	}
	p := plan{host: host, vm: vm, found: true, manifest: findManifest(vm)}
	off := wanted.text("power_state") == "off" && vm.State != "Off"
	if vm.State != "Off" && !off {
		if p.cycle, err = j.powerCycle(vm, wanted); err != nil {
			return err
		}
	}
	p.stop = off || len(p.cycle) > 0
	p.start = len(p.cycle) > 0 || wanted.text("power_state") == "running" && vm.State != "Running"
	p.fields = slices.DeleteFunc(slices.Clone(j.changed), func(name string) bool { return name == "power_state" })
	j.plan = p
	return nil
}

// existingVM returns the host and the virtual machine of the job, which must exist.
func (j *hostJob) existingVM() (host hyperv.Host, vm hyperv.VM, err error) {
	if host, err = j.hostState(); err != nil {
		return host, vm, err
	}
	vm, err = j.vmOf(host, j.vmID)
	return host, vm, err
}

func (j *hostJob) checkChangeable(name string) error {
	switch name {
	case "vm_name", "gb_ram", "cpu_cores":
		if !j.fields.has(name) {
			return fail("field_not_removable", name, "field", name)
		}
	case "image_name", "image_path", "vm_path", "os_family", "generation", "disk_type":
		return fail("field_not_changeable", name, "field", name)
	}
	if name == "vm_clustered" {
		return notSimulated(name, "a change of "+name)
	}
	return nil
}

// powerCycleFields returns the changed fields that require the virtual machine to be off.
func powerCycleFields(vm hyperv.VM, wanted fields, changed []string) (cycle []string) {
	for _, name := range changed {
		if name == "gb_ram" && memoryBytes(wanted.number(name)) != vm.MemoryStartupBytes ||
			name == "cpu_cores" && int(wanted.number(name)) != vm.ProcessorCount ||
			settingCycle(vm, wanted, name) ||
			name == "mac_address" && len(vm.Adapters) > 0 && staticMAC(vm.Adapters[0]) != wanted.text(name) {
			cycle = append(cycle, name)
		}
	}
	return cycle
}

// powerCycle returns the changed fields that require the virtual machine to be off, or an error if it may not be stopped.
func (j *hostJob) powerCycle(vm hyperv.VM, wanted fields) (cycle []string, err error) {
	cycle = powerCycleFields(vm, wanted, j.changed)
	if len(cycle) == 0 || vm.State == "Running" && j.allowPowerCycle {
		return cycle, nil
	}
	id := "power_cycle_refused"
	if vm.State != "Running" {
		id = "power_cycle_not_running"
	}
	return nil, fail(id, cycle[0], "fields", strings.Join(cycle, ", "), "vm", vm.Name, "state", powerState(vm.State))
}

func warnRecordedSettings(j *hostJob) error {
	j.warnRecorded(j.changed)
	return nil
}

func describeStop(j *hostJob) string {
	if len(j.plan.cycle) > 0 {
		return text("step_stop_to_change", "fields", strings.Join(j.plan.cycle, ", "))
	}
	return text("step_stop")
}

func describeStart(j *hostJob) string {
	if j.plan.vm.State == "Paused" {
		return text("step_resume")
	}
	return text("step_start")
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
		set := setters[name]
		if _, ok := hardwareSettings[name]; ok {
			set = setSetting
		}
		if set != nil {
			change = text("change_notes")
			if err := set(j, name); err != nil {
				return err
			}
		}
		j.log("field_changed", "field", name, "change", change)
	}
	return nil
}

// saveRecorded replaces the changed fields of the record with those that have a value. All others stay as they were.
func (j *hostJob) saveRecorded() error {
	m := j.plan.manifest
	if m == nil {
		return nil
	}
	merged := j.fields.only(j.changed)
	maps.Copy(merged, m.Recorded.without(j.changed))
	m.Recorded = merged.without(j.secretFields)
	return m.save()
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

func setStartupMemory(j *hostJob, name string) error {
	switch vm := j.plan.vm; {
	case memoryBytes(j.fields.number(name)) == vm.MemoryStartupBytes:
		return nil
	case vm.DynamicMemory:
		return notSimulated(name, "a change of dynamic memory")
	}
	return j.setMemory()
}
