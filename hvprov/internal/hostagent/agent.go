// SPDX-License-Identifier: MPL-2.0

// Package hostagent is the client's end of the session with the agent on a host: it starts the agent, carries requests
// from any number of goroutines to it, and hands out the events of jobs in order.
//
// A session is one PowerShell process. It is started by the first request, serves all of them, and ends at
// [Agent.Close], or when the process or its shell is lost; the next request then starts another. Each has a shell of its own
// and one command in it, so that however many requests it serves, it stays far from what a host allows: Windows counts
// commands, and forgets them only with their shell.
package hostagent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Options say how an [Agent] is reached and what it is given. Connect and Bundle are required.
type Options struct {
	Connect Connect // starts a process on the host
	Bundle  []byte  // the agent's PowerShell text, sent over the connection and checked there by its SHA-256

	Client   string            // who asks, for the host's logs; for example "hvprov 0.1.0"
	Settings protocol.Settings // what the host's owner has set about it
	Logger   *slog.Logger      // nil: nothing is logged

	// Reconnect is for how long a lost connection is tried again before the session is given up. 0: two minutes.
	Reconnect time.Duration
	// RetryAfter is for how long a failed start is answered with the same error instead of another attempt, so that a
	// hundred requests to a dead host do not wait one after the other. 0: fifteen seconds. Refused credentials are
	// never tried again: that would lock the account.
	RetryAfter time.Duration
	// SilentPolls is after how many polls without output, each of the connection's operation timeout, an agent of which
	// something is awaited is sent a ping; after as many more it is given up as [ErrUnresponsive]. A host that loads
	// Hyper-V's module for the first time may be silent for half a minute. 0: three, so that it takes two minutes with
	// an operation timeout of 20 s.
	SilentPolls int
	// OnState is told each change of [Agent.State], in order. It must not call the agent, nor block. Nil: nobody is told.
	OnState func(State, error)
	// OnRequest is told of each request as it is made, by name, and gives what is to be told of its end; a submission and an
	// attachment end when the agent has taken them on. Nil: nobody is told.
	OnRequest func(ctx context.Context, request string) (context.Context, func(error))
}

// Agent is the agent on one host. Its methods may be called from many goroutines.
type Agent struct {
	opts   Options
	bundle parcel

	mu       sync.Mutex
	current  *session
	closed   bool
	nextID   int64
	failed   error     // why the last start failed
	failedAt time.Time // and when
	ended    sync.WaitGroup

	state state
	stats stats
}

// ErrClosed is returned for requests to an [Agent] that was closed.
var ErrClosed = errors.New("the session with the host is closed")

// New gives an agent that connects at the first request.
func New(opts Options) *Agent {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Reconnect == 0 {
		opts.Reconnect = 2 * time.Minute
	}
	if opts.RetryAfter == 0 {
		opts.RetryAfter = 15 * time.Second
	}
	if opts.SilentPolls <= 0 {
		opts.SilentPolls = 3
	}
	if opts.OnRequest == nil {
		opts.OnRequest = func(ctx context.Context, _ string) (context.Context, func(error)) { return ctx, func(error) {} }
	}
	bundle := pack(opts.Bundle)
	opts.Bundle = nil // it is not needed any more
	return &Agent{opts: opts, bundle: bundle}
}

// Hello gives what the agent said of itself and its host when the session began.
func (a *Agent) Hello(ctx context.Context) (protocol.HelloResult, error) {
	s, err := a.session()
	if err != nil {
		return protocol.HelloResult{}, err
	}
	return s.greeting(ctx)
}

// Ping returns when the agent has answered.
func (a *Agent) Ping(ctx context.Context) error {
	return a.do(ctx, protocol.Request{Request: protocol.RequestPing}, nil)
}

// Inventory gives the host and all its virtual machines.
func (a *Agent) Inventory(ctx context.Context) (protocol.InventoryResult, error) {
	var result protocol.InventoryResult
	err := a.do(ctx, protocol.Request{Request: protocol.RequestInventory, Settings: &a.opts.Settings}, &result)
	return result, err
}

// Check runs a submission dry on the host; its job's id and its secrets do not count. The definition may lack fields that are in
// unknown.
func (a *Agent) Check(ctx context.Context, sub Submission, unknown []string) ([]job.Finding, error) {
	raw, err := sub.Definition.Encode()
	if err != nil {
		return nil, err
	}
	var result protocol.CheckResult
	err = a.do(ctx, protocol.Request{
		Request: protocol.RequestCheck, Definition: raw, Unknown: unknown, VMID: sub.VMID, Changed: sub.Changed,
		AllowPowerCycle: sub.AllowPowerCycle, Settings: &a.opts.Settings,
	}, &result)
	return result.Findings, err
}

// Jobs gives the jobs that the host knows, the oldest first: those of every session, and for some days those that have ended.
func (a *Agent) Jobs(ctx context.Context) ([]protocol.JobInfo, error) {
	var result protocol.JobsResult
	err := a.do(ctx, protocol.Request{Request: protocol.RequestJobs}, &result)
	return result.Jobs, err
}

// Cancel asks the agent to stop a job and to undo what it made. The job ends with a result of its own. A job that the
// agent does not know is no error.
func (a *Agent) Cancel(ctx context.Context, jobID string) error {
	return a.do(ctx, protocol.Request{Request: protocol.RequestCancel, Job: jobID}, nil)
}

// Close ends the session and its process, and waits for what belongs to it. Jobs that still run go on, and can be attached
// to from another session: cancel them first if they are to stop. ctx limits the time for the host's part.
func (a *Agent) Close(ctx context.Context) error {
	a.mu.Lock()
	a.closed = true
	s := a.current
	a.current = nil
	a.mu.Unlock()
	if s != nil {
		s.end(ErrClosed)
	}
	done := make(chan struct{})
	go func() { a.ended.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// do sends a request, waits for its answer, and reads its result into result.
func (a *Agent) do(ctx context.Context, req protocol.Request, result any) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, end := a.begin(ctx, req.Request)
	defer func() { end(err) }()
	s, err := a.session()
	if err != nil {
		return err
	}
	raw, err := s.request(ctx, req)
	if err != nil {
		return err
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(raw, result); err != nil {
		return fmt.Errorf("answer to %s: %w", req.Request, err)
	}
	return nil
}

// session gives the session that stands, or starts one.
func (a *Agent) session() (*session, error) { return a.open(false) }

// open gives the session that stands, or starts one, which is for a job or only for questions.
func (a *Agent) open(forJob bool) (*session, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed:
		return nil, ErrClosed
	case a.current != nil:
		return a.current, nil
	case a.failed != nil && (isAuth(a.failed) || time.Since(a.failedAt) < a.opts.RetryAfter):
		return nil, a.failed
	}
	s, err := newSession(a, forJob)
	if err != nil {
		return nil, err
	}
	a.current = s
	a.stats.sessions.Add(1)
	a.state.set(a.opts.OnState, StateChecking, nil)
	return s, nil
}

// forget is called by a session that ends, with why; started says whether its process
// may have answered.
func (a *Agent) forget(s *session, err error, started bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == s {
		a.current = nil
	}
	switch {
	case errors.Is(err, ErrClosed):
		a.failed = nil
		a.state.set(a.opts.OnState, StateUnknown, nil)
	case started:
		a.failed = nil
		a.state.set(a.opts.OnState, StateUnknown, err)
	default:
		a.failed, a.failedAt = err, time.Now()
		a.state.set(a.opts.OnState, StateFailed, err)
	}
}

func (a *Agent) newID() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.nextID++
	return a.nextID
}
