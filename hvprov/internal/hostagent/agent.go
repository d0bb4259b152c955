// SPDX-License-Identifier: MPL-2.0

// Package hostagent is the client side of the session with the agent on a host: it starts the agent, sends it requests from any
// number of goroutines, and returns the events of jobs in order.
//
// A session is one PowerShell process. The first request starts it, all requests share it, and it ends with [Agent.Close] or when
// the process or its shell is lost; the next request then starts another. Each session has a separate shell with one command, so
// that any number of requests stays within the limits of the host: Windows counts commands until their shell is deleted.
package hostagent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// Options configure an [Agent]. Connect and Bundle are required.
type Options struct {
	Connect Connect // starts a process on the host
	Bundle  []byte  // the agent's PowerShell text, which is sent to the host and verified there by its SHA-256

	Client   string            // name and version of the client for the logs of the host, for example "hvprov 0.1.0"
	Settings protocol.Settings // settings of the host
	Logger   *slog.Logger      // nil disables logging
	// Clean returns text of the host without secrets and control characters. nil leaves text as it is.
	Clean func(string) string

	// Reconnect is the time for which a lost connection is retried before the session ends; 0 means 2 minutes.
	Reconnect time.Duration
	// RetryAfter is the time for which requests fail with the error of the last failed start instead of another attempt, so that
	// a hundred requests to a dead host do not wait one after the other; 0 means 15 seconds. Refused credentials are never tried
	// again, since that could lock the account.
	RetryAfter time.Duration
	// SilentPolls is the number of polls without output, each as long as the operation timeout of the connection, after which an
	// agent with pending requests is sent a ping. After as many more the session ends with [ErrUnresponsive]. A host that loads
	// the Hyper-V module for the first time may be silent for half a minute. 0 means 3: 2 minutes in all with an operation
	// timeout of 20 s.
	SilentPolls int
	// AnswerWithin is the time after which the agent is asked whether it still works on a request. One that it does not work on has
	// lost its answer, and is repeated. 0 means 30 seconds.
	AnswerWithin time.Duration
	// OnState is called with each change of [Agent.State], in order and without a lock held. It must not block for long, since a
	// request may wait for it. It may be nil.
	OnState func(State, error)
	// OnRequest is called with the name of each request. The function that it returns is called at the end of the request; submit
	// and attach end when the agent has accepted them. It may be nil.
	OnRequest func(ctx context.Context, request string) (context.Context, func(error))
}

// Agent is the agent on one host. Its methods may be called from many goroutines.
type Agent struct {
	opts   Options
	bundle bundle

	mu       sync.Mutex
	current  *session
	closed   bool
	failed   error // cause of the last failed start
	failedAt time.Time

	sessions sync.WaitGroup // running sessions
	nextID   atomic.Int64
	state    agentState
	stats    stats
}

