// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// What [errors.Is] finds in the errors of this package. Submissions that the schema refuses are
// *jobschema.ValidationError.
var (
	ErrHostUnknown     = errors.New("host is not configured")
	ErrHostUnreachable = errors.New("host is not reachable")
	ErrHostNotReady    = errors.New("host is not ready")
	ErrAuthentication  = errors.New("host refused the credentials")
	ErrQuota           = transport.ErrQuota
	ErrConnectionLost  = transport.ErrConnectionLost
	ErrVMNotFound      = errors.New("virtual machine not found")
	ErrNameTaken       = inventorycache.ErrNameTaken // by a virtual machine, or a job that is under way
	ErrVMBusy          = inventorycache.ErrVMBusy    // another job is about the virtual machine
	ErrTimeLimit       = errors.New("it ran for longer than it may")
	ErrJobFailed       = errors.New("job failed")
	ErrJobUnknown      = errors.New("how the job ended is not known")
	ErrJobCancelled    = errors.New("job was cancelled")
	ErrClosed          = errors.New("the service is closed")
)

// HostUnknownError is a submission for a host that the service does not have. It is [ErrHostUnknown].
type HostUnknownError struct {
	Host  string
	Known []string
}

func (e *HostUnknownError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("host %q is not configured: no host is", e.Host)
	}
	return fmt.Sprintf("host %q is not configured; configured are: %s", e.Host, strings.Join(e.Known, ", "))
}

// Is reports whether target is [ErrHostUnknown].
func (e *HostUnknownError) Is(target error) bool { return target == ErrHostUnknown }

// HostConfigError is a host whose settings do not hold together.
type HostConfigError struct {
	Host string
	Err  error
}

func (e *HostConfigError) Error() string { return fmt.Sprintf("host %s: %v", e.Host, e.Err) }
func (e *HostConfigError) Unwrap() error { return e.Err }

// HostError is a host that could not be asked. Class is [ErrHostUnreachable], [ErrAuthentication] or [ErrHostNotReady].
type HostError struct {
	Host  string
	Class error
	Err   error // the cause
}

func (e *HostError) Error() string { return fmt.Sprintf("host %s: %v: %v", e.Host, e.Class, e.Err) }

// Unwrap gives the class and the cause.
func (e *HostError) Unwrap() []error { return []error{e.Class, e.Err} }

// NameTakenError is a name that a submission cannot have. It is [ErrNameTaken].
type NameTakenError struct {
	inventorycache.NameTakenError
}

func (e *NameTakenError) Error() string {
	if e.JobID == "" {
		return fmt.Sprintf("a virtual machine named '%s' already exists on host %s (id %s): choose another name", e.Name, e.Host, e.VMID)
	}
	return e.NameTakenError.Error()
}

// VMNotFoundError is a virtual machine that is not on its host. It is [ErrVMNotFound].
type VMNotFoundError struct {
	Host string
	VM   string // GUID or name
}

func (e *VMNotFoundError) Error() string {
	return fmt.Sprintf("virtual machine %q is not on host %s", e.VM, e.Host)
}

// Is reports whether target is [ErrVMNotFound].
func (e *VMNotFoundError) Is(target error) bool { return target == ErrVMNotFound }

// JobError is a job that did not succeed. Class is [ErrJobFailed], [ErrJobCancelled] or [ErrJobUnknown]; a job that
// failed because its VM's name was taken is [ErrNameTaken] too.
type JobError struct {
	Host    string
	Job     string
	Class   error
	Failure job.Failure // the host's account; empty for a job that is unknown
	Cause   error       // why the job is unknown or was never run
	Result  *job.Result // nil for a job that is unknown
	Lines   []string    // what it said last, without secrets
	LogFile string      // all that it said; empty where no files are kept
}

func (e *JobError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v on host %s", e.Class, e.Host)
	if e.Failure.Step != "" {
		fmt.Fprintf(&b, " in step %s", e.Failure.Step)
	}
	if e.Failure.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Failure.Message)
	}
	if e.Failure.Remedy != "" {
		fmt.Fprintf(&b, "; %s", e.Failure.Remedy)
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	return b.String()
}

// Is reports whether target is the class, or what the host's code says.
func (e *JobError) Is(target error) bool {
	switch target {
	case e.Class:
		return true
	case ErrNameTaken:
		return e.Failure.Code == job.CodeNameTaken
	case ErrVMNotFound:
		return e.Failure.Code == job.CodeVMNotFound
	case ErrHostNotReady:
		return e.Failure.Code == job.CodeHostNotReady
	}
	return false
}

// Unwrap gives the cause.
func (e *JobError) Unwrap() error { return e.Cause }

// hostError says of an error on the way to a host, or from it, what it means for the caller.
func hostError(host string, err error) error {
	if err == nil || errors.Is(err, ErrClosed) {
		return err
	}
	var refused *hostagent.AgentError
	var told *HostError
	switch {
	case errors.As(err, &told):
		return err
	case errors.As(err, &refused):
		if refused.Code == job.CodeHostNotReady {
			return &HostError{Host: host, Class: ErrHostNotReady, Err: err}
		}
		return fmt.Errorf("host %s: %w", host, err)
	case errors.Is(err, hostagent.ErrClosed):
		return ErrClosed
	case errors.Is(err, transport.ErrAuth):
		return &HostError{Host: host, Class: ErrAuthentication, Err: err}
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, transport.ErrConnectionLost), errors.Is(err, transport.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return &HostError{Host: host, Class: ErrHostUnreachable, Err: err}
	case errors.Is(err, hostagent.ErrProcessEnded), errors.Is(err, hostagent.ErrUnresponsive), errors.Is(err, transport.ErrProcessLost):
		return &HostError{Host: host, Class: ErrHostNotReady, Err: err}
	}
	return fmt.Errorf("host %s: %w", host, err)
}
