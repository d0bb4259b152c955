// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// made is the account of what a job made.
type made struct {
	folder    string
	making    bool // the virtual machine; found by the folder until its id is known
	vm        string
	files     []string
	manifest  *manifest
	disks     []diskDeed // of an update
	clustered bool
	adapters  []string // names of the network adapters that an update added
	stopped   bool     // an update stopped the virtual machine, and is to start it again
	removing  *removing
	done      bool // all of it
}

// removing is what a delete still has to do once the virtual machine is gone.
type removing struct {
	manifest *manifest
	drives   []hyperv.Drive
}

// undo takes back what the job had made, in reverse, and nothing else.
func (r *run) undo() {
	if r.operation == job.OperationUpdate {
		r.undoAdapters()
		r.undoDisks()
		if !r.made.stopped {
			return
		}
		if vm, ok, err := r.find(r.vmID); err != nil || ok && vm.State == "Off" {
			r.undoPart("started the virtual machine again", "virtual machine "+r.vmID, func() error {
				if err != nil {
					return err
				}
				return r.store.StartVM(r.ctx, r.vmID)
			})
		}
		return
	}
	gone := true
	if r.made.folder == "" {
		return
	}
	if r.made.vm == "" && r.made.making {
		r.made.vm = r.findInFolder(r.made.folder)
	}
	if r.made.vm != "" {
		gone = r.undoVM()
	}
	if !gone {
		r.left = append(r.left, r.protect(fmt.Sprintf("folder %s: the virtual machine's files are in it", r.made.folder)))
		return
	}
	if !exists(r.made.folder) {
		return
	}
	for _, file := range r.made.files {
		if exists(file) {
			r.undoPart("deleted "+file, file, func() error { return removeFile(file) })
		}
	}
	for _, name := range []string{manifestName, manifestName + ".new"} {
		_ = removeFile(filepath.Join(r.made.folder, name)) // else the folder is not empty, which is told next
	}
	r.undoPart("removed folder "+r.made.folder, "folder "+r.made.folder, func() error {
		gone, err := removeEmpty(r.made.folder)
		if err == nil && !gone {
			err = errors.New("it holds files that are not from this job")
		}
		if gone {
			r.removeJobsFolder(filepath.Dir(r.made.folder))
		}
		return err
	})
}

// findInFolder gives the id of the virtual machine that lives in a folder, or nothing.
func (r *run) findInFolder(folder string) string {
	vms, err := r.store.ListVMs(r.ctx)
	if err != nil {
		return ""
	}
	for _, vm := range vms {
		if strings.HasPrefix(filepath.Clean(vm.Path), folder+string(filepath.Separator)) {
			return vm.ID
		}
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// undoVM tells whether the virtual machine is gone.
func (r *run) undoVM() bool {
	what := fmt.Sprintf("virtual machine '%s' (%s)", r.fields.text("vm_name"), r.made.vm)
	return r.undoPart("removed "+what, what, func() error {
		vm, ok, err := r.find(r.made.vm)
		if err != nil || !ok {
			return err
		}
		if vm.State != "Off" {
			if err := r.store.StopVM(r.ctx, vm.ID, true); err != nil {
				return err
			}
		}
		if r.made.clustered && vm.Clustered {
			if err := r.store.RemoveClusterGroup(r.ctx, vm.ID); err != nil {
				return err
			}
		}
		return r.store.RemoveVM(r.ctx, vm.ID)
	})
}

// undoPart takes one thing back and tells of it. It gives false when that failed: the thing is then left, and said to be.
func (r *run) undoPart(done, what string, action func() error) bool {
	if err := action(); err != nil {
		r.leave(what + ": " + err.Error())
		return false
	}
	r.undone = append(r.undone, r.protect(done))
	r.say(job.Event{Kind: job.KindUndo, Message: done})
	return true
}

// leave notes something that stays on the host, and why.
func (r *run) leave(text string) {
	r.left = append(r.left, r.protect(text))
	r.say(job.Event{Kind: job.KindWarning, Message: "left " + text})
}