// New returns an agent that connects with its first request.
func New(opts Options) *Agent {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Clean == nil {
		opts.Clean = func(s string) string { return s }
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
	if opts.AnswerWithin <= 0 {
		opts.AnswerWithin = 30 * time.Second
	}
	if opts.OnRequest == nil {
		opts.OnRequest = func(ctx context.Context, _ string) (context.Context, func(error)) { return ctx, func(error) {} }
	}
	if opts.OnState == nil {
		opts.OnState = func(State, error) {}
	}
	bundle := compressBundle(opts.Bundle)
	opts.Bundle = nil // not needed any more
	return &Agent{opts: opts, bundle: bundle}
}

// Hello returns what the agent reported about itself and its host when the session started.
func (a *Agent) Hello(ctx context.Context) (protocol.HelloResult, error) {
	var result protocol.HelloResult
	err := a.inSession(ctx, func(s *session) (err error) {
		result, err = s.handshake(ctx)
		return err
	})
	return result, err
}

// Ping returns when the agent answers.
func (a *Agent) Ping(ctx context.Context) error {
	return a.do(ctx, protocol.Request{Request: protocol.RequestPing}, nil)
}

// Inventory returns the host and its virtual machines: those with the given GUIDs, or all of them.
func (a *Agent) Inventory(ctx context.Context, vms ...string) (protocol.InventoryResult, error) {
	var result protocol.InventoryResult
	err := a.do(ctx, protocol.Request{Request: protocol.RequestInventory, VMs: vms, Settings: &a.opts.Settings}, &result)
	a.opts.cleanInventory(&result)
	return result, err
}

// Switches returns the virtual switches of the host.
func (a *Agent) Switches(ctx context.Context) ([]job.Switch, error) {
	var result protocol.SwitchesResult
	err := a.do(ctx, protocol.Request{Request: protocol.RequestInventory, Part: protocol.PartSwitches}, &result)
	for i, s := range result.Switches {
		s.ID, s.Name, s.Type, s.Notes = a.opts.Clean(s.ID), a.opts.Clean(s.Name), a.opts.Clean(s.Type), a.opts.Clean(s.Notes)
		s.MinimumBandwidthMode = a.opts.Clean(s.MinimumBandwidthMode)
		for n := range s.NetAdapterNames {
			s.NetAdapterNames[n] = a.opts.Clean(s.NetAdapterNames[n])
		}
		result.Switches[i] = s
	}
	return result.Switches, err
}

// Checkpoints returns the checkpoints of a virtual machine.
func (a *Agent) Checkpoints(ctx context.Context, vmID string) ([]job.Checkpoint, error) {
	var result protocol.CheckpointsResult
	err := a.do(ctx, protocol.Request{Request: protocol.RequestInventory, Part: protocol.PartCheckpoints, VMs: []string{vmID}}, &result)
	for i := range result.Checkpoints {
		c := &result.Checkpoints[i]
		c.ID, c.Name, c.ParentID = a.opts.Clean(c.ID), a.opts.Clean(c.Name), a.opts.Clean(c.ParentID)
		c.CreatedAt, c.PowerState = a.opts.Clean(c.CreatedAt), a.opts.Clean(c.PowerState)
	}
	return result.Checkpoints, err
}

// Disk returns a virtual hard disk, or nil if the host has none with the path.
func (a *Agent) Disk(ctx context.Context, path string) (*job.Disk, error) {
	var result protocol.DiskResult
	err := a.do(ctx, protocol.Request{Request: protocol.RequestInventory, Part: protocol.PartDisk, Path: path}, &result)
	if d := result.Disk; d != nil {
		d.Path, d.Type, d.ParentPath = a.opts.Clean(d.Path), a.opts.Clean(d.Type), a.opts.Clean(d.ParentPath)
	}
	return result.Disk, err
}

// Check validates a submission on the host without changing anything. The definition may lack fields whose ids are in unknown. Job
// and Secrets of the submission are not used.
func (a *Agent) Check(ctx context.Context, req JobRequest, unknown []string) ([]job.Finding, error) {
	raw, err := req.Definition.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var result protocol.CheckResult
	err = a.do(ctx, protocol.Request{
		Request: protocol.RequestCheck, Definition: raw, Unknown: unknown, VMID: req.VMID, Changed: req.Changed,
		AllowPowerCycle: req.AllowPowerCycle, Settings: &a.opts.Settings,
	}, &result)
	a.opts.cleanFindings(result.Findings)
	return result.Findings, err
}

// Jobs returns the jobs that the host knows, oldest first: those of every session, and for some days those that have ended.
func (a *Agent) Jobs(ctx context.Context) ([]protocol.JobInfo, error) {
	var result protocol.JobsResult
	err := a.do(ctx, protocol.Request{Request: protocol.RequestJobs}, &result)
	return result.Jobs, err
}

// Cancel asks the agent to stop a job and to roll it back. The job then ends with a result. A job that the agent does not know is
// not an error.
func (a *Agent) Cancel(ctx context.Context, jobID string) error {
	return a.do(ctx, protocol.Request{Request: protocol.RequestCancel, Job: jobID}, nil)
}

// Close ends the session and its process, and waits for its goroutines until ctx ends. Running jobs continue on the host, where
// another session can attach to them; cancel them before Close if they must stop.
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
	go func() { a.sessions.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// do sends a request, waits for its answer, and decodes its result into result, which may be nil.
func (a *Agent) do(ctx context.Context, req protocol.Request, result any) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, end := a.observe(ctx, req.Request)
	defer func() { end(err) }()
	var raw json.RawMessage
	err = a.inSession(ctx, func(s *session) (err error) {
		raw, err = s.request(ctx, req)
		return err
	})
	if err != nil {
		return err
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(raw, result); err != nil {
		if errors.Is(err, protocol.ErrLimit) {
			err = fmt.Errorf("%w: %w", ErrInvalidOutput, err)
		}
		return fmt.Errorf("answer to %s: %w", req.Request, err)
	}
	return nil
}

// inSession calls ask, which makes a request, with the current session. If the session is lost meanwhile, it calls it once more with
// another one: the shell of a session ends with a restart of the host, or at its idle limit. None of these requests changes more when
// it is repeated.
func (a *Agent) inSession(ctx context.Context, ask func(*session) error) error {
	for repeated := false; ; repeated = true {
		s, err := a.session()
		if err != nil {
			return err
		}
		err = ask(s)
		if repeated || !errors.Is(err, ErrSessionLost) || errors.Is(err, ErrUnresponsive) || errors.Is(err, ErrInvalidOutput) ||
			errors.Is(err, transport.ErrUntrusted) || ctx.Err() != nil {
			return err
		}
		a.opts.Logger.Warn("session with the host was lost; repeating the request in another", "error", err)
	}
}

// session returns the current session, or a new one.
func (a *Agent) session() (*session, error) {
	defer a.state.deliver(a.opts.OnState) // after the lock is released
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
	s, err := newSession(a)
	if err != nil {
		return nil, err
	}
	a.current = s
	a.stats.sessions.Add(1)
	a.state.set(StateChecking, nil)
	return s, nil
}

// runSession runs a session in a goroutine that Close waits for. After Close it does nothing: the session has ended already, and
// a WaitGroup must not grow while Close waits for it.
func (a *Agent) runSession(run func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.sessions.Go(run)
	}
}

// sessionEnded records the end of a session. started reports whether its agent may have started.
func (a *Agent) sessionEnded(s *session, err error, started bool) {
	defer a.state.deliver(a.opts.OnState) // after the lock is released
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == s {
		a.current = nil
	}
	switch {
	case errors.Is(err, ErrClosed):
		a.failed = nil
		a.state.set(StateUnknown, nil)
	case started:
		a.failed = nil
		a.state.set(StateUnknown, err)
	default:
		a.failed, a.failedAt = err, time.Now()
		a.state.set(StateFailed, err)
	}
}
