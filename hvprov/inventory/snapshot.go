// SPDX-License-Identifier: MPL-2.0

// Package inventory keeps what hosts last reported to hold, so that many readers share one request, and the names that
// jobs are about to use there.
package inventory

import (
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Snapshot is what a host held at one moment. It is shared: do not change it.
type Snapshot struct {
	Host string // the name that the host gives itself
	Info job.Host
	VMs  []job.VM

	// Seq is the number of the request that this is the answer to, and Taken when it was made: nothing in a snapshot is older
	// than that. A [Store] sets both. Of two snapshots of a host the one with the greater number was asked for later.
	Seq   uint64
	Taken time.Time
}

// ByID finds a virtual machine by its GUID, in whatever letter case.
func (s *Snapshot) ByID(id string) (*job.VM, bool) {
	return s.find(func(vm *job.VM) bool { return strings.EqualFold(vm.ID, id) })
}

// ByName finds the virtual machines of a name. Hyper-V compares names without letter case, and allows several of one.
func (s *Snapshot) ByName(name string) []job.VM {
	var found []job.VM
	for _, vm := range s.VMs {
		if strings.EqualFold(vm.Name, name) {
			found = append(found, vm)
		}
	}
	return found
}

// ByJob finds the virtual machine that a job made.
func (s *Snapshot) ByJob(id string) (*job.VM, bool) {
	return s.find(func(vm *job.VM) bool { return strings.EqualFold(vm.JobID, id) })
}

func (s *Snapshot) find(match func(*job.VM) bool) (*job.VM, bool) {
	for i := range s.VMs {
		if match(&s.VMs[i]) {
			return &s.VMs[i], true
		}
	}
	return nil, false
}
