// SPDX-License-Identifier: MPL-2.0

package simagent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/hostagent/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// maxJobs is how many jobs run at once; more wait for a place.
const maxJobs = 4

// maxJSON is the longest JSON text of a request, in characters, that Windows PowerShell reads.
const maxJSON = 2 << 20

// session is one run of the agent.
type session struct {
	ctx   context.Context // the process: its end ends everything
	store *hyperv.Store
	token string
	work  sync.WaitGroup // all that runs beside the loop that reads

	places chan struct{} // one element for each job that runs

	out    sync.Mutex // held last: a job holds its own lock as well
	stdout io.Writer
	hold   bool   // what is said waits for what is said next
	held   []byte // it

	mu   sync.Mutex
	jobs map[string]*run // by their ids in lower case

	clusterOnce sync.Once
	cluster     string
}

func newSession(ctx context.Context, store *hyperv.Store, token string, stdout io.Writer) *session {
	return &session{
		ctx: ctx, store: store, token: token, stdout: stdout,
		places: make(chan struct{}, maxJobs), jobs: map[string]*run{},
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
			s.answer("", nil, fail(job.CodeBadRequest, "the text is not a JSON object", "", ""))
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
		s.query(req, func() (any, error) { return s.hello() })
	case protocol.RequestInventory:
		s.query(req, func() (any, error) { return s.inventory() })
	case protocol.RequestCheck:
		s.query(req, func() (any, error) { return s.check(req) })
	case protocol.RequestSubmit:
		s.submit(req)
	case protocol.RequestAttach:
		s.attach(req)
	case protocol.RequestCancel:
		s.cancel(req)
	default:
		s.answer(req.ID, nil, fail(job.CodeUnknownRequest,
			fmt.Sprintf("'%s' is not a request that agent %s knows", req.Request, agent.Version), "", ""))
	}
}

func readRequests(line string) ([]json.RawMessage, error) {
	texts, err := protocol.Requests([]byte(line))
	switch {
	case err != nil && strings.HasPrefix(line, "["), err == nil && len(texts) == 0:
		return nil, fail(job.CodeBadRequest, "the text is not a JSON object", "", "")
	case err != nil:
		return nil, fail(job.CodeBadRequest, "the line is neither JSON nor base64 of gzip", "", "")
	case len(texts) == 1 && len([]rune(string(texts[0]))) > maxJSON:
		return nil, fail(job.CodeBadRequest, "the JSON text has more than 2,097,152 characters", "", "")
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
		answer.Error = describe(err, job.CodeInternal)
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

// submit takes a job on, or sends once more what one that it knows has said.
func (s *session) submit(req protocol.Request) {
	key := guid(req.Job)
	if key == "" {
		s.answer(req.ID, nil, fail(job.CodeBadRequest, "job must be a GUID", "", ""))
		return
	}
	s.mu.Lock()
	known, jobs := s.jobs[key], slices.Collect(maps.Values(s.jobs))
	s.mu.Unlock()
	busy := 0
	for _, r := range jobs {
		if r.now() != ended {
			busy++
		}
	}
	if known != nil {
		s.answer(req.ID, protocol.JobResult{Job: req.Job, Known: true}, nil)
		known.replay(req.After)
		return
	}
	r, err := s.newRun(req)
	if err != nil {
		s.answer(req.ID, nil, err)
		return
	}
	s.mu.Lock()
	s.jobs[key] = r
	s.mu.Unlock()
	s.answer(req.ID, protocol.JobResult{Job: req.Job}, nil)
	if busy >= maxJobs {
		r.say(job.Event{Kind: job.KindLog, Message: "waiting for a free place"})
	}
	queued := make(chan struct{})
	s.work.Go(func() {
		close(queued)
		select {
		case s.places <- struct{}{}:
			defer func() { <-s.places }()
			r.do()
		case <-s.ctx.Done():
		}
	})
	<-queued
}

// attach sends what a job has said beyond a number, and all that it says from now on.
func (s *session) attach(req protocol.Request) {
	s.mu.Lock()
	r := s.jobs[guid(req.Job)]
	s.mu.Unlock()
	if r == nil {
		s.answer(req.ID, nil, fail(job.CodeJobUnknown, fmt.Sprintf("job %s is not known here", req.Job), "", ""))
		return
	}
	s.answer(req.ID, protocol.JobResult{Job: req.Job, Known: true}, nil)
	r.replay(req.After)
}

// cancel tells a job to stop. One that runs sees that at its next step; one that waits for a place ends here.
func (s *session) cancel(req protocol.Request) {
	s.mu.Lock()
	r := s.jobs[guid(req.Job)]
	s.mu.Unlock()
	if r != nil {
		r.cancelled.Store(true)
	}
	s.answer(req.ID, protocol.JobResult{Job: req.Job, Known: r != nil}, nil)
	if r != nil && r.change(waiting, ended) {
		r.vmID = "" // nothing was touched: no need to look at the host from here
		r.complete(fail(job.CodeCancelled, "the job was cancelled", "", ""))
	}
}

// utcNow is the host's clock with the precision of an event's time.
func utcNow() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
