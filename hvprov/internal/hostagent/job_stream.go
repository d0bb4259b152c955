// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// JobRequest is a job for the agent.
type JobRequest struct {
	Job             string // GUID of the job: the same id never runs twice
	Definition      job.Definition
	VMID            string   // update, delete: GUID of the virtual machine
	Changed         []string // update: ids of the fields to change
	Secrets         []string // ids of the fields that must not be shown or stored
	AllowPowerCycle bool     // update: the virtual machine may be stopped and started
}

// The events of a job that are kept for a slow caller, and the bytes of their messages. Later ones are dropped and requested
// again when there is room: the host keeps them all, and other jobs share the connection.
const (
	maxBufferedEvents = 1024
	maxBufferedBytes  = 4 << 20 // of their messages, about
)

// maxEvents is the number of events of a job. One whose copy takes a day sends about 100,000.
const maxEvents = 1_000_000

// JobStream is the ordered stream of events of a job that the agent runs.
type JobStream struct {
	ID string // GUID of the job

	replay func(after int64) // requests the events after a sequence number
	remove func()            // removes the stream from its session

	mu        sync.Mutex
	events    []job.Event // not yet returned by Next
	buffered  int         // bytes of their messages
	last      int64       // sequence number of the last accepted event
	begun     bool        // the request that started the stream was answered, or its answer is not waited for
	replaying bool        // a replay was requested and has not been answered
	replays   int         // since the last accepted event, because the next one is missing
	dropped   bool        // events were dropped, since too many were buffered
	ended     error       // io.EOF after the result
	more      chan struct{}
}

// Submit submits a job to the agent. An error means that the job does not run: the agent refused it ([*AgentError]), or it was
// not sent before ctx ended. With [ErrSessionLost] the job may run; submitting it again settles that. Once the job was sent,
// Submit returns its stream, also when ctx ends before the agent answers.
func (a *Agent) Submit(ctx context.Context, jobReq JobRequest) (*JobStream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	raw, err := jobReq.Definition.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return a.stream(ctx, 0, protocol.Request{
		Request: protocol.RequestSubmit, Job: jobReq.Job, Definition: raw, VMID: jobReq.VMID, Changed: jobReq.Changed,
		Secrets: jobReq.Secrets, AllowPowerCycle: jobReq.AllowPowerCycle, Settings: &a.opts.Settings,
	})
}

// Attach returns the stream of a job that the agent has, starting after the event with sequence number after; 0 returns all
// events. A job that the agent does not know is an [*AgentError] with the code job_unknown.
func (a *Agent) Attach(ctx context.Context, jobID string, after int64) (*JobStream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return a.stream(ctx, after, protocol.Request{Request: protocol.RequestAttach, Job: jobID, After: after})
}

