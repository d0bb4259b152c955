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
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// states keeps what an agent tells of its state.
type states struct {
	mu   sync.Mutex
	told []string
}

func (s *states) tell(now hostagent.State, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(now)
	if cause != nil {
		text += ": " + cause.Error()
	}
	s.told = append(s.told, text)
}

func (s *states) expect(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.EqualFunc(s.told, want, strings.HasPrefix) {
		t.Errorf("told %q, want %q", s.told, want)
	}
}

// installer answers install, the first time as one that was needed, and counts how often it is asked.
type installer struct {
	mu    sync.Mutex
	asked int
	fail  int // so many times it cannot be done
}

func (i *installer) handle(p *fakeProcess, req protocol.Request) {
	if req.Request != protocol.RequestInstall {
		p.answer(req, struct{}{})
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	if i.asked <= i.fail {
		p.frame(protocol.Message{
			Type: protocol.TypeAnswer, ID: req.ID, Error: &job.Failure{Code: job.CodeHostNotReady, Message: "the disk is full"},
		})
		return
	}
	p.answer(req, protocol.InstallResult{Version: "1-abc", Was: i.asked > 1+i.fail})
}

func TestAHostIsMadeReadyOnceHoweverManyWaitForIt(t *testing.T) {
	t.Parallel()
	var told states
	in := &installer{}
	a := newAgent(t, &fakeHost{handle: in.handle}, func(o *hostagent.Options) { o.OnState = told.tell })
	if now, err := a.State(); now != hostagent.StateUnknown || err != nil {
		t.Errorf("at first it is %s, %v", now, err)
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
	if in.asked != 1 {
		t.Errorf("it was asked for %d times", in.asked)
	}
	told.expect(t, "checking", "ready", "updating", "ready")
	if now, err := a.State(); now != hostagent.StateReady || err != nil {
		t.Errorf("in the end it is %s, %v", now, err)
	}
}

func TestAHostThatWasReadIsUpdatedForAJob(t *testing.T) {
	t.Parallel()
	var told states
	a := newAgent(t, &fakeHost{handle: (&installer{}).handle}, func(o *hostagent.Options) { o.OnState = told.tell })
	if err := a.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	told.expect(t, "checking", "ready")
	if err := a.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	told.expect(t, "checking", "ready", "updating", "ready")
}

func TestAHostThatCannotBeMadeReadyIsTriedAgain(t *testing.T) {
	t.Parallel()
	var told states
	a := newAgent(t, &fakeHost{handle: (&installer{fail: 1}).handle}, func(o *hostagent.Options) { o.OnState = told.tell })
	var refused *hostagent.AgentError
	if err := a.Ready(t.Context()); !errors.As(err, &refused) || refused.Message != "the disk is full" {
		t.Errorf("got %v", err)
	}
	if now, err := a.State(); now != hostagent.StateFailed || err == nil {
		t.Errorf("it is %s, %v", now, err)
	}
	if err := a.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	told.expect(t, "checking", "ready", "updating", "failed: the disk is full", "updating", "ready")
}

func TestAHostThatIsGoneSaysWhy(t *testing.T) {
	t.Parallel()
	var told states
	host := &fakeHost{
		handle: (&installer{}).handle, refuse: []error{fmt.Errorf("%w: %w", transport.ErrUnreachable, transport.ErrConnectionLost)},
	}
	a := newAgent(t, host, func(o *hostagent.Options) { o.OnState, o.RetryAfter = told.tell, time.Nanosecond })
	if err := a.Ready(t.Context()); !errors.Is(err, transport.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	told.expect(t, "checking", "failed: ")
	if err := a.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	_, processes := host.counts()
	processes[0].out <- result{err: transport.ErrProcessLost}
	for a.Ping(t.Context()) != nil { // the first may still travel in the session that ends
	}
	told.expect(t, "checking", "failed: ", "checking", "ready", "updating", "ready", "unknown: ", "checking", "ready")
}
