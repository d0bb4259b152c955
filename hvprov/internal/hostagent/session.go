// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

// closeTimeout limits what is done on the host to end a session, once nobody waits for it any more.
const closeTimeout = 10 * time.Second

// openAttempts is how often the start of a session is tried when the connection is lost in its midst.
const openAttempts = 3

// session is one process of the agent. Two goroutines serve it: send starts the process and carries the lines of
// requests, receive carries the output. Receive polls only while something is awaited, so that an idle session leaves
// no request open on the host.
type session struct {
	agent  *Agent
	token  string
	ctx    context.Context // the session's own life, not a caller's
	cancel context.CancelFunc
	start  func() // by the first who asks for something, so that it travels with the agent

	wakeSend    chan struct{}
	wakeReceive chan struct{}
	running     sync.WaitGroup
	hello       chan answer

	mu      sync.Mutex
	process transport.Process
	queue   []line // to be sent
	pending map[string]pending
	runs    map[string]*Run
	greeted bool
	err     error // why it ended
	output  output

	installation *installation // nil: nobody has asked for it
}

// line is one request on its way.
type line struct {
	id   string
	text []byte
}

// pending is a request that was not answered yet.
type pending struct {
	text []byte
	then func(answer)
	acts bool // it changes something on the host
}

type answer struct {
	result json.RawMessage
	err    error
}

func newSession(a *Agent, forJob bool) (*session, error) {
	s := &session{
		agent:       a,
		token:       rand.Text(),
		wakeSend:    make(chan struct{}, 1),
		wakeReceive: make(chan struct{}, 1),
		pending:     map[string]pending{},
		runs:        map[string]*Run{},
	}
	s.output = newOutput(s.token, s.frame, s.stray)
	script, err := protocol.Bootstrap(protocol.BootstrapInfo{Token: s.token, SHA256: a.bundle.sha256})
	if err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.hello = make(chan answer, 1)
	greeting, err := protocol.Encode(protocol.Request{ID: "hello", Request: protocol.RequestHello, Client: a.opts.Client, Install: forJob})
	if err != nil {
		return nil, err
	}
	s.pending["hello"] = pending{text: greeting, then: s.greet}
	s.queue = []line{{text: a.bundle.line}, {id: "hello", text: greeting}}

	s.start = sync.OnceFunc(func() { a.ended.Go(func() { s.run(protocol.CommandLine(script)) }) })
	return s, nil
}

// run is the session's life.
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

// closeProcess ends a process on the host, whatever has become of the session.
func (s *session) closeProcess(process transport.Process) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := process.Close(ctx); err != nil {
		s.agent.opts.Logger.Warn("the session's shell could not be closed and ends by itself", "error", err)
	}
}

// greeting waits for the agent's answer to the session's own hello.
func (s *session) greeting(ctx context.Context) (protocol.HelloResult, error) {
	s.start()
	var result protocol.HelloResult
	select {
	case <-ctx.Done():
		return result, ctx.Err()
	case got := <-s.hello:
		s.hello <- got // for the next who asks
		if got.err != nil {
			return result, got.err
		}
		if err := json.Unmarshal(got.result, &result); err != nil {
			return result, fmt.Errorf("answer to hello: %w", err)
		}
		return result, nil
	}
}

// request sends req under an id of its own and waits for the answer.
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
		return nil, fmt.Errorf("%s: %w", req.Request, context.Cause(ctx))
	}
}

// post queues req under an id of its own. then is told the answer, or why there is none, exactly once unless the
// request is withdrawn; it must not block.
func (s *session) post(req protocol.Request, then func(answer)) (id string, err error) {
	id = strconv.FormatInt(s.agent.newID(), 10)
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
	s.pending[id] = pending{text: text, then: then, acts: req.Request == protocol.RequestSubmit}
	s.queue = append(s.queue, line{id, text})
	s.mu.Unlock()
	s.start()
	wake(s.wakeSend)
	wake(s.wakeReceive)
	return id, nil
}

// withdraw gives a request up. It reports whether the request had not left for the host.
func (s *session) withdraw(id string) (unsent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, id)
	before := len(s.queue)
	s.queue = slices.DeleteFunc(s.queue, func(l line) bool { return l.id == id })
	return len(s.queue) < before
}

// send starts the process, then sends what is queued, all that has piled up in one go.
func (s *session) send(commandLine string) {
	process, err := s.open(commandLine)
	if err != nil {
		s.end(err)
		return
	}
	// Not before: nothing could come, and one connection serves both in turn.
	s.running.Go(func() { s.receive(process) })
	for {
		if batch := s.takeQueue(); len(batch) > 0 {
			if err := s.sendBatch(process, batch); err != nil {
				s.end(err)
				return
			}
			continue
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.wakeSend:
			gather()
		}
	}
}

