// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// remove takes a virtual machine from the host: it is unregistered first; then go only the files that its manifest lists.
func (r *run) remove() error {
	r.steps = []string{"preflight"}
	host, vm, checkpoints, found, problem := r.planRemove()
	if err := r.enter("preflight", "find virtual machine %s", r.vmID); err != nil {
		return err
	}
	if problem != nil {
		return problem
	}
	if !found {
		r.message = fmt.Sprintf("virtual machine %s is not on host %s: nothing to do", r.vmID, host.Name)
		r.log("%s", r.message)
		return nil
	}
	r.message = fmt.Sprintf("virtual machine '%s' was removed", vm.Name)
	m := findManifest(vm)
	if r.has("stop") {
		if err := r.enter("stop", "turn off the virtual machine"); err != nil {
			return err
		}
		if err := r.store.StopVM(r.ctx, r.vmID, true); err != nil {
			return err
		}
	}
	if r.has("cluster") {
		if err := r.enter("cluster", "remove the role from the cluster"); err != nil {
			return err
		}
		if err := r.store.RemoveClusterGroup(r.ctx, r.vmID); err != nil {
			return err
		}
	}
	if len(checkpoints) > 0 {
		if err := r.removeCheckpoints(checkpoints); err != nil {
			return err
		}
	}
	drives, err := r.store.GetVMHardDiskDrive(r.ctx, r.vmID)
	if err != nil {
		return err
	}
	if err := r.enter("unregister", "remove virtual machine '%s' from host %s", vm.Name, host.Name); err != nil {
		return err
	}
	r.made.removing = &removing{m, drives}
	if err := r.store.RemoveVM(r.ctx, r.vmID); err != nil {
		return err
	}
	r.committed = true // too late to cancel: the files would have no owner
	return r.removeFiles(m, drives)
}

// planRemove finds the virtual machine and sets the job's steps.
func (r *run) planRemove() (host hyperv.Host, vm hyperv.VM, checkpoints []hyperv.Checkpoint, found bool, err error) {
	if host, err = r.host(); err != nil {
		return host, vm, nil, false, err
	}
	if vm, found, err = r.find(r.vmID); err != nil || !found {
		return host, vm, nil, false, err
	}
	if vm.State != "Off" {
		r.steps = append(r.steps, "stop")
	}
	if vm.Clustered {
		r.steps = append(r.steps, "cluster")
	}
	if checkpoints, err = r.checkpoints(vm); err != nil {
		return host, vm, nil, false, err
	}
	if len(checkpoints) > 0 {
		r.steps = append(r.steps, "checkpoints")
	}
	r.steps = append(r.steps, "unregister", "files")
	return host, vm, checkpoints, true, nil
}

func (r *run) removeFiles(m *manifest, drives []hyperv.Drive) error {
	var own []string
	message := "no job is recorded for this virtual machine: its files stay"
	if m != nil {
		own, message = m.Files, "delete the files of job "+m.JobID
	}
	if err := r.enter("files", "%s", message); err != nil {
		return err
	}
	use, err := r.diskUse(drives, own)
	if err != nil {
		return err
	}
	for _, file := range own {
		if err := r.removeOwn(file, m.folder, use); err != nil {
			r.leave(file + ": " + err.Error())
			continue
		}
		r.log("deleted %s", file)
	}
	for _, drive := range drives {
		if !slices.ContainsFunc(own, func(f string) bool { return strings.EqualFold(f, drive.Path) }) {
			r.leave(drive.Path + ": it is not recorded as made for this virtual machine")
		}
	}
	if m != nil {
		r.removeFolder(m.folder)
	}
	return nil
}

// removeOwn deletes a file that the job made, unless it has another use by now, or is not where the job's files are.
func (r *run) removeOwn(file, folder string, use map[string]string) error {
	if why := use[strings.ToLower(file)]; why != "" {
		return errors.New(why)
	}
	prefix := filepath.Clean(folder) + string(filepath.Separator)
	if clean := filepath.Clean(file); len(clean) <= len(prefix) || !strings.EqualFold(clean[:len(prefix)], prefix) {
		return fmt.Errorf("it is not in folder %s", folder)
	}
	return removeFile(file)
}

func (r *run) removeFolder(folder string) {
	err := removeFile(filepath.Join(folder, manifestName))
	if err == nil {
		var gone bool
		if gone, err = removeEmpty(folder); err == nil && !gone {
			err = errors.New("it holds files that are not recorded")
		}
	}
	if err != nil {
		r.leave("folder " + folder + ": " + err.Error())
		return
	}
	if parent := filepath.Dir(folder); filepath.Base(parent) == "hypervvm" {
		r.removeJobsFolder(parent)
	}
	r.log("removed folder %s", folder)
}
