// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// checkProvision checks the definition against the host and plans the operation.
func checkProvision(j *hostJob) (err error) {
	if !setsUpGuest(j) {
		j.warnRecorded(slices.Sorted(maps.Keys(j.fields)))
	}
	p := &j.plan
	if p.host, err = j.hostState(); err != nil {
		return err
	}
	c := check{view: j.view, host: p.host, operation: job.OperationProvision, fields: j.fields, settings: j.settings}
	findings, err := c.findings()
	if err == nil {
		err = firstError(findings)
	}
	if err != nil {
		return err
	}
	if folder := j.folder(); exists(folder) {
		return fail("folder_exists", "", "folder", folder)
	}
	p.source = filePath(imageFolder(p.host, j.settings), j.fields.text("image_name"), imageExtension)
	p.switchName, err = j.findSwitch(j.fields.text("switch_name"))
	return err
}

// folder returns the folder of the new virtual machine, which no other job uses.
func (j *hostJob) folder() string {
	return filepath.Join(vmFolder(j.plan.host, j.settings), "hypervvm", strings.ToLower(j.id))
}

func describeVM(j *hostJob) string {
	return text("step_vm", "generation", 2, "vm", j.fields.text("vm_name"), "folder", j.folder(), "processors", formatNumber(j.fields.number("cpu_cores")),
		"memory", text("memory_static", "size", formatNumber(j.fields.number("gb_ram"))), "checkpoints", text("checkpoints", "type", "disabled"))
}

func createVM(j *hostJob) error {
	if err := j.newVM(j.folder()); err != nil {
		return err
	}
	j.emit(job.Event{Kind: job.KindVM, VMID: j.vmID, Message: text("vm_created", "vm", j.fields.text("vm_name"), "id", j.vmID)})
	if err := j.plan.manifest.save(); err != nil {
		return err
	}
	if err := j.setProcessors(); err != nil {
		return err
	}
	if err := j.setMemory(); err != nil {
		return err
	}
	if err := j.change("Set-VM", func(_ *hyperv.State, vm *hyperv.VM) error {
		vm.Notes = j.fields.text("notes")
		vm.CheckpointType, vm.AutomaticStartAction, vm.AutomaticStopAction = "Disabled", "StartIfRunning", "ShutDown"
		return nil
	}); err != nil {
		return err
	}
	for _, cmdlet := range []string{"Set-VMProcessor", "Set-VMMemory", "Set-VM", setService} {
		if err := j.setSettings(cmdlet, j.fields.names()); err != nil {
			return err
		}
	}
	return nil
}

func (j *hostJob) setMemory() error {
	return j.changeWhileOff("Set-VMMemory", func(vm *hyperv.VM) error {
		vm.MemoryStartupBytes = memoryBytes(j.fields.number("gb_ram"))
		if vm.MemoryStartupBytes%(2<<20) != 0 {
			return errors.New("the memory must be a multiple of 2 MB")
		}
		return nil
	})
}

func (j *hostJob) setProcessors() error {
	return j.changeWhileOff("Set-VMProcessor", func(vm *hyperv.VM) error {
		vm.ProcessorCount = int(j.fields.number("cpu_cores"))
		return nil
	})
}

func startsAfterProvision(j *hostJob) bool { return j.fields.text("power_state") != "off" }

// undoProvision removes what the job created: the virtual machine first, because its files must not go while it exists.
func undoProvision(j *hostJob) {
	folder, m := j.folder(), j.plan.manifest
	if m == nil {
		return // the virtual machine was not created
	}
	if !j.undoVM() {
		j.leave(text("item_folder", "folder", folder), text("leftover_vm_files"))
		return
	}
	if !exists(folder) {
		return
	}
	for _, file := range m.Files {
		if exists(file) {
			j.undo(text("file_deleted", "path", file), file, func() error { return removeFile(file) })
		}
	}
	for _, name := range []string{manifestName, manifestName + ".new"} {
		_ = removeFile(filepath.Join(folder, name)) // a file that stays keeps the folder, which is reported
	}
	j.undo(text("folder_removed", "folder", folder), text("item_folder", "folder", folder), func() error {
		return j.removeFolder(folder, "leftover_folder_not_empty")
	})
}

// undoVM reports whether the virtual machine is gone.
func (j *hostJob) undoVM() bool {
	name := j.fields.text("vm_name")
	return j.undo(text("undo_vm_removed", "vm", name, "id", j.vmID), text("item_vm", "vm", name, "id", j.vmID), func() error {
		vm, found, err := j.findVM(j.vmID)
		if err != nil || !found {
			return err
		}
		if vm.State != "Off" {
			if err := j.stopVM(true); err != nil {
				return err
			}
		}
		return j.removeVM()
	})
}
