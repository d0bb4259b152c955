// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// maxJSON is the longest JSON text of a request, in characters, that Windows PowerShell reads.
const maxJSON = 2 << 20

// session is one run of the agent.
type session struct {
	*view // its ctx is the process: what runs in it ends with it
	home  *Host
	token string
	work  sync.WaitGroup // all that runs beside the loop that reads

	followed map[*run]context.CancelFunc // of the loop that reads

	out    sync.Mutex
	stdout io.Writer
	hold   bool   // what is said waits for what is said next
	held   []byte // it
}

func newSession(ctx context.Context, home *Host, token string, stdout io.Writer) *session {
	return &session{
		view: &view{ctx: ctx, store: home.store}, home: home, token: token, stdout: stdout,
		followed: map[*run]context.CancelFunc{},
	}
}

// line serves the requests of one line. Those of several give what they can answer at once in one piece.
func (s *session) line(line string) {
	texts, err := readRequests(line)
	if err != nil {
		s.answer("", nil, err)
		return
	}
	if len(texts) > 1 {
		s.holdBack(true)
		defer s.holdBack(false)
	}
	for _, text := range texts {
		var req protocol.Request
		if err := json.Unmarshal(text, &req); err != nil {
			s.answer("", nil, fail(protocol.CodeBadRequest, "the text is not a JSON object", "", ""))
			continue
		}
		s.request(req)
	}
}

func (s *session) request(req protocol.Request) {
	switch req.Request {
	case protocol.RequestPing:
		s.answer(req.ID, struct{}{}, nil)
	case protocol.RequestHello:
		s.query(req, func() (any, error) {
			if req.Install {
				s.home.install()
			}
			return s.hello(s.home.isInstalled())
		})
		s.work.Go(s.home.sweep)
	case protocol.RequestInstall:
		s.query(req, func() (any, error) { return s.home.install(), nil })
	case protocol.RequestInventory:
		s.query(req, func() (any, error) { return s.inventory(req.Settings) })
	case protocol.RequestCheck:
		s.query(req, func() (any, error) { return s.check(req) })
	case protocol.RequestSubmit:
		s.submit(req)
	case protocol.RequestJobs:
		s.query(req, func() (any, error) { return s.home.list(), nil })
	case protocol.RequestAttach:
		s.attach(req)
	case protocol.RequestCancel:
		s.cancel(req)
	default:
		s.answer(req.ID, nil, fail(protocol.CodeUnknownRequest,
			fmt.Sprintf("'%s' is not a request that agent %s knows", req.Request, agent.Version), "", ""))
	}
}

func readRequests(line string) ([]json.RawMessage, error) {
	texts, err := protocol.DecodeBatch([]byte(line))
	switch {
	case err != nil && strings.HasPrefix(line, "["), err == nil && len(texts) == 0:
		return nil, fail(protocol.CodeBadRequest, "the text is not a JSON object", "", "")
	case err != nil:
		return nil, fail(protocol.CodeBadRequest, "the line is neither JSON nor base64 of gzip", "", "")
	case len(texts) == 1 && len([]rune(string(texts[0]))) > maxJSON:
		return nil, fail(protocol.CodeBadRequest, "the JSON text has more than 2,097,152 characters", "", "")
	}
	return texts, nil
}

// query answers a request beside the loop, so that ping and cancel do not wait for the host.
func (s *session) query(req protocol.Request, do func() (any, error)) {
	s.work.Go(func() {
		result, err := do()
		if !killed(s.ctx) {
			s.answer(req.ID, result, err)
		}
	})
}

func (s *session) answer(id string, result any, err error) {
	answer := struct {
		Type   string       `json:"type"`
		ID     string       `json:"id"`
		OK     bool         `json:"ok"`
		Result any          `json:"result,omitempty"`
		Error  *job.Failure `json:"error,omitempty"`
	}{Type: protocol.TypeAnswer, ID: id, OK: err == nil}
	if err != nil {
		answer.Error = describe(err, protocol.CodeInternal)
	} else {
		answer.Result = result
	}
	s.write(s.frame(answer))
}

func (s *session) frame(v any) []byte {
	payload, err := protocol.Encode(v)
	if err != nil {
		panic(fmt.Sprintf("simagent: %v", err)) // all that is sent can be encoded
	}
	return append([]byte(s.token+" "), append(payload, '\n')...)
}

// write sends a whole line. A client that has gone is no reason for a job to stop half-way.
func (s *session) write(line []byte) {
	s.out.Lock()
	defer s.out.Unlock()
	if s.hold {
		s.held = append(s.held, line...)
		return
	}
	_, _ = s.stdout.Write(line)
}

// holdBack begins, or ends, a time in which what is said is kept, to leave in one piece.
func (s *session) holdBack(hold bool) {
	s.out.Lock()
	defer s.out.Unlock()
	s.hold = hold
	if !hold && len(s.held) > 0 {
		_, _ = s.stdout.Write(s.held)
		s.held = nil
	}
}

// submit takes a job on, or follows one that is known: the same id never runs twice.
func (s *session) submit(req protocol.Request) {
	if guid(req.Job) == "" {
		s.answer(req.ID, nil, fail(protocol.CodeBadRequest, "job must be a GUID", "", ""))
		return
	}
	known := s.home.find(req.Job)
	if known == nil {
		r, err := s.home.newRun(req)
		if err != nil {
			s.answer(req.ID, nil, err)
			return
		}
		if known = s.home.add(r); known == nil {
			s.answer(req.ID, protocol.JobResult{Job: req.Job}, nil)
			s.follow(r, 0)
			return
		}
	}
	s.answer(req.ID, protocol.JobResult{Job: req.Job, Known: true}, nil)
	s.follow(known, req.After)
}

// attach sends what a job has said beyond a number, and all that it says from now on.
func (s *session) attach(req protocol.Request) {
	r := s.home.find(req.Job)
	if r == nil {
		s.answer(req.ID, nil, fail(job.CodeJobUnknown, fmt.Sprintf("job %s is not known here", req.Job), "", ""))
		return
	}
	s.answer(req.ID, protocol.JobResult{Job: req.Job, Known: true}, nil)
	s.follow(r, req.After)
}

// cancel tells a job to stop, which it sees at its next step.
func (s *session) cancel(req protocol.Request) {
	r := s.home.find(req.Job)
	if r != nil {
		r.cancelled.Store(true)
		r.ask()
	}
	s.answer(req.ID, protocol.JobResult{Job: req.Job, Known: r != nil}, nil)
}

// follow sends what a job says beyond a number, to its result. A job is followed once: the last request counts.
func (s *session) follow(r *run, after int64) {
	ctx, stop := context.WithCancel(s.ctx)
	if before := s.followed[r]; before != nil {
		before()
	}
	s.followed[r] = stop
	s.work.Go(func() {
		defer stop()
		gone := r.gone
		for next := max(after, 0); ; {
			events, over, changed := r.since(next)
			for _, e := range events {
				if killed(ctx) {
					return
				}
				s.write(s.frame(protocol.EventMessage{Type: protocol.TypeEvent, Event: e}))
			}
			if next += int64(len(events)); over {
				return
			}
			var again <-chan time.Time
			if gone == nil {
				again = time.After(time.Second) // a host that is not ready is asked again
			}
			select {
			case <-changed:
			case <-gone:
				gone = nil
				r.repair()
			case <-again:
				r.repair()
			case <-ctx.Done():
				return
			}
		}
	})
}

// utcNow is the host's clock with the precision of an event's time.
func utcNow() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
