// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// planDelete finds the virtual machine.
func planDelete(j *hostJob) (err error) {
	p := &j.plan
	if p.host, err = j.hostState(); err != nil {
		return err
	}
	if p.vm, p.found, err = j.findVM(j.vmID); err != nil || !p.found {
		p.found = false
		if err == nil {
			err = j.checkElsewhere(j.vmID, p.host)
		}
		return err
	}
	p.manifest, p.stop = findManifest(p.vm), p.vm.State != "Off"
	switch {
	case len(p.vm.Checkpoints) > 0:
		return notSimulated("", "the removal of checkpoints")
	case p.vm.Clustered:
		return notSimulated("", "the removal of a cluster role")
	}
	return nil
}

func describeFind(j *hostJob) string { return text("step_find_vm", "id", j.vmID) }

// reportAbsent reports that there is nothing to delete.
func reportAbsent(j *hostJob) error {
	if j.plan.found {
		j.message = text("result_vm_removed", "vm", j.plan.vm.Name)
		return nil
	}
	j.message = text("result_vm_absent", "id", j.vmID, "host", j.plan.host.Name)
	j.log("result_vm_absent", "id", j.vmID, "host", j.plan.host.Name)
	return nil
}

func turnOffVM(j *hostJob) error { return j.stopVM(true) }

func describeUnregister(j *hostJob) string {
	return text("step_unregister", "vm", j.plan.vm.Name, "host", j.plan.host.Name)
}

func unregisterVM(j *hostJob) error {
	j.unregistered = true // too late to cancel: the files would have no owner
	return j.removeVM()
}

func describeFiles(j *hostJob) string {
	if j.plan.manifest == nil {
		return text("step_files_kept")
	}
	return text("step_files", "job", j.plan.manifest.JobID)
}

// deleteFiles deletes the files that the manifest records, unless they are used elsewhere or are not in its folder.
func deleteFiles(j *hostJob) error {
	var own []string
	m := j.plan.manifest
	if m != nil {
		own = m.Files
	}
	var left []hyperv.Drive
	for _, drive := range j.plan.vm.Drives {
		if m != nil && slices.ContainsFunc(m.DataDisks, func(d dataDisk) bool { return d.Existing && pathKey(d.Path) == pathKey(drive.Path) }) {
			j.log("data_disk_stays", "path", drive.Path)
			continue
		}
		if !slices.ContainsFunc(own, func(file string) bool { return pathKey(file) == pathKey(drive.Path) }) {
			left = append(left, drive)
			j.leave(drive.Path, text("leftover_not_recorded"))
		}
	}
	others, err := j.listVMs()
	if err != nil {
		return err
	}
	inUse := filesInUse(append(others, hyperv.VM{Name: j.plan.vm.Name, Drives: left}))
	for _, file := range own {
		reason, err := "", error(nil)
		switch user := inUse[pathKey(file)]; {
		case user != "":
			reason = text("leftover_vm_uses", "vm", user)
		case !strings.HasPrefix(pathKey(file), pathKey(m.folder)+string(filepath.Separator)):
			reason = text("leftover_outside_folder", "folder", m.folder)
		default:
			if err = removeFile(file); err != nil {
				reason = err.Error()
			}
		}
		if reason != "" {
			j.leave(file, reason)
		} else {
			j.log("file_deleted", "path", file)
		}
	}
	if m != nil {
		j.deleteFolder(m.folder)
	}
	return nil
}

// filesInUse returns the name of a virtual machine by the pathKey of each disk that it uses, parents included.
func filesInUse(vms []hyperv.VM) map[string]string {
	inUse := map[string]string{}
	for _, vm := range vms {
		for _, drive := range vm.Drives {
			for path := drive.Path; path != "" && inUse[pathKey(path)] == ""; {
				inUse[pathKey(path)] = vm.Name
				d, _ := hyperv.ReadDisk(path) // an unreadable disk has no known parent
				path = d.Parent
			}
		}
	}
	return inUse
}

func (j *hostJob) deleteFolder(folder string) {
	err := removeFile(filepath.Join(folder, manifestName))
	if err == nil {
		err = j.removeFolder(folder, "leftover_folder_unrecorded")
	}
	if err != nil {
		j.leave(text("item_folder", "folder", folder), err.Error())
		return
	}
	j.log("folder_removed", "folder", folder)
}
