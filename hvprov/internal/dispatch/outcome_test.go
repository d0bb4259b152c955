// SPDX-License-Identifier: MPL-2.0

package dispatch

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobrun"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

func TestAnErrorFromARecordMatchesTheSameSentinels(t *testing.T) {
	t.Parallel()
	sentinels := []error{
		cause.ErrHostUnknown, cause.ErrHostUnreachable, cause.ErrHostNotReady, cause.ErrHostBusy, cause.ErrAuthentication, cause.ErrAccessDenied, cause.ErrVMNotFound,
		cause.ErrNameTaken, cause.ErrVMBusy, cause.ErrTimeLimit, cause.ErrJobNotFound, cause.ErrJobFailed, cause.ErrJobUnknown,
		cause.ErrJobCancelled, cause.ErrClosed, transport.ErrQuota, transport.ErrConnectionLost,
	}
	reasons := map[string]error{"none": nil, "not started": fmt.Errorf("%w: %w", jobrun.ErrNotStarted, cause.ErrClosed)}
	for _, s := range sentinels {
		reasons[s.Error()] = fmt.Errorf("agent: %w", s)
		reasons["host: "+s.Error()] = &job.HostError{Host: "hv01", Class: s, Err: transport.ErrTimeout}
	}
	failures := map[string]job.Failure{
		"none":          {},
		"of the agent":  {Step: "disk", Code: "storage", Message: "volume is full", Remedy: "free 3 GiB"},
		"name taken":    {Code: job.CodeNameTaken, Message: "name is taken", Field: "vm_name"},
		"VM not found":  {Code: job.CodeVMNotFound, Message: "not found"},
		"not ready":     {Code: job.CodeHostNotReady, Message: "no Hyper-V"},
		"access denied": {Code: job.CodeAccessDenied, Message: "no right"},
		"without texts": {Code: "internal"},
	}
	for state, class := range map[jobstore.State]error{
		jobstore.Failed: cause.ErrJobFailed, jobstore.Cancelled: cause.ErrJobCancelled, jobstore.Unknown: cause.ErrJobUnknown,
	} {
		for reasonName, reason := range reasons {
			for failureName, failure := range failures {
				before := &job.Error{Host: "hv01", Job: "j", Class: class, Failure: failure, Cause: reason}
				r := jobstore.Record{ID: "j", Host: "hv01", State: stateOf(before)}
				setError(&r, before)
				text, err := jobstore.Encode(r)
				if err != nil {
					t.Fatal(err)
				}
				if r, err = jobstore.Decode(text); err != nil {
					t.Fatal(err)
				}
				name := fmt.Sprintf("%s, reason %s, failure %s", state, reasonName, failureName)
				after := ErrorOf(r)
				if after.Error() != before.Error() {
					t.Errorf("%s: text is %q, want %q", name, after, before)
				}
				var typed *job.Error
				if !errors.As(after, &typed) || typed.Failure != failure || typed.Host != "hv01" || typed.Job != "j" {
					t.Errorf("%s: error is %+v", name, after)
				}
				for _, s := range sentinels {
					if errors.Is(before, s) != errors.Is(after, s) {
						t.Errorf("%s: match of %q is %t before and %t after a restart", name, s, errors.Is(before, s), errors.Is(after, s))
					}
				}
			}
		}
	}
}

func TestAnErrorThatIsNoJobErrorIsKept(t *testing.T) {
	t.Parallel()
	r := jobstore.Record{ID: "j", Host: "hv01", State: jobstore.Failed}
	setError(&r, fmt.Errorf("panic: %w", context.Canceled))
	if err := ErrorOf(r); !errors.Is(err, cause.ErrJobFailed) || err.Error() != "job failed on host hv01: panic: context canceled" {
		t.Errorf("got %v", err)
	}
	setError(&r, nil)
	if r.State = jobstore.Succeeded; ErrorOf(r) != nil || r.Error != "" {
		t.Errorf("record of a successful job is %+v", r)
	}
}
