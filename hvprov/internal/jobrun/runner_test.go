// SPDX-License-Identifier: MPL-2.0

package jobrun_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobrun"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobspec"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

func TestEventsArePublishedWithoutSecretsAndRecorded(t *testing.T) {
	t.Parallel()
	r := newRun(t, &fakeAgent{submit: submits(events(0,
		job.Event{Kind: job.KindLog, Message: "password is " + secret},
		job.Event{Kind: job.KindVM, VMID: "vm-1"},
		job.Event{Kind: job.KindLog, Message: "done"},
		ended(job.Failed, &job.Failure{Code: "storage", Message: "no room for " + secret, Field: "agent_disk"}),
	))}, nil)
	result, err := r.Run(t.Context())
	var failed *job.Error
	if !errors.As(err, &failed) || !errors.Is(err, cause.ErrJobFailed) || failed.Failure.Field != "disk" || result.Error.Code != "storage" {
		t.Errorf("got %+v, %v", result, err)
	}
	if text := fmt.Sprintf("%+v %+v %v %q", r.published, *r.published[3].Error, err, failed.Lines); strings.Contains(text, secret) {
		t.Errorf("secret is visible: %s", text)
	}
	if got, want := r.journal.String(), "start, accepted, accepted vm-1"; got != want {
		t.Errorf("journal has %q, want %q", got, want)
	}
	if p := r.Progress(); p.Seq != 4 || p.VMID != "vm-1" || len(p.Lines) != 4 {
		t.Errorf("progress is %+v", p)
	}
}

// TestNothingOfTheHostReachesAnErrorUncleaned repeats the secret, and a character that controls a terminal, in every text of a host.
func TestNothingOfTheHostReachesAnErrorUncleaned(t *testing.T) {
	t.Parallel()
	const text = "\x1b[31m" + secret + "\u202e"
	failure := job.Failure{Step: text, Code: text, Message: text, Remedy: text, Field: text}
	refused := &hostagent.AgentError{Failure: failure}
	ended := errors.Join(hostagent.ErrProcessEnded, errors.New("standard error: "+text))
	for name, agent := range map[string]*fakeAgent{
		"events": {submit: submits(events(0,
			job.Event{Kind: job.KindStep, Step: text, Message: text},
			job.Event{Kind: job.KindVM, VMID: text, Step: text},
			job.Event{Kind: job.KindResult, Result: &job.Result{Outcome: job.Failed, Error: &failure, Undone: []string{text}, Left: []string{text}}},
		))},
		"an unknown outcome":          {submit: submits(events(0, job.Event{Kind: job.KindResult, Result: &job.Result{Outcome: text}}))},
		"a refusal":                   {submit: func(context.Context) (*stream, error) { return nil, refused }},
		"the last words of a process": {submit: func(context.Context) (*stream, error) { return nil, ended }},
	} {
		r := newRun(t, agent, nil)
		result, err := r.Run(t.Context())
		var failed *job.Error
		if !errors.As(err, &failed) {
			t.Fatalf("%s: %v", name, err)
		}
		shown := fmt.Sprintf("%+v %v %+v %q %q %s %+v", r.published, err, failed.Failure, failed.Lines, errors.Unwrap(err), r.journal.String(), r.Progress())
		if result != nil {
			shown += fmt.Sprintf("%+v %+v", *result, result.Error)
		}
		for cause := failed.Cause; cause != nil; cause = errors.Unwrap(cause) {
			shown += cause.Error()
		}
		if strings.Contains(shown, secret) || strings.ContainsAny(shown, "\x1b\u202e") {
			t.Errorf("%s: the secret or a control character is visible: %s", name, shown)
		}
	}
}

func TestALostSessionIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := events(0, job.Event{Kind: job.KindLog}, job.Event{Kind: job.KindLog})
		first.err = errLost
		attempts := 0
		r := newRun(t, &fakeAgent{submit: submits(first), attach: func(after int64) (*stream, error) {
			if attempts++; attempts < 4 {
				return nil, errLost
			}
			return events(after, ended(job.Succeeded, nil)), nil
		}}, nil)
		if _, err := r.Run(t.Context()); err != nil {
			t.Error(err)
		}
		if got, want := r.agent.String(), "submit attach attach attach attach"; got != want {
			t.Errorf("requests are %q, want %q", got, want)
		}
		if len(r.published) != 3 || r.published[2].Seq != 3 {
			t.Errorf("published events are %+v", r.published)
		}
	})
}

func TestAnAnswerThatWasLostLeadsToAnotherSubmission(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		r := newRun(t, &fakeAgent{submit: func(context.Context) (*stream, error) {
			if attempts++; attempts == 1 {
				return nil, hostagent.ErrSessionLost
			}
			return events(0, ended(job.Succeeded, nil)), nil
		}}, nil)
		if _, err := r.Run(t.Context()); err != nil || r.agent.String() != "submit submit" {
			t.Errorf("requests are %q, error %v", r.agent, err)
		}
	})
}

