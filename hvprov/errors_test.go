// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

func TestErrorsHaveStableCodes(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"":                       errors.New("other"),
		"invalid_submission":     fmt.Errorf("submit: %w", &jobschema.ValidationError{}),
		"schema_mismatch":        &jobschema.VersionMismatchError{},
		"job_exists":             fmt.Errorf("job: %w", jobstore.ErrExists),
		"host_unknown":           &hvprov.HostUnknownError{Host: "hv01"},
		"host_busy":              &hvprov.HostBusyError{Host: "hv01", Jobs: []string{"a"}},
		"authentication_refused": &hvprov.HostError{Host: "hv01", Class: hvprov.ErrAuthentication, Err: errors.New("401")},
		"access_denied":          &hvprov.HostError{Host: "hv01", Class: hvprov.ErrAccessDenied, Err: errors.New("fault 5")},
		"vm_busy":                &hvprov.VMBusyError{},
		"name_taken":             &hvprov.JobError{Class: hvprov.ErrJobFailed, Failure: job.Failure{Code: job.CodeNameTaken}},
		"time_limit":             &hvprov.JobError{Class: hvprov.ErrJobFailed, Cause: hvprov.ErrTimeLimit},
		"job_outcome_unknown":    &hvprov.JobError{Class: hvprov.ErrJobUnknown, Cause: hvprov.ErrHostUnreachable},
		"job_cancelled":          &hvprov.JobError{Class: hvprov.ErrJobCancelled, Cause: hvprov.ErrClosed},
		"job_failed":             &hvprov.JobError{Class: hvprov.ErrJobFailed, Failure: job.Failure{Code: "storage"}},
		"job_not_found":          hvprov.ErrJobNotFound,
		"vm_not_found":           hvprov.ErrVMNotFound,
		"vm_elsewhere":           &hvprov.VMElsewhereError{Host: "hv01", Node: "HV02"},
		"service_closed":         hvprov.ErrClosed,
	} {
		if got := hvprov.Code(err); got != want {
			t.Errorf("code of %v is %q, want %q", err, got, want)
		}
	}
	if got := hvprov.Code(nil); got != "" {
		t.Errorf("code of nil is %q", got)
	}
}
