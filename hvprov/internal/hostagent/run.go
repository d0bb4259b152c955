// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"context"
	"io"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Submission is a job for the agent.
type Submission struct {
	Job             string // its id, a GUID that the caller made: the same id never runs twice
	Definition      job.Definition
	VMID            string   // update, delete: the virtual machine
	Changed         []string // update: the fields to touch
	Secrets         []string // fields never to be shown or stored
	AllowPowerCycle bool     // update: the machine may be stopped and started
}

// maxQueued is how many events of a run are kept for a caller that is slow to take them. Those beyond are asked for again
// when there is room: the host keeps them all, and other runs share the connection.
const maxQueued = 1024

// Run is a job that was handed to the agent.
type Run struct {
	ID string

	replay func(after int64)

	mu     sync.Mutex
	events []job.Event // not yet taken
	last   int64       // sequence number of the last one accepted
	asked  int64       // replay was asked for from here
	behind bool        // events were dropped, since too many waited
	ended  error       // io.EOF after the result
	more   chan struct{}
}

// Submit hands a job to the agent. An error means that the job does not run: the agent refused it ([*AgentError]), it
// was not sent before ctx ended, or the session was lost ([ErrSessionLost]), in which case the job may run: to submit it again
// tells. Once it was sent, the run is what tells of it, also when ctx ends before the agent has answered.
func (a *Agent) Submit(ctx context.Context, sub Submission) (*Run, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	raw, err := sub.Definition.Encode()
	if err != nil {
		return nil, err
	}
	return a.run(ctx, 0, protocol.Request{
		Request: protocol.RequestSubmit, Job: sub.Job, Definition: raw, VMID: sub.VMID, Changed: sub.Changed,
		Secrets: sub.Secrets, AllowPowerCycle: sub.AllowPowerCycle, Settings: &a.opts.Settings,
	})
}

// Attach follows a job that the agent has already, from behind the event with the number after; 0 gives all of them. A job
// that it does not know is an [*AgentError] with the code job_unknown.
func (a *Agent) Attach(ctx context.Context, jobID string, after int64) (*Run, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return a.run(ctx, after, protocol.Request{Request: protocol.RequestAttach, Job: jobID, After: after})
}

// run sends a request that makes a job's events come, and follows them.
func (a *Agent) run(ctx context.Context, after int64, req protocol.Request) (_ *Run, err error) {
	ctx, end := a.begin(ctx, req.Request)
	defer func() { end(err) }()
	s, err := a.session()
	if err != nil {
		return nil, err
	}
	run := &Run{ID: req.Job, last: after, more: make(chan struct{}, 1)}
	run.replay = func(after int64) {
		again := req
		again.After = after
		_, _ = s.post(again, func(answer) {}) // what comes of it arrives as events
	}
	// Known before it is sent, since events may overtake the answer.
	if err := s.follow(run); err != nil {
		return nil, err
	}
	answered := make(chan error, 1)
	id, err := s.post(req, func(got answer) {
		if got.err != nil {
			s.unfollow(run)
			run.lose(got.err)
		}
		answered <- got.err
	})
	if err == nil {
		select {
		case err = <-answered:
		case <-ctx.Done():
			if s.withdraw(id) {
				err = context.Cause(ctx)
			}
		}
	}
	if err != nil {
		s.unfollow(run)
		return nil, err
	}
	return run, nil
}

// Next gives the next event, in order and each once. It returns [io.EOF] behind the result, and another error when the
// session was lost before there was one; the job goes on then, and [Agent.Attach] follows it further.
func (r *Run) Next(ctx context.Context) (job.Event, error) {
	for {
		r.mu.Lock()
		if len(r.events) > 0 {
			e := r.events[0]
			r.events = r.events[1:]
			r.mu.Unlock()
			return e, nil
		}
		err, after, behind := r.ended, r.last, r.behind
		if err == nil {
			r.behind = false
		}
		r.mu.Unlock()
		if behind && err == nil {
			r.replay(after)
		}
		if err != nil {
			return job.Event{}, err
		}
		select {
		case <-ctx.Done():
			return job.Event{}, ctx.Err()
		case <-r.more:
		}
	}
}

// take accepts the event that is due, drops one that was seen, and asks again when one is missing: output may be lost
// or doubled with an answer of the host's that did not arrive.
func (r *Run) take(e job.Event) (ended bool) {
	r.mu.Lock()
	switch {
	case r.ended != nil || e.Seq <= r.last:
		r.mu.Unlock()
		return r.ended != nil
	case len(r.events) >= maxQueued:
		r.behind = true
		r.mu.Unlock()
		return false
	case e.Seq > r.last+1 && r.behind: // Next asks when it has taken what waits
		r.mu.Unlock()
		return false
	case e.Seq > r.last+1:
		after, ask := r.last, r.asked != r.last+1
		r.asked = r.last + 1
		r.mu.Unlock()
		if ask {
			r.replay(after)
		}
		return false
	}
	r.last = e.Seq
	r.events = append(r.events, e)
	if e.Kind == job.KindResult {
		r.ended = io.EOF
	}
	ended = r.ended != nil
	r.mu.Unlock()
	wake(r.more)
	return ended
}

// again asks for the events beyond the last one accepted.
func (r *Run) again() {
	r.mu.Lock()
	after, ended := r.last, r.ended != nil
	r.mu.Unlock()
	if !ended {
		r.replay(after)
	}
}

// lose ends the run without a result.
func (r *Run) lose(err error) {
	r.mu.Lock()
	if r.ended == nil {
		r.ended = err
	}
	r.mu.Unlock()
	wake(r.more)
}

func (s *session) follow(r *Run) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.runs[r.ID] = r
	return nil
}

func (s *session) unfollow(r *Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs[r.ID] == r {
		delete(s.runs, r.ID)
	}
}
