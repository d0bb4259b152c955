// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// states records the state changes of an agent.
type states struct {
	mu   sync.Mutex
	seen []string
}

func (s *states) record(now hostagent.State, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(now)
	if cause != nil {
		text += ": " + cause.Error()
	}
	s.seen = append(s.seen, text)
}

func (s *states) expect(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.EqualFunc(s.seen, want, strings.HasPrefix) {
		t.Errorf("states %q, want %q", s.seen, want)
	}
}

// installer answers install, the first time as an installation that was needed, and counts the requests.
type installer struct {
	mu       sync.Mutex
	requests int
	failures int // number of requests that fail first
}

func (i *installer) handle(p *fakeProcess, req protocol.Request) {
	if req.Request != protocol.RequestInstall {
		p.answer(req, struct{}{})
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.requests++
	if i.requests <= i.failures {
		p.frame(protocol.Message{
			Type: protocol.TypeAnswer, ID: req.ID, Error: &job.Failure{Code: job.CodeHostNotReady, Message: "the disk is full"},
		})
		return
	}
	p.answer(req, protocol.InstallResult{Version: "1-abc", Was: i.requests > 1+i.failures})
}

func TestConcurrentReadyCallsInstallTheAgentOnce(t *testing.T) {
	t.Parallel()
	var states states
	in := &installer{}
	a := newAgent(t, &fakeHost{handle: in.handle}, func(o *hostagent.Options) { o.OnState = states.record })
	if now, err := a.State(); now != hostagent.StateUnknown || err != nil {
		t.Errorf("initial state %s, %v", now, err)
	}
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if err := a.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if in.requests != 1 {
		t.Errorf("%d requests to install", in.requests)
	}
	states.expect(t, "checking", "ready", "updating", "ready")
	if now, err := a.State(); now != hostagent.StateReady || err != nil {
		t.Errorf("final state %s, %v", now, err)
	}
}

func TestReadyInstallsTheAgentInAnExistingSession(t *testing.T) {
	t.Parallel()
	var states states
	a := newAgent(t, &fakeHost{handle: (&installer{}).handle}, func(o *hostagent.Options) { o.OnState = states.record })
	if err := a.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	states.expect(t, "checking", "ready")
	if err := a.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	states.expect(t, "checking", "ready", "updating", "ready")
}

func TestAFailedInstallationIsRetriedByTheNextReady(t *testing.T) {
	t.Parallel()
	var states states
	a := newAgent(t, &fakeHost{handle: (&installer{failures: 1}).handle}, func(o *hostagent.Options) { o.OnState = states.record })
	var refused *hostagent.AgentError
	if err := a.Ready(t.Context()); !errors.As(err, &refused) || refused.Message != "the disk is full" {
		t.Errorf("got %v", err)
	}
	if now, err := a.State(); now != hostagent.StateFailed || err == nil {
		t.Errorf("state %s, %v", now, err)
	}
	if err := a.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	states.expect(t, "checking", "ready", "updating", "failed: the disk is full", "updating", "ready")
}

func TestStatesOfAnUnreachableHostHoldTheCause(t *testing.T) {
	t.Parallel()
	var states states
	host := &fakeHost{
		handle: (&installer{}).handle, refuse: []error{fmt.Errorf("%w: %w", transport.ErrUnreachable, transport.ErrConnectionLost)},
	}
	a := newAgent(t, host, func(o *hostagent.Options) { o.OnState, o.RetryAfter = states.record, time.Nanosecond })
	if err := a.Ready(t.Context()); !errors.Is(err, transport.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	states.expect(t, "checking", "failed: ")
	if err := a.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	_, processes := host.counts()
	processes[0].out <- result{err: transport.ErrProcessLost}
	for a.Ping(t.Context()) != nil { // the first requests may still use the session that ends
	}
	states.expect(t, "checking", "failed: ", "checking", "ready", "updating", "ready", "unknown: ", "checking", "ready")
}

func TestOnStateMayCallTheAgent(t *testing.T) {
	t.Parallel()
	var a *hostagent.Agent
	var closing sync.WaitGroup
	a = newAgent(t, &fakeHost{handle: (&installer{}).handle}, func(o *hostagent.Options) {
		o.OnState = func(hostagent.State, error) {
			_, _ = a.State()
			closing.Go(func() { _ = a.Ping(t.Context()) })
		}
	})
	if err := a.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	closing.Wait()
}
