// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// silence makes the next polls return no output.
func (p *fakeProcess) silence(polls int) {
	for range polls {
		p.out <- result{}
	}
}

func TestASilentAgentIsPingedAndThenUnresponsive(t *testing.T) {
	t.Parallel()
	pings := make(chan struct{}, 10)
	host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
		switch req.Request {
		case protocol.RequestInventory:
			p.silence(3)
		case protocol.RequestPing:
			pings <- struct{}{}
			p.silence(3)
		}
	}}
	a := newAgent(t, host, func(o *hostagent.Options) { o.SilentPolls = 3 })
	if _, err := a.Inventory(t.Context()); !errors.Is(err, hostagent.ErrUnresponsive) {
		t.Fatalf("got %v, want ErrUnresponsive", err)
	}
	if n := len(pings); n != 1 {
		t.Errorf("%d pings", n)
	}
	host.mu.Lock()
	host.handle = func(p *fakeProcess, req protocol.Request) { p.answer(req, struct{}{}) }
	host.mu.Unlock()
	if err := a.Ping(t.Context()); err != nil {
		t.Errorf("another session: %v", err)
	}
}

func TestARequestThatTheAgentWorksOnIsNotRepeated(t *testing.T) {
	t.Parallel()
	var slow protocol.Request
	asked := 0
	host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
		switch req.Request {
		case protocol.RequestInventory:
			asked++
			slow = req
			p.silence(2)
		case protocol.RequestPing:
			p.answer(req, protocol.PingResult{Working: []string{slow.ID}})
			p.silence(1)
			p.answer(slow, struct{}{})
		}
	}}
	a := newAgent(t, host, func(o *hostagent.Options) { o.SilentPolls = 2 })
	if _, err := a.Inventory(t.Context()); err != nil || asked != 1 {
		t.Errorf("got %v, the inventory was requested %d times", err, asked)
	}
}

func TestEventsDroppedForASlowCallerAreRequestedAgain(t *testing.T) {
	t.Parallel()
	const events = 5000
	send := func(p *fakeProcess, after int64) {
		for seq := after + 1; seq <= events; seq++ {
			e := job.Event{Job: "1", Seq: seq, Kind: job.KindLog}
			if seq == events {
				e.Kind, e.Result = job.KindResult, &job.Result{Outcome: job.Succeeded}
			}
			p.frame(protocol.EventMessage{Type: protocol.TypeEvent, Event: e})
		}
	}
	host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
		if req.Request == protocol.RequestPing {
			p.answer(req, struct{}{})
			return
		}
		p.answer(req, protocol.JobResult{Job: req.Job})
		go send(p, req.After)
	}}
	a := newAgent(t, host, nil)
	stream, err := a.Submit(t.Context(), hostagent.JobRequest{Job: "1", Definition: matrixDefinition})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Ping(t.Context()); err != nil { // a caller that reads nothing does not block the session
		t.Fatal(err)
	}
	for want := int64(1); want <= events; want++ {
		e, err := stream.Next(t.Context())
		if err != nil || e.Seq != want {
			t.Fatalf("got event %d, %v, want %d", e.Seq, err, want)
		}
	}
	if _, err := stream.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("after the result: %v", err)
	}
}

func TestStartingASessionSurvivesALostConnection(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		refuse   []error
		failSend int // number of processes whose first Send fails
		connects int
		want     error
	}{
		{"the answer to Create is lost", []error{transport.ErrConnectionLost}, 0, 2, nil},
		{"the agent's text is lost twice", nil, 2, 3, nil},
		{"the answer to Create is lost every time", []error{transport.ErrConnectionLost, transport.ErrConnectionLost, transport.ErrConnectionLost}, 0, 3, transport.ErrConnectionLost},
		{"the host is unreachable", []error{fmt.Errorf("%w: %w", transport.ErrUnreachable, transport.ErrConnectionLost)}, 0, 1, transport.ErrUnreachable},
		{"the quota is exceeded", []error{transport.ErrQuota}, 0, 1, transport.ErrQuota},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			host := &fakeHost{refuse: tt.refuse, failFirst: tt.failSend}
			a := newAgent(t, host, nil)
			if err := a.Ping(t.Context()); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if connects, _ := host.counts(); connects != tt.connects {
				t.Errorf("%d processes were started, want %d", connects, tt.connects)
			}
		})
	}
}

func TestAJobThatMayHaveStartedIsNotSentToAnotherProcess(t *testing.T) {
	t.Parallel()
	host := &fakeHost{failFirst: 1}
	a := newAgent(t, host, nil)
	_, err := a.Submit(t.Context(), hostagent.JobRequest{Job: "1", Definition: matrixDefinition})
	if !errors.Is(err, transport.ErrConnectionLost) || !errors.Is(err, hostagent.ErrSessionLost) {
		t.Errorf("got %v", err)
	}
	if connects, _ := host.counts(); connects != 1 {
		t.Errorf("%d processes were started", connects)
	}
	if err := a.Ping(t.Context()); err != nil { // in another session
		t.Errorf("afterwards, got %v", err)
	}
}

func TestAttachStartsAfterAnyEvent(t *testing.T) {
	t.Parallel()
	host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
		if req.Request != protocol.RequestAttach || req.Job != "1" {
			p.frame(protocol.Message{Type: protocol.TypeAnswer, ID: req.ID, Error: &job.Failure{Code: job.CodeJobUnknown, Message: "no"}})
			return
		}
		p.answer(req, protocol.JobResult{Job: req.Job, Known: true})
		for seq := req.After + 1; seq <= 5; seq++ {
			p.event(req.Job, seq)
		}
	}}
	a := newAgent(t, host, nil)
	stream, err := a.Attach(t.Context(), "1", 3)
	if err != nil {
		t.Fatal(err)
	}
	for want := int64(4); want <= 5; want++ {
		if e, err := stream.Next(t.Context()); err != nil || e.Seq != want {
			t.Fatalf("got %d, %v", e.Seq, err)
		}
	}
	var refused *hostagent.AgentError
	if _, err := a.Attach(t.Context(), "2", 0); !errors.As(err, &refused) || refused.Code != job.CodeJobUnknown {
		t.Errorf("got %v, want job_unknown", err)
	}
}
