// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Sentinel errors of this package, matched with [errors.Is]. A job's error matches the same ones after a restart. A submission
// that the schema does not allow is a [*jobschema.ValidationError] or a [*jobschema.VersionMismatchError].
var (
	ErrHostUnknown     = cause.ErrHostUnknown
	ErrHostUnreachable = cause.ErrHostUnreachable
	ErrHostNotReady    = cause.ErrHostNotReady
	ErrHostBusy        = cause.ErrHostBusy // the host has active jobs
	ErrAuthentication  = cause.ErrAuthentication
	ErrAccessDenied    = cause.ErrAccessDenied // the credentials are valid, but the account lacks a right on the host
	ErrQuota           = transport.ErrQuota    // a limit of the host on shells, operations or load
	ErrConnectionLost  = transport.ErrConnectionLost
	ErrVMNotFound      = cause.ErrVMNotFound
	ErrVMAmbiguous     = cause.ErrVMAmbiguous // several virtual machines of the host have the name
	ErrVMElsewhere     = cause.ErrVMElsewhere // another host has it, or may have it: see [VMElsewhereError]
	ErrNameTaken       = cause.ErrNameTaken   // by a virtual machine, or by an active job
	ErrVMBusy          = cause.ErrVMBusy      // another job works on the virtual machine
	ErrTimeLimit       = cause.ErrTimeLimit
	ErrJobFailed       = cause.ErrJobFailed
	ErrJobUnknown      = cause.ErrJobUnknown // the host could not be asked for the outcome
	ErrJobCancelled    = cause.ErrJobCancelled
	ErrJobNotFound     = jobstore.ErrNotFound // neither the service nor the host knows the job
	ErrClosed          = cause.ErrClosed
)

// Typed errors of this package, matched with [errors.As].
type (
	// JobError reports a job that did not succeed.
	JobError = job.Error
	// HostError reports a failed request to a host.
	HostError = job.HostError
	// HostUnknownError reports a host that is not configured, or was removed.
	HostUnknownError = inventory.HostUnknownError
	// NameTakenError reports a name that a job cannot use.
	NameTakenError = inventory.NameTakenError
	// VMBusyError reports a virtual machine that another job works on.
	VMBusyError = inventory.VMBusyError
)

// VMElsewhereError reports a virtual machine that is not on its host, and that another host has or may have. It matches
// [ErrVMElsewhere], never [ErrVMNotFound].
type VMElsewhereError struct {
	Host string // that was asked first
	VMID string
	Node string // the cluster node that owns it; empty if that is not known
	Err  error  // why the node, another host, or the cluster could not be asked; nil if Node is not a configured host
	// Found is the host of the service that has it; empty if none was found to have it.
	Found string
}

func (e *VMElsewhereError) Error() string {
	switch {
	case e.Found != "":
		return fmt.Sprintf("virtual machine %s is not on host %s: it moved to host %s", e.VMID, e.Host, e.Found)
	case e.Node != "" && e.Err != nil:
		return fmt.Sprintf("virtual machine %s moved from host %s to cluster node %s, which cannot be asked: %v", e.VMID, e.Host, e.Node, e.Err)
	case e.Node != "":
		return fmt.Sprintf("virtual machine %s moved from host %s to cluster node %s, which is not a configured host: add the node to the hosts",
			e.VMID, e.Host, e.Node)
	}
	return fmt.Sprintf("virtual machine %s is not on host %s, and it cannot be determined whether another host has it: %v", e.VMID, e.Host, e.Err)
}

// Is reports whether target is [ErrVMElsewhere].
func (e *VMElsewhereError) Is(target error) bool { return target == ErrVMElsewhere }

// Unwrap returns the cause.
func (e *VMElsewhereError) Unwrap() error { return e.Err }

// HostBusyError reports a host that cannot be removed because it has active jobs. It matches [ErrHostBusy].
type HostBusyError struct {
	Host string
	Jobs []string // GUIDs of the active jobs, sorted
}

func (e *HostBusyError) Error() string {
	return fmt.Sprintf("host %s has %d active jobs (%s): wait for their end, or cancel them", e.Host, len(e.Jobs), strings.Join(e.Jobs, ", "))
}

// Is reports whether target is [ErrHostBusy].
func (e *HostBusyError) Is(target error) bool { return target == ErrHostBusy }

// Code returns the stable code of an error of this package for programs in other languages, such as "name_taken". For an error
// that matches several sentinels it is the code of the most significant one. It is empty for other errors, and for nil.
func Code(err error) string {
	var invalid *jobschema.ValidationError
	var mismatch *jobschema.VersionMismatchError
	switch {
	case errors.As(err, &mismatch):
		return "schema_mismatch"
	case errors.As(err, &invalid):
		return "invalid_submission"
	case errors.Is(err, jobstore.ErrExists):
		return "job_exists"
	}
	return cause.Code(err)
}
