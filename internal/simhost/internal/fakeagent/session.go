// SPDX-License-Identifier: MPL-2.0

package fakeagent

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
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// maxJSON is the longest JSON text, in characters, that Windows PowerShell 5.1 reads.
const maxJSON = 2 << 20

// session is one run of the agent. Its context is that of the process.
type session struct {
	*view
	host       *Host
	token      string
	background sync.WaitGroup

	followed map[*hostJob]context.CancelFunc // used by the goroutine that reads requests

	out     sync.Mutex
	stdout  io.Writer
	buffer  bool            // collect output in pending
	pending []byte          // output to be written at once
	working map[string]bool // ids of queries without an answer
}

func newSession(ctx context.Context, h *Host, token string, stdout io.Writer) *session {
	return &session{view: h.view(ctx), host: h, token: token, stdout: stdout, followed: map[*hostJob]context.CancelFunc{}, working: map[string]bool{}}
}

// handleLine serves the requests of one line. The immediate answers to a batch are written at once.
func (s *session) handleLine(line string) {
	if _, isText, _ := protocol.DecodeText([]byte(line)); isText {
		return // the client sent it again after a lost connection
	}
	texts, err := readRequests(line)
	if err != nil {
		s.answer("", nil, err)
		return
	}
	if len(texts) > 1 {
		s.setBuffering(true)
		defer s.setBuffering(false)
	}
	for _, text := range texts {
		var req protocol.Request
		if err := json.Unmarshal(text, &req); err != nil {
			s.answer("", nil, fail("json_not_object", ""))
			continue
		}
		s.handle(req)
	}
}

func readRequests(line string) ([]json.RawMessage, error) {
	texts, err := protocol.DecodeBatch([]byte(line))
	switch {
	case err != nil && strings.HasPrefix(line, "["), err == nil && len(texts) == 0:
		return nil, fail("json_not_object", "")
	case err != nil:
		return nil, fail("request_unreadable", "")
	case len(texts) == 1 && len([]rune(string(texts[0]))) > maxJSON:
		return nil, fail("json_too_long", "", "limit", maxJSON)
	}
	return texts, nil
}

func (s *session) handle(req protocol.Request) {
	switch req.Request {
	case protocol.RequestPing:
		s.answer(req.ID, protocol.PingResult{Working: s.workIDs()}, nil)
	case protocol.RequestHello:
		s.query(req, func() (any, error) {
			s.host.install()
			return s.hello(s.host.isInstalled())
		})
		s.background.Go(s.host.repairAll)
	case protocol.RequestInstall:
		s.query(req, func() (any, error) { return s.host.install(), nil })
	case protocol.RequestInventory:
		s.query(req, func() (any, error) {
			switch req.Part {
			case protocol.PartSwitches:
				return s.switches()
			case protocol.PartCheckpoints:
				return s.checkpoints(req.VMs)
			case protocol.PartDisk:
				disk, err := s.virtualDisk(req.Path)
				return protocol.DiskResult{Disk: disk}, err
			}
			return s.inventory(req.Settings, req.VMs)
		})
	case protocol.RequestCheck:
		s.query(req, func() (any, error) { return s.check(req) })
	case protocol.RequestSubmit:
		s.submit(req)
	case protocol.RequestJobs:
		s.query(req, func() (any, error) { return s.host.list(), nil })
	case protocol.RequestAttach:
		s.attach(req)
	case protocol.RequestCancel:
		s.cancel(req)
	default:
		s.answer(req.ID, nil, fail("request_unknown", "", "version", agent.Version, "request", req.Request))
	}
}

// query answers a request in the background, so that ping and cancel do not wait for the host.
func (s *session) query(req protocol.Request, do func() (any, error)) {
	s.setWorking(req.ID, true)
	s.background.Go(func() {
		defer s.setWorking(req.ID, false)
		result, err := do()
		if s.ctx.Err() == nil {
			s.answer(req.ID, result, err)
		}
	})
}

