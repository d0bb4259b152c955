// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
)

// State is what is known of the agent on a host.
type State string

// The states of an agent.
const (
	StateUnknown  State = "unknown"  // nobody has asked yet, or the session was lost or closed
	StateChecking State = "checking" // a session is being started
	StateReady    State = "ready"    // it answers
	StateUpdating State = "updating" // it answers, and what jobs run is being put on the host
	StateFailed   State = "failed"   // no session could be started, or the host could not take what jobs run
)

// state is the state of an agent, with its cause.
type state struct {
	mu    sync.Mutex
	now   State
	cause error
}

// set notes a state, and tells it where it is another one.
func (s *state) set(tell func(State, error), now State, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == now && s.cause == nil && cause == nil {
		return
	}
	s.now, s.cause = now, cause
	if tell != nil {
		tell(now, cause)
	}
}

// State gives what is known of the agent, without asking, and for a failed one why.
func (a *Agent) State() (State, error) {
	a.state.mu.Lock()
	defer a.state.mu.Unlock()
	if a.state.now == "" {
		return StateUnknown, nil
	}
	return a.state.now, a.state.cause
}

// Prepare says that a job is about to come, without waiting for anything: a session that is begun for it readies the host with its
// first answer, whatever is asked for first.
func (a *Agent) Prepare() { _, _ = a.open(true) } // why one cannot be begun, Ready tells

// Ready returns when the agent answers and what jobs run is on the host, which it puts there where it is missing: into a
// folder of its version, by one rename, checked by its SHA-256. A session that begins with it does so before its first
// answer, so that it takes no round trip. A job needs a host that is ready.
func (a *Agent) Ready(ctx context.Context) (err error) {
	ctx, end := a.begin(ctx, protocol.RequestInstall)
	defer func() { end(err) }()
	s, err := a.open(true)
	if err != nil {
		return err
	}
	hello, err := s.greeting(ctx)
	if err != nil || hello.Installed {
		return err
	}
	i := s.install()
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", protocol.RequestInstall, context.Cause(ctx))
	case <-i.done:
		return i.err
	}
}

// installation is a request to put on the host what jobs run.
type installation struct {
	done chan struct{}
	err  error
}

// install asks for it, once for all who wait, unless it failed before.
func (s *session) install() *installation {
	s.mu.Lock()
	i := s.installation
	if i != nil {
		s.mu.Unlock()
		return i
	}
	i = &installation{done: make(chan struct{})}
	s.installation = i
	s.mu.Unlock()
	s.agent.report(s, StateUpdating, nil)
	if _, err := s.post(protocol.Request{Request: protocol.RequestInstall}, func(got answer) { s.endInstall(i, got) }); err != nil {
		s.endInstall(i, answer{err: err})
	}
	return i
}

func (s *session) endInstall(i *installation, got answer) {
	var result protocol.InstallResult
	if got.err == nil {
		got.err = json.Unmarshal(got.result, &result)
	}
	if i.err = got.err; i.err != nil {
		s.mu.Lock()
		s.installation = nil // the next who needs it tries again
		s.mu.Unlock()
		s.agent.report(s, StateFailed, i.err)
	} else {
		s.agent.report(s, StateReady, nil)
		if !result.Was {
			s.agent.opts.Logger.Info("the agent was installed on the host", "version", result.Version)
		}
	}
	close(i.done)
}

// greet takes the agent's first answer.
func (s *session) greet(got answer) {
	now := StateReady
	if got.err != nil {
		now = StateFailed
	}
	s.agent.report(s, now, got.err)
	s.hello <- got
}

// report notes the state that a session found, while it is the one that stands.
func (a *Agent) report(s *session, now State, cause error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == s {
		a.state.set(a.opts.OnState, now, cause)
	}
}
