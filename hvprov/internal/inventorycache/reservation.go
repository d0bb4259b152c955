// SPDX-License-Identifier: MPL-2.0

package inventorycache

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Reservation describes the virtual machine that a job is going to work on.
type Reservation struct {
	Host      string
	Name      string // after the job, or before a delete; empty if unknown or left unchanged
	VMID      string // GUID of the virtual machine to update or delete
	Operation job.Operation
	JobID     string
}

// reservation is a Reservation in effect. Cache.mu guards it.
type reservation struct {
	Reservation

	nameKey string // casefold.Key of Name
	holders int    // releases to come
}

// Reserve reserves a name and a virtual machine for a job until release is called. Calling release again has no effect. Views
// of the host show the virtual machine as being created, updated or deleted.
//
// Reserve fails with a [*inventory.NameTakenError] when another job has reserved the name, or a snapshot that could serve a reader has
// a virtual machine of that name; the host makes the final check when the job starts. It fails with a [*inventory.VMBusyError] when
// another job is working on the virtual machine. A job does not conflict with itself or with the virtual machine that it
// created: it may reserve the same more than once.
func (c *Cache) Reserve(r Reservation) (release func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, err := c.find(r.Host)
	if err != nil {
		return nil, err
	}
	r.Host, r.Name = e.name, strings.TrimSpace(r.Name)
	if err := r.validate(); err != nil {
		return nil, err
	}
	wanted := &reservation{Reservation: r, nameKey: casefold.Key(r.Name), holders: 1}
	for _, other := range e.reservations {
		if strings.EqualFold(other.JobID, r.JobID) {
			if other.nameKey == wanted.nameKey && strings.EqualFold(other.VMID, r.VMID) && other.Operation == r.Operation {
				other.holders++
				return c.releaser(e, other), nil
			}
			continue
		}
		if r.VMID != "" && strings.EqualFold(other.VMID, r.VMID) {
			return nil, &inventory.VMBusyError{Host: e.name, VMID: other.VMID, JobID: other.JobID, Operation: other.Operation}
		}
		if wanted.needsUniqueName(e) && other.nameKey == wanted.nameKey {
			return nil, &inventory.NameTakenError{Host: e.name, Name: other.Name, JobID: other.JobID, VMID: other.VMID}
		}
	}
	if fresh := c.fresh(e); fresh != nil && wanted.needsUniqueName(e) {
		for _, vm := range fresh.ByName(r.Name) {
			if !wanted.isFor(&vm) {
				return nil, &inventory.NameTakenError{Host: e.name, Name: vm.Name, VMID: vm.ID}
			}
		}
	}
	e.reservations = append(e.reservations, wanted)
	return c.releaser(e, wanted), nil
}

func (r *Reservation) validate() error {
	switch {
	case r.JobID == "":
		return errors.New("reservation has no job id")
	case !r.Operation.Valid():
		return fmt.Errorf("reservation of job %s: operation %q is not one of %v", r.JobID, r.Operation, job.Operations())
	case r.Operation == job.OperationProvision && r.Name == "":
		return fmt.Errorf("reservation of job %s: provision requires a virtual machine name", r.JobID)
	case r.Operation.NeedsVM() && r.VMID == "":
		return fmt.Errorf("reservation of job %s: %s requires the GUID of a virtual machine", r.JobID, r.Operation)
	}
	return nil
}

// needsUniqueName reports whether no other virtual machine may have the name: the job creates or renames one. A name that
// the virtual machine has already may be shared, as Hyper-V allows. Cache.mu must be held.
func (r *reservation) needsUniqueName(e *entry) bool {
	switch {
	case r.nameKey == "":
		return false
	case r.Operation == job.OperationUpdate && e.snapshot != nil:
		vm, known := e.snapshot.ByID(r.VMID)
		return !known || casefold.Key(vm.Name) != r.nameKey
	}
	return r.Operation == job.OperationProvision || r.Operation == job.OperationUpdate
}

// isFor reports whether the job of a reservation works on a virtual machine: it names it, or has created it.
func (r *reservation) isFor(vm *job.VM) bool {
	return r.VMID != "" && strings.EqualFold(vm.ID, r.VMID) || r.VMID == "" && strings.EqualFold(vm.JobID, r.JobID)
}

// releaser returns a function that ends one hold of a reservation, once.
func (c *Cache) releaser(e *entry, r *reservation) func() {
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if r.holders--; r.holders == 0 {
			e.reservations = slices.DeleteFunc(e.reservations, func(other *reservation) bool { return other == r })
		}
	})
}
