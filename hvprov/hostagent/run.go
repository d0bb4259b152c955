// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/hostagent/protocol"
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

// Run is a job that was handed to the agent.
type Run struct {
	ID    string
	Known bool // the agent had it already

	replay func(after int64)

	mu     sync.Mutex
	events []job.Event // not yet taken
	last   int64       // sequence number of the last one accepted
	asked  int64       // replay was asked for from here
	ended  error       // io.EOF after the result
	more   chan struct{}
}

// Submit hands a job to the agent. When it returns an error other than an [*AgentError] or one of ctx, the agent may
// still have the job; submitting it again under the same id is safe while the session stands.
func (a *Agent) Submit(ctx context.Context, sub Submission) (*Run, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(sub.Definition)
	if err != nil {
		return nil, fmt.Errorf("definition: %w", err)
	}
	s, err := a.session()
	if err != nil {
		return nil, err
	}
	req := protocol.Request{
		Request: protocol.RequestSubmit, Job: sub.Job, Definition: raw, VMID: sub.VMID, Changed: sub.Changed,
		Secrets: sub.Secrets, AllowPowerCycle: sub.AllowPowerCycle, Settings: &a.opts.Settings,
	}
	run := &Run{ID: sub.Job, more: make(chan struct{}, 1)}
	run.replay = func(after int64) {
		again := req
		again.After = after
		a.ended.Go(func() { _, _ = s.request(s.ctx, again) }) // what comes of it arrives as events
	}
	// Known before it is sent, since events may overtake the answer.
	if err := s.follow(run); err != nil {
		return nil, err
	}
	answer, err := s.request(ctx, req)
	var result protocol.JobResult
	if err == nil {
		err = json.Unmarshal(answer, &result)
	}
	if err != nil {
		if ctx.Err() != nil { // it may have arrived: see that it does not go on unseen
			a.ended.Go(func() { _, _ = s.request(s.ctx, protocol.Request{Request: protocol.RequestCancel, Job: sub.Job}) })
		}
		s.unfollow(run)
		return nil, err
	}
	run.Known = result.Known
	return run, nil
}

// Next gives the next event, in order and each once. It returns [io.EOF] behind the result, and another error when the
// session was lost before there was one; the job's state is then unknown.
func (r *Run) Next(ctx context.Context) (job.Event, error) {
	for {
		r.mu.Lock()
		if len(r.events) > 0 {
			e := r.events[0]
			r.events = r.events[1:]
			r.mu.Unlock()
			return e, nil
		}
		err := r.ended
		r.mu.Unlock()
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
