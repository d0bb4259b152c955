// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// bundle is the agent's text in these tests.
var bundle = []byte("function Start-AgentSession {}")

// fakeHost starts processes that answer requests with handle.
type fakeHost struct {
	t      *testing.T
	handle func(p *fakeProcess, req protocol.Request)

	mu        sync.Mutex
	refuse    []error // errors of the next connects
	failFirst int     // number of processes whose first Send does not arrive
	lacksText bool    // the host lacks the agent's text
	connects  int
	processes []*fakeProcess
}

func (h *fakeHost) connect(ctx context.Context, commandLine string, lost func()) (transport.Process, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.connects++
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(h.refuse) > 0 {
		err := h.refuse[0]
		h.refuse = h.refuse[1:]
		return nil, err
	}
	script, ok := protocol.DecodeCommand(commandLine)
	if !ok {
		h.t.Errorf("no script in %q", commandLine)
	}
	info, ok := protocol.ParseBootstrap(script)
	if !ok {
		h.t.Error("the script is not a bootstrap")
	}
	p := &fakeProcess{host: h, lost: lost, token: info.Token, lacksText: h.lacksText, out: make(chan result, 10_000), closed: make(chan struct{})}
	if h.failFirst > 0 {
		h.failFirst--
		p.dropsInput = true
	}
	h.processes = append(h.processes, p)
	return p, nil
}

func (h *fakeHost) counts() (connects int, processes []*fakeProcess) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.connects, append([]*fakeProcess(nil), h.processes...)
}

type result struct {
	out  transport.Output
	err  error
	lost bool // an answer was lost before
}

type fakeProcess struct {
	host  *fakeHost
	token string
	out   chan result
	lost  func()

	mu         sync.Mutex
	dropsInput bool
	sends      int
	failSend   []error // errors of the next sends, after they have arrived; with ErrProcessLost nothing arrives
	partial    []byte
	lacksText  bool // the host lacks the agent's text
	texts      int  // texts that it did not need
	jobs       map[string]bool
	close      sync.Once
	closed     chan struct{}
}

func (p *fakeProcess) Send(ctx context.Context, data []byte, _ bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.dropsInput {
		return transport.ErrConnectionLost
	}
	p.mu.Lock()
	p.sends++
	p.partial = append(p.partial, data...)
	var lines [][]byte
	for {
		line, rest, ok := bytes.Cut(p.partial, []byte("\n"))
		if !ok {
			break
		}
		lines, p.partial = append(lines, line), rest
	}
	var err error
	if len(p.failSend) > 0 {
		err, p.failSend = p.failSend[0], p.failSend[1:]
	}
	p.mu.Unlock()
	if errors.Is(err, transport.ErrProcessLost) {
		return err
	}
	for _, line := range lines {
		p.line(line)
	}
	return err
}

func (p *fakeProcess) line(line []byte) {
	text, isText, err := protocol.DecodeText(line)
	if p.lacksText {
		// As the bootstrap script: it ignores all lines before the text.
		switch {
		case isText && err == nil && bytes.Equal(text, bundle):
			p.lacksText = false
		case isText:
			p.host.t.Errorf("the agent's text is damaged: %v", err)
		case len(line) > 0:
			p.frame(protocol.NeedText{Type: protocol.TypeNeedText})
		}
		return
	}
	if isText {
		p.texts++
		return
	}
	if len(line) == 0 {
		return
	}
	texts, err := protocol.DecodeBatch(line)
	if err != nil {
		p.host.t.Errorf("line %q: %v", line, err)
	}
	for _, text := range texts {
		var req protocol.Request
		if err := json.Unmarshal(text, &req); err != nil {
			p.host.t.Errorf("line %q: %v", line, err)
			return
		}
		p.request(req)
	}
}

func (p *fakeProcess) request(req protocol.Request) {
	if req.Request == protocol.RequestHello {
		p.answer(req, protocol.HelloResult{Agent: "1", Host: "HV01"})
		return
	}
	p.host.mu.Lock()
	handle := p.host.handle
	p.host.mu.Unlock()
	handle(p, req)
}

func (p *fakeProcess) Receive(ctx context.Context) (transport.Output, error) {
	select {
	case r := <-p.out:
		if r.lost {
			p.lost()
			return p.Receive(ctx)
		}
		return r.out, r.err
	case <-ctx.Done():
		return transport.Output{}, ctx.Err()
	}
}

func (p *fakeProcess) Close(context.Context) error {
	p.close.Do(func() { close(p.closed) })
	return nil
}

// seen reports whether an id was passed to it before.
func (p *fakeProcess) seen(jobID string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.jobs[jobID]
	if p.jobs == nil {
		p.jobs = map[string]bool{}
	}
	p.jobs[jobID] = true
	return was
}

// write writes text to standard output.
func (p *fakeProcess) write(text string) {
	p.out <- result{out: transport.Output{Stdout: []byte(text)}}
}

func (p *fakeProcess) frame(v any) {
	payload, err := protocol.Encode(v)
	if err != nil {
		p.host.t.Error(err)
	}
	p.write(p.token + " " + string(payload) + "\n")
}

func (p *fakeProcess) answer(req protocol.Request, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		p.host.t.Error(err)
	}
	p.frame(protocol.Message{Type: protocol.TypeAnswer, ID: req.ID, OK: true, Result: raw})
}

func (p *fakeProcess) event(jobID string, seq int64) {
	e := job.Event{Job: jobID, Seq: seq, Time: time.Unix(seq, 0).UTC(), Kind: job.KindLog, Message: strings.Repeat("x", int(seq))}
	if seq == 5 {
		e.Kind, e.Result = job.KindResult, &job.Result{Outcome: job.Succeeded}
	}
	p.frame(protocol.EventMessage{Type: protocol.TypeEvent, Event: e})
}

// newAgent returns an agent on the host. Cleanup closes it and checks that all processes are closed.
func newAgent(t *testing.T, h *fakeHost, change func(*hostagent.Options)) *hostagent.Agent {
	t.Helper()
	h.t = t
	if h.handle == nil {
		h.handle = func(p *fakeProcess, req protocol.Request) { p.answer(req, struct{}{}) }
	}
	opts := hostagent.Options{Connect: h.connect, Bundle: bundle}
	if change != nil {
		change(&opts)
	}
	a := hostagent.New(opts)
	t.Cleanup(func() {
		if err := a.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
		_, processes := h.counts()
		for _, p := range processes {
			select {
			case <-p.closed:
			default:
				t.Error("a process was not closed")
			}
		}
	})
	return a
}
