// SPDX-License-Identifier: MPL-2.0

package job

import (
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
)

// HostError reports a failed request to a host. Package hvprov has the sentinel errors that it matches.
type HostError struct {
	Host  string
	Class error // hvprov.ErrHostUnreachable, hvprov.ErrAuthentication, hvprov.ErrAccessDenied or hvprov.ErrHostNotReady
	Err   error // the cause
}

func (e *HostError) Error() string { return fmt.Sprintf("host %s: %v: %v", e.Host, e.Class, e.Err) }

// Unwrap returns the class and the cause.
func (e *HostError) Unwrap() []error { return []error{e.Class, e.Err} }

// Error reports a job that did not succeed. It matches its class, the sentinel error of package hvprov that stands for the code of
// its failure, and its cause.
type Error struct {
	Host    string
	Job     string   // GUID
	Class   error    // hvprov.ErrJobFailed, hvprov.ErrJobCancelled or hvprov.ErrJobUnknown
	Failure Failure  // reported by the host; empty when the outcome is unknown
	Cause   error    // why the job did not run, was stopped, or why its outcome is unknown; may be nil
	Result  *Result  // nil when the host reported none
	Lines   []string // the last events as text, without secrets
	LogFile string   // path of the job's log file; empty: there is none
}

func (e *Error) Error() string {
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

// Is reports whether target is the class, or the sentinel error for the code of the failure.
func (e *Error) Is(target error) bool {
	switch target {
	case e.Class:
		return true
	case cause.ErrNameTaken:
		return e.Failure.Code == CodeNameTaken
	case cause.ErrVMNotFound:
		return e.Failure.Code == CodeVMNotFound
	case cause.ErrVMElsewhere:
		return e.Failure.Code == CodeVMElsewhere
	case cause.ErrHostNotReady:
		return e.Failure.Code == CodeHostNotReady
	case cause.ErrAccessDenied:
		return e.Failure.Code == CodeAccessDenied
	}
	return false
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }
