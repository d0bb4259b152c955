// SPDX-License-Identifier: MPL-2.0

package jobrun_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobrun"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobspec"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

const (
	jobID  = "a0000000-0000-4000-8000-000000000001"
	secret = "c0rrect horse"
)

var errLost = errors.New("connection reset")

// stream returns events, then what then returns, or an error. Without either it waits for the end of the context.
type stream struct {
	events []job.Event
	then   func() (job.Event, error)
	err    error
}

func (s *stream) Next(ctx context.Context) (job.Event, error) {
	if len(s.events) > 0 {
		e := s.events[0]
		s.events = s.events[1:]
		return e, nil
	}
	switch {
	case s.then != nil:
		return s.then()
	case s.err != nil:
		return job.Event{}, s.err
	}
	<-ctx.Done()
	return job.Event{}, ctx.Err()
}

// fakeAgent answers the requests of a runner with the functions, and records the requests.
type fakeAgent struct {
	submit func(ctx context.Context) (*stream, error)
	attach func(after int64) (*stream, error)
	cancel func() error

	mu       sync.Mutex
	requests []string
}

func (a *fakeAgent) record(request string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = append(a.requests, request)
}

func (a *fakeAgent) Submit(ctx context.Context, _ hostagent.JobRequest) (jobrun.Stream, error) {
	a.record("submit")
	return result(a.submit(ctx))
}

func (a *fakeAgent) Attach(_ context.Context, _ string, after int64) (jobrun.Stream, error) {
	a.record("attach")
	return result(a.attach(after))
}

func result(s *stream, err error) (jobrun.Stream, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (a *fakeAgent) Cancel(context.Context, string) error {
	a.record("cancel")
	if a.cancel == nil {
		return nil
	}
	return a.cancel()
}

func (a *fakeAgent) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.requests, " ")
}

// fakeJournal records the calls of a runner.
type fakeJournal struct {
	mu    sync.Mutex
	calls []string
	since time.Time
	err   error
}

func (j *fakeJournal) add(call string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls = append(j.calls, call)
	return j.err
}

func (j *fakeJournal) Start(context.Context) (time.Time, error) { return j.since, j.add("start") }

func (j *fakeJournal) Accepted(_ context.Context, e job.Event) error {
	return j.add(strings.TrimSpace("accepted " + e.VMID))
}

func (j *fakeJournal) CancelRequested(context.Context) error { return j.add("cancel") }

func (j *fakeJournal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.calls, ", ")
}

// run is a runner with its doubles.
type run struct {
	*jobrun.Runner

	agent     *fakeAgent
	journal   *fakeJournal
	steps     *jobrun.StepTimes
	published []job.Event
}

// newRun returns a runner. change may change its specification.
func newRun(t *testing.T, agent *fakeAgent, change func(*jobspec.Spec)) *run {
	t.Helper()
	spec := &jobspec.Spec{
		Record:  jobstore.Record{ID: jobID, Host: "hv01", Operation: job.OperationProvision},
		Secrets: []string{secret},
	}
	if change != nil {
		change(spec)
	}
	r := &run{agent: agent, journal: &fakeJournal{since: time.Now()}, steps: &jobrun.StepTimes{}}
	r.Runner = jobrun.New(jobrun.Config{
		Field:    func(field string) string { return strings.TrimPrefix(field, "agent_") },
		Recorded: func(values map[string]any) map[string]any { return values },
		Publish:  func(_ *jobspec.Spec, e job.Event) { r.published = append(r.published, e) },
		BeginSpan: func(ctx context.Context, _, _ string, _ *jobspec.Spec) (context.Context, func(error)) {
			return ctx, func(error) {}
		},
		Steps: r.steps, Logger: slog.New(slog.DiscardHandler), ReconnectFor: 5 * time.Minute, CancelGrace: 5 * time.Minute,
	}, spec, agent, r.journal)
	return r
}

// events returns a stream of events with numbers, after the one with the number after. It ends like an agent's if the last event
// is a result.
func events(after int64, list ...job.Event) *stream {
	s := &stream{}
	for i, e := range list {
		e.Seq = after + int64(i) + 1
		s.events = append(s.events, e)
		if e.Kind == job.KindResult {
			s.err = io.EOF
		}
	}
	return s
}

func step(name string, at time.Time) job.Event {
	return job.Event{Kind: job.KindStep, Step: name, Number: 1, Of: 2, Time: at}
}

func ended(outcome job.Outcome, failure *job.Failure) job.Event {
	return job.Event{Kind: job.KindResult, Result: &job.Result{Outcome: outcome, Error: failure}}
}

func submits(s *stream) func(context.Context) (*stream, error) {
	return func(context.Context) (*stream, error) { return s, nil }
}
