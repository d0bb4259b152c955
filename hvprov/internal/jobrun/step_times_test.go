// SPDX-License-Identifier: MPL-2.0

package jobrun_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobrun"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// The clock of the host is two hours ahead of the one of this computer.
func TestStepsAreMeasuredByTheClockOfTheHost(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]*stream{
		"a job that ends":             {events: []job.Event{{Seq: 4, Kind: job.KindResult, Result: &job.Result{Outcome: job.Succeeded}}}},
		"a job whose session is lost": {err: transport.ErrAuth},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := time.Now().Add(2 * time.Hour)
			want := 20 * time.Second // up to the last event that arrived
			s := events(0, step("preflight", host), step("disk", host.Add(10*time.Second)), job.Event{Kind: job.KindProgress, Time: host.Add(30 * time.Second)})
			for _, e := range last.events {
				e.Time, want = host.Add(90*time.Second), 80*time.Second
				s.events = append(s.events, e)
			}
			s.err = last.err
			r := newRun(t, &fakeAgent{submit: submits(s)}, nil)
			_, _ = r.Run(t.Context())
			got := map[string]time.Duration{}
			for _, s := range r.steps.All() {
				got[s.Step] = s.Durations.Sum
			}
			if got["preflight"] != 10*time.Second || got["disk"] != want {
				t.Errorf("durations are %v, want 10 s and %v", got, want)
			}
		})
	}
}

func TestTheNumberOfMeasuredStepsIsLimited(t *testing.T) {
	t.Parallel()
	var steps jobrun.StepTimes
	for i := range 1000 {
		steps.Add(job.OperationProvision, fmt.Sprint("step-", i), time.Second)
		steps.Add(job.OperationProvision, "step-0", time.Second)
	}
	steps.Add(job.OperationProvision, "", time.Minute)
	steps.Add(job.OperationDelete, "step-1000", time.Second)
	counts, total := map[string]uint64{}, uint64(0)
	for _, s := range steps.All() {
		counts[s.Step] += s.Durations.Count
		total += s.Durations.Count
	}
	if len(counts) > 70 || total != 2002 || counts["step-0"] != 1001 || counts[""] != 1 || counts[jobrun.OtherStep] != 2002-1-1001-63 {
		t.Errorf("%d labels, %d durations: %v", len(counts), total, counts)
	}
}