// stream sends a request that starts the events of a job, and returns their stream.
func (a *Agent) stream(ctx context.Context, after int64, req protocol.Request) (_ *JobStream, err error) {
	ctx, end := a.observe(ctx, req.Request)
	defer func() { end(err) }()
	s, err := a.session()
	if err != nil {
		return nil, err
	}
	stream := &JobStream{ID: req.Job, last: after, more: make(chan struct{}, 1)}
	stream.remove = func() { s.removeStream(stream) }
	stream.replay = func(after int64) {
		again := req
		again.After = after
		_, _ = s.post(again, func(answer) { stream.replayed() }) // the events are the answer
	}
	// Registered before the request is sent, since events may arrive before the answer.
	if err := s.addStream(stream); err != nil {
		return nil, err
	}
	answered := make(chan error, 1)
	id, err := s.post(req, func(got answer) {
		stream.begin()
		if got.err != nil {
			s.removeStream(stream)
			stream.fail(got.err)
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
			stream.begin()
		}
	}
	if err != nil {
		s.removeStream(stream)
		return nil, err
	}
	return stream, nil
}

// Next returns the next event, in order and each once. It returns [io.EOF] after the result, and another error when the session
// was lost before the result: the job continues then, and [Agent.Attach] returns another stream of it.
func (r *JobStream) Next(ctx context.Context) (job.Event, error) {
	for {
		r.mu.Lock()
		if len(r.events) > 0 {
			e := r.events[0]
			r.events = r.events[1:]
			r.buffered -= len(e.Message)
			r.mu.Unlock()
			return e, nil
		}
		err, after, dropped := r.ended, r.last, r.dropped
		if err == nil {
			r.dropped = false
		}
		r.mu.Unlock()
		if dropped && err == nil {
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

// Close ends the stream before the result. The job continues.
func (r *JobStream) Close() {
	r.remove()
	r.fail(io.EOF)
}

// accept appends the event that is due, drops one that was seen, and requests a replay when one is missing: output may be lost
// or doubled with an answer of the host that did not arrive. It reports whether the event was due, and whether the stream has ended.
func (r *JobStream) accept(e job.Event) (accepted, ended bool) {
	r.mu.Lock()
	switch {
	case r.ended != nil || e.Seq <= r.last:
		ended = r.ended != nil
		r.mu.Unlock()
		return false, ended
	case r.last >= maxEvents:
		r.mu.Unlock()
		r.fail(fmt.Errorf("%w: job %s sent more than %d events", ErrInvalidOutput, r.ID, maxEvents))
		return false, true
	case len(r.events) >= maxBufferedEvents, r.buffered > maxBufferedBytes:
		r.dropped = true
		r.mu.Unlock()
		return false, false
	case e.Seq > r.last+1 && r.dropped: // Next requests the replay when the buffer is empty
		r.mu.Unlock()
		return false, false
	case e.Seq > r.last+1:
		r.mu.Unlock()
		return false, r.missing(errors.New("it does not arrive"))
	}
	r.last, r.replays = e.Seq, 0
	r.events = append(r.events, e)
	r.buffered += len(e.Message)
	if e.Kind == job.KindResult {
		r.ended = io.EOF
	}
	ended = r.ended != nil
	r.mu.Unlock()
	wake(r.more)
	return true, ended
}

// missing requests a replay, since the next event did not arrive in a form that can be read. It ends the stream if that has been in
// vain several times, and reports whether the stream has ended.
func (r *JobStream) missing(why error) (ended bool) {
	r.mu.Lock()
	if r.ended != nil || r.replaying { // the session repeats a request without an answer
		defer r.mu.Unlock()
		return r.ended != nil
	}
	r.replays++
	after, tooMany := r.last, r.replays > maxReplays
	r.replaying = !tooMany
	r.mu.Unlock()
	if tooMany {
		r.fail(fmt.Errorf("%w: event %d of job %s was requested %d times: %w", ErrInvalidOutput, after+1, r.ID, maxReplays, why))
		return true
	}
	r.replay(after)
	return false
}

// begin records that the request that started the stream is not repeated any more.
func (r *JobStream) begin() {
	r.mu.Lock()
	r.begun = true
	r.mu.Unlock()
}

// replayed records that a replay was answered: its events follow.
func (r *JobStream) replayed() {
	r.mu.Lock()
	r.replaying = false
	r.mu.Unlock()
}

// resync requests the events after the last accepted one.
func (r *JobStream) resync() {
	r.mu.Lock()
	after, needed := r.last, r.ended == nil && r.begun && !r.replaying // the session repeats requests without an answer
	r.replaying = r.replaying || needed
	r.mu.Unlock()
	if needed {
		r.replay(after)
	}
}

// fail ends the stream without a result.
func (r *JobStream) fail(err error) {
	r.mu.Lock()
	if r.ended == nil {
		r.ended = err
	}
	r.mu.Unlock()
	wake(r.more)
}

func (s *session) addStream(r *JobStream) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.streams[r] = struct{}{}
	return nil
}

func (s *session) removeStream(r *JobStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, r)
}

// streamsOf returns the streams of a job: one that follows it, and those that read its earlier events. Each drops what it has.
func (s *session) streamsOf(jobID string) (all []*JobStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for stream := range s.streams {
		if stream.ID == jobID {
			all = append(all, stream)
		}
	}
	return all
}
