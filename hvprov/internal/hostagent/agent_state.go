// SPDX-License-Identifier: MPL-2.0

package hostagent

import "sync"

// State is the state of the agent on a host, as far as the client knows.
type State string

// The states of an agent.
const (
	StateUnknown  State = "unknown"  // no request was made yet, or the session was lost or closed
	StateChecking State = "checking" // a session is being started
	StateReady    State = "ready"    // the agent answers
	StateUpdating State = "updating" // the agent answers and is being installed for jobs
	StateFailed   State = "failed"   // no session could be started, or the agent could not be installed
)

// agentState holds the state of an agent and the changes that OnState has not received yet. Changes are recorded under the
// locks of their callers and delivered without any lock.
type agentState struct {
	mu         sync.Mutex
	now        stateChange
	queue      []stateChange
	delivering bool
}

type stateChange struct {
	state State
	cause error
}

// set records a state. The caller calls deliver once it holds no lock.
func (s *agentState) set(state State, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.state == state && s.now.cause == nil && cause == nil {
		return
	}
	s.now = stateChange{state, cause}
	s.queue = append(s.queue, s.now)
}

// deliver passes recorded changes to onState, in order. One goroutine delivers at a time; the others return at once.
func (s *agentState) deliver(onState func(State, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.delivering {
		return
	}
	s.delivering = true
	for len(s.queue) > 0 {
		change := s.queue[0]
		s.queue = s.queue[1:]
		s.mu.Unlock()
		onState(change.state, change.cause)
		s.mu.Lock()
	}
	s.delivering = false
}

// State returns the state of the agent and the cause of a failure, without a request to the host.
func (a *Agent) State() (State, error) {
	a.state.mu.Lock()
	defer a.state.mu.Unlock()
	if a.state.now.state == "" {
		return StateUnknown, nil
	}
	return a.state.now.state, a.state.now.cause
}

// setSessionState records a state that a session found, if the session is still current.
func (a *Agent) setSessionState(s *session, state State, cause error) {
	a.mu.Lock()
	if a.current == s {
		a.state.set(state, cause)
	}
	a.mu.Unlock()
	a.state.deliver(a.opts.OnState)
}
