// SPDX-License-Identifier: MPL-2.0

package inventory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Reservation is what a job is about to do to a virtual machine.
type Reservation struct {
	Host      string
	Name      string // that the machine has afterwards; of a delete, that it had. Empty: an update that leaves it, or not known
	VMID      string // update and delete: the machine's GUID
	Operation job.Operation
	JobID     string
}

// reserved is a reservation that holds. The store's lock guards it.
type reserved struct {
	Reservation

	name   string // folded
	holder int    // how many releases are due
}

// Reserve takes a name, and a virtual machine, for a job, until release is called; further calls of that do nothing. In a view
// of the host the machine is then shown as being made, changed or removed.
//
// A name in any letter case that another job has is a *[NameTakenError], and so is one that a virtual machine has according to
// a snapshot that could serve a reader; the host itself has the last word. A virtual machine that another job is about is a
// *[VMBusyError]. The machine that the job is about, or has made already, is not in its own way, and a job may reserve the same
// more than once.
func (s *Store) Reserve(r Reservation) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.find(r.Host)
	if err != nil {
		return nil, err
	}
	r.Host, r.Name = e.name, strings.TrimSpace(r.Name)
	if err := r.check(); err != nil {
		return nil, err
	}
	wanted := &reserved{Reservation: r, name: fold(r.Name), holder: 1}
	for _, other := range e.reserved {
		if strings.EqualFold(other.JobID, r.JobID) {
			if other.name == wanted.name && strings.EqualFold(other.VMID, r.VMID) && other.Operation == r.Operation {
				other.holder++
				return s.release(e, other), nil
			}
			continue
		}
		if r.VMID != "" && strings.EqualFold(other.VMID, r.VMID) {
			return nil, &VMBusyError{Host: e.name, VMID: other.VMID, JobID: other.JobID, Operation: other.Operation}
		}
		if wanted.claims(e) && other.name == wanted.name {
			return nil, &NameTakenError{Host: e.name, Name: other.Name, JobID: other.JobID, VMID: other.VMID}
		}
	}
	if fresh := s.fresh(e); fresh != nil && wanted.claims(e) {
		for _, vm := range fresh.ByName(r.Name) {
			if !wanted.about(&vm) {
				return nil, &NameTakenError{Host: e.name, Name: vm.Name, VMID: vm.ID}
			}
		}
	}
	e.reserved = append(e.reserved, wanted)
	return s.release(e, wanted), nil
}

// check refuses what names no job, or nothing that could be taken.
func (r *Reservation) check() error {
	switch {
	case r.JobID == "":
		return errors.New("a reservation has no job: give the job's id")
	case !r.Operation.Valid():
		return fmt.Errorf("reservation of job %s: operation %q is not one of provision, update and delete", r.JobID, r.Operation)
	case r.Operation == job.OperationProvision && r.Name == "":
		return fmt.Errorf("reservation of job %s: it is to make a virtual machine without a name", r.JobID)
	case r.Operation != job.OperationProvision && r.VMID == "":
		return fmt.Errorf("reservation of job %s: %s of no virtual machine: give its GUID", r.JobID, r.Operation)
	}
	return nil
}

// claims tells whether a job needs its name for itself: it makes a machine, or gives one another name. The name that a machine
// has already may be that of others too: Hyper-V allows it.
func (r *reserved) claims(e *entry) bool {
	switch {
	case r.name == "" || r.Operation == job.OperationDelete:
		return false
	case r.Operation == job.OperationUpdate && e.snapshot != nil:
		vm, known := e.snapshot.ByID(r.VMID)
		return !known || fold(vm.Name) != r.name
	}
	return true
}

// about tells whether a virtual machine is the one that the job is about: it names it, or has made it.
func (r *reserved) about(vm *job.VM) bool {
	return r.VMID != "" && strings.EqualFold(vm.ID, r.VMID) || r.VMID == "" && strings.EqualFold(vm.JobID, r.JobID)
}

// release gives a function that gives a reservation back, once.
func (s *Store) release(e *entry, r *reserved) func() {
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.holder--; r.holder == 0 {
			e.reserved = slices.DeleteFunc(e.reserved, func(other *reserved) bool { return other == r })
		}
	})
}
