// SPDX-License-Identifier: MPL-2.0

package inventory

import (
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// HostUnknownError reports a host that was never added, or was removed. It matches hvprov.ErrHostUnknown.
type HostUnknownError struct {
	Host  string
	Known []string // the hosts that are configured, sorted
}

func (e *HostUnknownError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("host %q is not configured: no host is", e.Host)
	}
	return fmt.Sprintf("host %q is not configured; configured hosts: %s", e.Host, strings.Join(e.Known, ", "))
}

// Is reports whether target is hvprov.ErrHostUnknown.
func (e *HostUnknownError) Is(target error) bool { return target == cause.ErrHostUnknown }

// NameTakenError reports a name that a job cannot use. It matches hvprov.ErrNameTaken.
type NameTakenError struct {
	Host  string
	Name  string // in the letter case of its holder
	JobID string // the job that reserved it; empty when a virtual machine has it
	VMID  string // the virtual machine that has it, or, with JobID, the one that the job works on, if known
	Field string // schema field that holds the name; set by callers that know the schema
}

func (e *NameTakenError) Error() string {
	if e.JobID != "" {
		return fmt.Sprintf("name %q is reserved on host %s by job %s: wait until that job ends, or choose another name", e.Name, e.Host, e.JobID)
	}
	return fmt.Sprintf("a virtual machine named '%s' already exists on host %s (id %s): choose another name", e.Name, e.Host, e.VMID)
}

// Is reports whether target is hvprov.ErrNameTaken.
func (e *NameTakenError) Is(target error) bool { return target == cause.ErrNameTaken }

// VMBusyError reports a virtual machine that another job is working on. It matches hvprov.ErrVMBusy.
type VMBusyError struct {
	Host      string
	VMID      string
	JobID     string        // the other job
	Operation job.Operation // of the other job
}

func (e *VMBusyError) Error() string {
	return fmt.Sprintf("job %s (%s) is working on virtual machine %s on host %s: wait until that job ends, or cancel it",
		e.JobID, e.Operation, e.VMID, e.Host)
}

// Is reports whether target is hvprov.ErrVMBusy.
func (e *VMBusyError) Is(target error) bool { return target == cause.ErrVMBusy }