// gather lets those who ask for something at the same moment do so before the first of it leaves: one round trip then
// serves them all.
func gather() {
	for range 8 {
		runtime.Gosched()
	}
}

func (s *session) takeQueue() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	texts := make([][]byte, len(s.queue))
	for i, l := range s.queue {
		texts[i] = l.text
	}
	s.queue = nil
	return protocol.EncodeBatch(texts)
}

// open starts the process and gives it the agent's text with the first requests. What a lost connection leaves in doubt
// here is done over with another process, since the agent's text has to be the first line: unless one of the requests is a
// job, which may have begun. Whoever submitted it is told that the session was lost.
func (s *session) open(commandLine string) (transport.Process, error) {
	for attempt := 1; ; attempt++ {
		process, err := s.agent.opts.Connect(s.ctx, commandLine, s.recover)
		again := true
		if err == nil {
			if err = process.Send(s.ctx, s.takeQueue(), false); err == nil {
				s.mu.Lock()
				s.process = process
				s.mu.Unlock()
				return process, nil
			}
			again = !s.acts()
			switch {
			case !isTransient(err): // nobody else listens to the process yet
				err = s.lastWords(process, err)
			case !again:
				err = lostError{err}
			}
			s.closeProcess(process)
		}
		if attempt == openAttempts || !again || s.ctx.Err() != nil || !isTransient(err) || errors.Is(err, transport.ErrUnreachable) {
			return nil, err
		}
		s.agent.opts.Logger.Warn("the start of a session was interrupted; starting another", "error", err)
		s.startOver()
	}
}

// acts tells whether what is to be sent changes something on the host.
func (s *session) acts() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pending {
		if p.acts {
			return true
		}
	}
	return false
}

// startOver queues all that is to be sent to a new process.
func (s *session) startOver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = []line{{text: s.agent.bundle.line}}
	for _, id := range slices.SortedFunc(maps.Keys(s.pending), byAge) {
		s.queue = append(s.queue, line{id, s.pending[id].text})
	}
}

// byAge orders ids of requests as they were made; that of hello comes first.
func byAge(a, b string) int {
	return cmp.Or(cmp.Compare(number(a), number(b)), cmp.Compare(a, b))
}

func number(id string) int64 {
	n, _ := strconv.ParseInt(id, 10, 64)
	return n
}

// sendBatch sends whole lines. What a lost connection leaves in doubt is sent again behind a line end, which finishes a
// line that arrived in part: every request may arrive twice, since its answer is matched by id and a job by its own.
func (s *session) sendBatch(process transport.Process, batch []byte) error {
	err := process.Send(s.ctx, batch, false)
	if err == nil {
		return nil
	}
	again := append([]byte{'\n'}, batch...)
	return s.persist(err, func() error { return process.Send(s.ctx, again, false) })
}

// lastWords gives what a process that took no input said before it ended; err where it has not.
func (s *session) lastWords(process transport.Process, err error) error {
	ctx, cancel := context.WithTimeout(s.ctx, closeTimeout)
	defer cancel()
	for {
		out, failed := process.Receive(ctx)
		if failed != nil {
			return err
		}
		s.output.stdout(out.Stdout)
		s.output.stderr(out.Stderr)
		if out.Done {
			s.output.close()
			return s.output.exitError(out.ExitCode)
		}
	}
}

// receive reads the process's output for as long as somebody waits for some.
func (s *session) receive(process transport.Process) {
	silent := 0 // polls that brought nothing, one after the other
	for {
		if !s.awaited() {
			silent = 0
			select {
			case <-s.ctx.Done():
				return
			case <-s.wakeReceive:
			}
			continue
		}
		out, err := process.Receive(s.ctx)
		if err != nil {
			err = s.persist(err, func() (err error) {
				s.recover()
				out, err = process.Receive(s.ctx)
				return err
			})
		}
		if err != nil {
			s.end(err)
			return
		}
		s.output.stdout(out.Stdout)
		s.output.stderr(out.Stderr)
		if out.Done {
			s.output.close()
			s.end(s.output.exitError(out.ExitCode))
			return
		}
		if silent++; len(out.Stdout) > 0 {
			silent = 0
		}
		if !s.alive(silent) {
			return
		}
	}
}