func TestOutcomesOfJobs(t *testing.T) {
	t.Parallel()
	refusal := func(code string) error {
		return &hostagent.AgentError{Failure: job.Failure{Code: code, Message: "refused", Field: "agent_vm_name"}}
	}
	unreachable := fmt.Errorf("%w: %w", transport.ErrConnectionLost, transport.ErrUnreachable)
	for name, c := range map[string]struct {
		submit  *stream
		err     error
		change  func(*jobspec.Spec)
		matches []error
		misses  []error
	}{
		"no result":                      {submit: &stream{err: io.EOF}, matches: []error{cause.ErrJobUnknown}},
		"empty result":                   {submit: events(0, job.Event{Kind: job.KindResult}), matches: []error{cause.ErrJobUnknown}},
		"outcome of a later agent":       {submit: events(0, ended("paused", nil)), matches: []error{cause.ErrJobUnknown}},
		"cancelled by another client":    {submit: events(0, ended(job.Cancelled, nil)), matches: []error{cause.ErrJobCancelled}},
		"name taken":                     {err: refusal(job.CodeNameTaken), matches: []error{cause.ErrJobFailed, cause.ErrNameTaken}},
		"host that refuses the password": {err: transport.ErrAuth, matches: []error{cause.ErrJobFailed, cause.ErrAuthentication}},
		"host that does not answer":      {err: unreachable, matches: []error{cause.ErrJobFailed, cause.ErrHostUnreachable}, misses: []error{cause.ErrJobUnknown}},
		"host that lost a resumed job":   {err: refusal("job_unknown"), change: func(s *jobspec.Spec) { s.Resumed, s.FollowOnly = true, true }, matches: []error{cause.ErrJobFailed}},
		"unreachable after a restart":    {err: unreachable, change: func(s *jobspec.Spec) { s.Resumed = true }, matches: []error{cause.ErrJobUnknown, cause.ErrHostUnreachable}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRun(t, &fakeAgent{
					submit: func(context.Context) (*stream, error) { return c.submit, c.err },
					attach: func(int64) (*stream, error) { return c.submit, c.err },
				}, c.change)
				_, err := r.Run(t.Context())
				for _, target := range c.matches {
					if !errors.Is(err, target) {
						t.Errorf("got %v, want a match of %v", err, target)
					}
				}
				for _, target := range c.misses {
					if errors.Is(err, target) {
						t.Errorf("got %v, want no match of %v", err, target)
					}
				}
			})
		})
	}
}

func TestAJobThatIsCancelledBeforeItsStartIsNotSubmitted(t *testing.T) {
	t.Parallel()
	r := newRun(t, &fakeAgent{}, nil)
	r.Cancel(t.Context(), context.Canceled)
	if _, err := r.Run(t.Context()); !errors.Is(err, cause.ErrJobCancelled) || !errors.Is(err, jobrun.ErrNotStarted) || r.agent.String() != "" {
		t.Errorf("requests are %q, error %v", r.agent, err)
	}
}

func TestACancellationThatWasLostWithItsSessionIsSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lost := make(chan struct{})
		requests := 0
		r := newRun(t, &fakeAgent{
			submit: submits(&stream{events: []job.Event{{Seq: 1, Kind: job.KindLog}}, then: func() (job.Event, error) {
				<-lost
				return job.Event{}, errLost
			}}),
			attach: func(after int64) (*stream, error) { return events(after, ended(job.Cancelled, nil)), nil },
			cancel: func() error {
				if requests++; requests > 1 {
					return nil
				}
				close(lost)
				return errLost
			},
		}, nil)
		done := make(chan error, 1)
		go func() {
			_, err := r.Run(t.Context())
			done <- err
		}()
		synctest.Wait()
		r.Cancel(t.Context(), context.Canceled)
		if err := <-done; !errors.Is(err, cause.ErrJobCancelled) {
			t.Error(err)
		}
		if got, want := r.agent.String(), "submit cancel attach cancel"; got != want {
			t.Errorf("requests are %q, want %q", got, want)
		}
		if got, want := r.journal.String(), "start, accepted, cancel"; got != want {
			t.Errorf("journal has %q, want %q", got, want)
		}
	})
}

func TestAJobThatExceedsItsTimeLimitIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cancelled := make(chan struct{})
		r := newRun(t, &fakeAgent{
			submit: submits(&stream{then: func() (job.Event, error) {
				<-cancelled
				return ended(job.Cancelled, nil), nil
			}}),
			cancel: func() error { close(cancelled); return nil },
		}, func(s *jobspec.Spec) { s.Record.Limit = time.Hour })
		r.journal.since = time.Now().Add(-20 * time.Minute) // it ran before a restart
		begin := time.Now()
		_, err := r.Run(t.Context())
		if !errors.Is(err, cause.ErrTimeLimit) || !errors.Is(err, cause.ErrJobFailed) || time.Since(begin) != 40*time.Minute {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
	})
}

func TestAJobThatIsDetachedContinuesOnItsHost(t *testing.T) {
	t.Parallel()
	for name, agent := range map[string]*fakeAgent{
		"while it is followed":  {submit: submits(&stream{})},
		"while it is submitted": {submit: func(ctx context.Context) (*stream, error) { <-ctx.Done(); return nil, ctx.Err() }},
		"while it reconnects":   {submit: submits(&stream{err: errLost}), attach: func(int64) (*stream, error) { return nil, errLost }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRun(t, agent, nil)
				ctx, detach := context.WithTimeout(t.Context(), time.Second)
				defer detach()
				_, err := r.Run(ctx)
				if !errors.Is(err, cause.ErrJobUnknown) || !errors.Is(err, jobrun.ErrDetached) || !errors.Is(err, cause.ErrClosed) {
					t.Errorf("got %v", err)
				}
				if len(r.steps.All()) != 0 {
					t.Errorf("duration of a detached job was measured: %+v", r.steps.All())
				}
			})
		})
	}
}

func TestTextOfAHostDoesNotControlTheTerminal(t *testing.T) {
	t.Parallel()
	err := jobrun.HostError("hv01", errors.Join(hostagent.ErrProcessEnded, errors.New("red \x1b[31m\nnext line")), redact.Printable)
	if text := err.Error(); !errors.Is(err, cause.ErrHostNotReady) || !strings.Contains(text, `red \x1b[31m`+"\nnext line") || strings.Contains(text, "\x1b") {
		t.Errorf("got %q", text)
	}
}