// setWorking records that a request is, or is no longer, without an answer.
func (s *session) setWorking(id string, on bool) {
	s.out.Lock()
	defer s.out.Unlock()
	if on {
		s.working[id] = true
	} else {
		delete(s.working, id)
	}
}

// workIDs returns the ids of the requests that are not answered yet.
func (s *session) workIDs() []string {
	s.out.Lock()
	defer s.out.Unlock()
	return slices.AppendSeq([]string{}, maps.Keys(s.working))
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
		answer.Error = asFailure(err, protocol.CodeInternal)
	} else {
		answer.Result = result
	}
	s.write(answer)
}

// write sends a message as one line. Errors are ignored: a job continues without its client.
func (s *session) write(message any) {
	payload, err := protocol.Encode(message)
	if err != nil {
		panic(fmt.Sprintf("fakeagent: %v", err)) // every message can be encoded
	}
	line := append([]byte(s.token+" "), append(payload, '\n')...)
	s.out.Lock()
	defer s.out.Unlock()
	if s.buffer {
		s.pending = append(s.pending, line...)
		return
	}
	_, _ = s.stdout.Write(line)
}

// setBuffering starts to collect output, or writes what was collected.
func (s *session) setBuffering(on bool) {
	s.out.Lock()
	defer s.out.Unlock()
	s.buffer = on
	if !on && len(s.pending) > 0 {
		_, _ = s.stdout.Write(s.pending)
		s.pending = nil
	}
}

// submit starts a job, or follows the known one: the same id never runs twice.
func (s *session) submit(req protocol.Request) {
	if guid(req.Job) == "" {
		s.answer(req.ID, nil, fail("guid_invalid", "", "name", "job"))
		return
	}
	known := s.host.find(req.Job)
	if known == nil {
		j, err := s.host.newJob(req)
		if err != nil {
			s.answer(req.ID, nil, err)
			return
		}
		if known = s.host.add(j); known == nil {
			s.answer(req.ID, protocol.JobResult{Job: req.Job}, nil)
			s.follow(j, 0)
			return
		}
	}
	s.answer(req.ID, protocol.JobResult{Job: req.Job, Known: true}, nil)
	s.follow(known, req.After)
}

// attach follows a known job from an event number.
func (s *session) attach(req protocol.Request) {
	j := s.host.find(req.Job)
	if j == nil {
		s.answer(req.ID, nil, fail("job_unknown", "", "job", req.Job))
		return
	}
	s.answer(req.ID, protocol.JobResult{Job: req.Job, Known: true}, nil)
	s.follow(j, req.After)
}

// cancel requests the cancellation of a job, which it sees at its next step.
func (s *session) cancel(req protocol.Request) {
	j := s.host.find(req.Job)
	if j != nil {
		j.cancel()
	}
	s.answer(req.ID, protocol.JobResult{Job: req.Job, Known: j != nil}, nil)
}

// follow sends the events of a job after a number, to its result. It replaces an earlier follow of the same job.
func (s *session) follow(j *hostJob, after int64) {
	ctx, stop := context.WithCancel(s.ctx)
	if previous := s.followed[j]; previous != nil {
		previous()
	}
	s.followed[j] = stop
	s.background.Go(func() {
		defer stop()
		ended := j.workerEnded
		for next := max(after, 0); ; {
			events, over, changed := j.since(next)
			for _, e := range events {
				if ctx.Err() != nil {
					return
				}
				s.write(protocol.EventMessage{Type: protocol.TypeEvent, Event: e})
			}
			if next += int64(len(events)); over {
				return
			}
			var retry <-chan time.Time
			if ended == nil {
				retry = time.After(time.Second) // the host was not ready for the repair
			}
			select {
			case <-changed:
			case <-ended:
				ended = nil
				j.repair()
			case <-retry:
				j.repair()
			case <-ctx.Done():
				return
			}
		}
	})
}
