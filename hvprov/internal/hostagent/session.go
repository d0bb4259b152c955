// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

const (
	// closeTimeout limits the work on the host that ends a session after its callers have left.
	closeTimeout = 10 * time.Second
	// openAttempts is the number of attempts to start a session when the connection is lost meanwhile.
	openAttempts = 3
	// helloID is the id of a session's first request.
	helloID = "hello"
)

// session is one process of the agent. Two goroutines serve it: send starts the process and sends requests, receive reads the
// output. Receive polls only while an answer or an event is pending, so that an idle session has no open request on the host.
type session struct {
	agent  *Agent
	token  string
	ctx    context.Context // lifetime of the session, not of a caller
	cancel context.CancelFunc
	start  func() // starts the process with the first request, so that both travel together

	wakeSend    chan struct{}
	wakeReceive chan struct{}
	running     sync.WaitGroup
	hello       chan answer

	mu      sync.Mutex
	process transport.Process
	queue   []line // to be sent
	pending map[string]*pending
	streams map[*JobStream]struct{}
	greeted bool  // hello was answered
	texted  bool  // the agent's text is queued or was sent
	err     error // cause of the end

	interruption error // of the connection, while it is retried
	output       output
	probe        probe

	installation *installation // nil before the first request to install
}

// line is an encoded request to be sent.
type line struct {
	id   string
	text []byte
}

// pending is a request without an answer.
type pending struct {
	text    []byte
	then    func(answer)
	mutates bool      // it changes something on the host
	asked   time.Time // when it was queued, last
	repeats int       // since its answer was lost
	probe   bool      // it asks what the agent works on
}

type answer struct {
	result json.RawMessage
	err    error
}

func newSession(a *Agent) (*session, error) {
	s := &session{
		agent:       a,
		token:       rand.Text(),
		wakeSend:    make(chan struct{}, 1),
		wakeReceive: make(chan struct{}, 1),
		hello:       make(chan answer, 1),
		pending:     map[string]*pending{},
		streams:     map[*JobStream]struct{}{},
	}
	s.output = newOutput(s.token, s.frame, s.unframed, a.opts.Clean)
	script, err := protocol.Bootstrap(protocol.BootstrapInfo{Token: s.token, SHA256: a.bundle.sha256})
	if err != nil {
		return nil, err
	}
	hello, err := protocol.Encode(protocol.Request{ID: helloID, Request: protocol.RequestHello, Client: a.opts.Client})
	if err != nil {
		return nil, err
	}
	s.pending[helloID] = &pending{text: hello, then: s.onHello, asked: time.Now()}
	s.queue = []line{{id: helloID, text: hello}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.start = sync.OnceFunc(func() { a.runSession(func() { s.run(protocol.CommandLine(script)) }) })
	return s, nil
}

// run serves the session until it ends, and closes its process.
func (s *session) run(commandLine string) {
	s.running.Go(func() { s.send(commandLine) })
	s.running.Wait()
	s.cancel()
	s.mu.Lock()
	process := s.process
	s.mu.Unlock()
	if process != nil {
		s.closeProcess(process)
	}
}

// closeProcess ends a process on the host.
func (s *session) closeProcess(process transport.Process) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout) // s.ctx has ended
	defer cancel()
	if err := process.Close(ctx); err != nil {
		s.agent.opts.Logger.Warn("cannot close the shell of the session; it ends at its idle limit", "error", err)
	}
}

// onHello handles the answer to the first request.
func (s *session) onHello(got answer) {
	state := StateReady
	if got.err != nil {
		state = StateFailed
	}
	s.agent.setSessionState(s, state, got.err)
	s.hello <- got
}

// handshake starts the session if needed and returns the agent's answer to hello.
func (s *session) handshake(ctx context.Context) (protocol.HelloResult, error) {
	s.start()
	var result protocol.HelloResult
	select {
	case <-ctx.Done():
		return result, s.gaveUp(ctx, protocol.RequestHello)
	case got := <-s.hello:
		s.hello <- got // for the next caller
		if got.err != nil {
			return result, got.err
		}
		if err := json.Unmarshal(got.result, &result); err != nil {
			return result, fmt.Errorf("answer to hello: %w", err)
		}
		s.agent.opts.cleanFindings(result.Lacks)
		return result, nil
	}
}

// request sends req under a new id and waits for the answer.
func (s *session) request(ctx context.Context, req protocol.Request) (json.RawMessage, error) {
	ch := make(chan answer, 1)
	id, err := s.post(req, func(got answer) { ch <- got })
	if err != nil {
		return nil, err
	}
	select {
	case got := <-ch:
		return got.result, got.err
	case <-ctx.Done():
		s.withdraw(id)
		return nil, s.gaveUp(ctx, req.Request)
	}
}

// gaveUp returns the error of a request whose context ended. It names the error of a connection that is being retried.
func (s *session) gaveUp(ctx context.Context, request string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.interruption != nil {
		return fmt.Errorf("%s: %w; the connection is interrupted: %w", request, context.Cause(ctx), s.interruption)
	}
	return fmt.Errorf("%s: %w", request, context.Cause(ctx))
}

func (s *session) setInterruption(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interruption = err
}

// post queues req under a new id. It calls then exactly once, with the answer or the error of the session, unless the request is
// withdrawn. The function must not block.
func (s *session) post(req protocol.Request, then func(answer)) (id string, err error) {
	return s.enqueue(req, &pending{then: then, mutates: req.Request == protocol.RequestSubmit})
}

func (s *session) enqueue(req protocol.Request, p *pending) (id string, err error) {
	id = strconv.FormatInt(s.agent.nextID.Add(1), 10)
	req.ID = id
	text, err := protocol.Encode(req)
	if err != nil {
		return "", fmt.Errorf("request %s: %w", req.Request, err)
	}
	s.mu.Lock()
	if s.err != nil {
		defer s.mu.Unlock()
		return "", s.err
	}
	p.text, p.asked = text, time.Now()
	s.pending[id] = p
	s.queue = append(s.queue, line{id, text})
	s.mu.Unlock()
	s.start()
	wake(s.wakeSend)
	wake(s.wakeReceive)
	return id, nil
}

// withdraw removes a request. It reports whether the request was not sent yet.
func (s *session) withdraw(id string) (unsent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, id)
	before := len(s.queue)
	s.queue = slices.DeleteFunc(s.queue, func(l line) bool { return l.id == id })
	return len(s.queue) < before
}

// hasPending reports whether an answer or an event is due.
func (s *session) hasPending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) > 0 || len(s.streams) > 0
}

// mutates reports whether a pending request changes something on the host.
func (s *session) mutates() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pending {
		if p.mutates {
			return true
		}
	}
	return false
}

// end ends the session and fails everything that is pending. Only the first call has an effect.
func (s *session) end(err error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	// An agent whose process ended before its first answer never started. After a lost connection that is not known.
	lost := errors.Is(err, ErrSessionLost)
	started := lost || s.greeted || s.process != nil && !errors.Is(err, ErrProcessEnded)
	if started && !lost && !errors.Is(err, ErrClosed) {
		err = lostError{err}
	}
	s.err = err
	unanswered, streams := s.pending, s.streams
	s.pending, s.streams = nil, nil
	s.mu.Unlock()
	s.agent.sessionEnded(s, err, started)
	for _, p := range unanswered {
		p.then(answer{err: err})
	}
	for stream := range streams {
		stream.fail(err)
	}
	s.cancel()
}

func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
