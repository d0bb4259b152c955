// SPDX-License-Identifier: MPL-2.0

package inventory

import (
	"errors"
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// What [errors.Is] finds in the errors of this package.
var (
	ErrHostUnknown = errors.New("host is not in the inventory")
	ErrNameTaken   = errors.New("name is taken")
	ErrVMBusy      = errors.New("virtual machine is busy")
	ErrClosed      = errors.New("the inventory is closed")
)

// HostUnknownError is a host that the store does not have, or has no longer. It is [ErrHostUnknown].
type HostUnknownError struct {
	Host string
}

func (e *HostUnknownError) Error() string {
	return fmt.Sprintf("host %q is not in the inventory: it was never added, or was removed", e.Host)
}

// Is reports whether target is [ErrHostUnknown].
func (e *HostUnknownError) Is(target error) bool { return target == ErrHostUnknown }

// NameTakenError is a name that a job cannot have. It is [ErrNameTaken].
type NameTakenError struct {
	Host  string
	Name  string // as whoever holds it writes it
	JobID string // the job that reserved it; empty when a virtual machine has it
	VMID  string // the virtual machine that has it; with JobID, the one that the job is about, if that is known
}

func (e *NameTakenError) Error() string {
	if e.JobID != "" {
		return fmt.Sprintf("name %q is reserved on host %s by job %s: wait for its end, or choose another name", e.Name, e.Host, e.JobID)
	}
	return fmt.Sprintf("name %q is taken on host %s by virtual machine %s: remove or rename that one, or choose another name",
		e.Name, e.Host, e.VMID)
}

// Is reports whether target is [ErrNameTaken].
func (e *NameTakenError) Is(target error) bool { return target == ErrNameTaken }

// VMBusyError is a virtual machine that another job is about. It is [ErrVMBusy].
type VMBusyError struct {
	Host      string
	VMID      string
	JobID     string // the other job
	Operation job.Operation
}

func (e *VMBusyError) Error() string {
	return fmt.Sprintf("virtual machine %s on host %s is the object of job %s (%s): wait for its end, or cancel it",
		e.VMID, e.Host, e.JobID, e.Operation)
}

// Is reports whether target is [ErrVMBusy].
func (e *VMBusyError) Is(target error) bool { return target == ErrVMBusy }