// alive looks after an agent that has said nothing in a number of polls: it is sent a ping, which it answers whatever it
// does otherwise, and is given up when that brings nothing either. Polls are counted, since each lasts as long as the
// connection's operation timeout.
func (s *session) alive(silent int) bool {
	limit := s.agent.opts.SilentPolls
	switch silent {
	case limit:
		_, _ = s.post(protocol.Request{Request: protocol.RequestPing}, func(answer) {}) // what matters is that something comes
	case 2 * limit:
		s.end(fmt.Errorf("%w: it said nothing in %d polls, and did not answer a ping", ErrUnresponsive, silent))
		return false
	}
	return true
}

// recover asks once more for all that is awaited, since output was lost with an answer: every request bears being sent
// twice, and events are told apart by their numbers.
func (s *session) recover() {
	s.mu.Lock()
	for id, p := range s.pending {
		if !slices.ContainsFunc(s.queue, func(l line) bool { return l.id == id }) {
			s.queue = append(s.queue, line{id, p.text})
		}
	}
	runs := slices.Collect(maps.Values(s.runs))
	s.mu.Unlock()
	wake(s.wakeSend)
	for _, run := range runs {
		run.again()
	}
}

// persist repeats op while it fails for the connection's sake, up to the time set for reconnecting.
func (s *session) persist(err error, op func() error) error {
	deadline := time.Now().Add(s.agent.opts.Reconnect)
	for pause := 250 * time.Millisecond; err != nil && isTransient(err) && time.Now().Before(deadline); pause = min(2*pause, 10*time.Second) {
		s.agent.opts.Logger.Warn("the connection was lost; trying again", "error", err, "pause", pause)
		select {
		case <-s.ctx.Done():
			return err
		case <-time.After(pause):
		}
		if err = op(); err == nil {
			s.agent.stats.reconnects.Add(1)
		}
	}
	return err
}

// awaited reports whether an answer or an event is due.
func (s *session) awaited() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) > 0 || len(s.runs) > 0
}

// end gives the session up: whoever waits is told why. Only the first reason counts.
func (s *session) end(err error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	// An agent that ends without a word had never begun; of a connection that is lost, nobody knows.
	lost := errors.Is(err, ErrSessionLost)
	begun := lost || s.greeted || s.process != nil && !errors.Is(err, ErrProcessEnded)
	if begun && !lost && !errors.Is(err, ErrClosed) {
		err = lostError{err}
	}
	s.err = err
	unanswered, runs := s.pending, s.runs
	s.pending, s.runs = nil, nil
	s.mu.Unlock()
	s.agent.forget(s, err, begun)
	for _, p := range unanswered {
		p.then(answer{err: err})
	}
	for _, run := range runs {
		run.lose(err)
	}
	s.cancel()
}

// frame takes one frame of the agent's.
func (s *session) frame(payload []byte) {
	var head struct {
		Type string `json:"type"`
	}
	text, err := protocol.DecodePayload(payload)
	if err == nil {
		err = json.Unmarshal(text, &head)
	}
	if err != nil {
		s.agent.opts.Logger.Warn("the agent sent a frame that cannot be read", "error", err)
		return
	}
	switch head.Type {
	case protocol.TypeAnswer:
		err = s.answer(text)
	case protocol.TypeEvent:
		err = s.event(text)
	default:
		err = errors.New("unknown type " + strconv.Quote(head.Type))
	}
	if err != nil {
		s.agent.opts.Logger.Warn("the agent sent a frame that cannot be read", "error", err)
	}
}

func (s *session) answer(text []byte) error {
	var m protocol.Message
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	got := answer{result: m.Result}
	if !m.OK {
		got = answer{err: newAgentError(m.Error)}
	}
	s.mu.Lock()
	p, awaited := s.pending[m.ID]
	delete(s.pending, m.ID)
	if m.ID == "hello" {
		s.greeted = true
	}
	s.mu.Unlock()
	if awaited {
		p.then(got)
	}
	return nil
}

func (s *session) event(text []byte) error {
	var m protocol.EventMessage
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	s.mu.Lock()
	run := s.runs[m.Job]
	s.mu.Unlock()
	if run == nil {
		return nil // nobody of this session's asked for it
	}
	if ended := run.take(m.Event); ended {
		s.mu.Lock()
		delete(s.runs, m.Job)
		s.mu.Unlock()
	}
	return nil
}

// stray takes output that is no frame: text of a native tool, a warning, an error of PowerShell itself.
func (s *session) stray(stream, line string) {
	s.agent.opts.Logger.Debug("output of the agent's process", "stream", stream, "line", line)
}

func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
