// SPDX-License-Identifier: MPL-2.0

package hostagent_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// Answers and events that are lost while the connection is in order. Each test ends with the events of the fake host alone: nothing
// waits for the deadline of a request.

// frameText returns the line of a frame.
func (p *fakeProcess) frameText(v any) string {
	payload, err := protocol.Encode(v)
	if err != nil {
		p.host.t.Error(err)
	}
	return p.token + " " + string(payload) + "\n"
}

func (p *fakeProcess) ping(req protocol.Request) { p.answer(req, protocol.PingResult{}) }

func inventoryAnswer(req protocol.Request) protocol.Message {
	return protocol.Message{Type: protocol.TypeAnswer, ID: req.ID, OK: true, Result: []byte(`{"host":{"name":"HV01"}}`)}
}

func TestAFrameIsFoundBehindOtherOutputOfTheSameLine(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]string{
		"a line of its own": "False False True\r\n", "a byte order mark": "\ufeff", "half a line": "False False True ",
		"a progress line": "10%\r100%\r", "an escape sequence": "\x1b[0m", "a window title": "\x1b]0;Administrator\x07",
		"more than is shown of a line": strings.Repeat("x", 200_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
				text := before + p.frameText(inventoryAnswer(req))
				for ; len(text) > 30_001; text = text[30_001:] { // cut anywhere, also within the token
					p.write(text[:30_001])
				}
				p.write(text)
			}}
			got, err := newAgent(t, host, nil).Inventory(t.Context())
			if err != nil || got.Host.Name != "HV01" {
				t.Errorf("got %+v, %v", got.Host, err)
			}
		})
	}
}

func TestALostAnswerIsRequestedAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		first func(p *fakeProcess, req protocol.Request)
	}{
		{"cut JSON", func(p *fakeProcess, _ protocol.Request) { p.write(p.token + ` {"type":"answer","id":"` + "\n") }},
		{"cut base64", func(p *fakeProcess, _ protocol.Request) { p.write(p.token + " H4sIAAAAAAAA/6pW\n") }},
		{"no payload", func(p *fakeProcess, _ protocol.Request) { p.write(p.token + " \n") }},
		{"an answer of another type", func(p *fakeProcess, req protocol.Request) {
			p.write(p.token + ` {"type":"answer","id":"` + req.ID + `","ok":"yes"}` + "\n")
		}},
		{"another frame begins within it", func(p *fakeProcess, _ protocol.Request) {
			p.write(p.token + ` {"type":"answer","id` + p.frameText(inventoryAnswer(protocol.Request{ID: "other"})))
		}},
		{"a request that the agent could not read", func(p *fakeProcess, _ protocol.Request) {
			p.frame(protocol.Message{Type: protocol.TypeAnswer, Error: &job.Failure{Code: protocol.CodeInternal, Message: "no JSON"}})
		}},
		{"nothing", func(p *fakeProcess, _ protocol.Request) { p.silence(3) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
				if req.Request == protocol.RequestPing {
					p.ping(req)
				} else if asked++; asked == 1 {
					tt.first(p, req)
				} else {
					p.frame(inventoryAnswer(req))
				}
			}}
			a := newAgent(t, host, func(o *hostagent.Options) { o.SilentPolls = 2 })
			got, err := a.Inventory(t.Context())
			if err != nil || got.Host.Name != "HV01" || asked != 2 {
				t.Errorf("got %+v, %v, requested %d times", got.Host, err, asked)
			}
		})
	}
}

// A session that is busy with the events of a job is never silent.
func TestALostAnswerIsRequestedAgainWhileOtherOutputArrives(t *testing.T) {
	t.Parallel()
	asked, seq := 0, int64(0)
	host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
		switch req.Request {
		case protocol.RequestPing:
			p.ping(req)
			return
		case protocol.RequestSubmit:
			p.answer(req, protocol.JobResult{Job: req.Job})
		default:
			if asked++; asked > 1 {
				p.frame(inventoryAnswer(req))
				return
			}
		}
		for range 5 {
			seq++
			p.frame(protocol.EventMessage{Type: protocol.TypeEvent, Event: job.Event{Job: matrixJob, Seq: seq, Kind: job.KindLog}})
		}
	}}
	a := newAgent(t, host, func(o *hostagent.Options) { o.AnswerWithin = time.Nanosecond })
	if _, err := a.Submit(t.Context(), hostagent.JobRequest{Job: matrixJob, Definition: matrixDefinition}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Inventory(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAnAnswerThatNeverArrivesEndsItsRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer func(p *fakeProcess, req protocol.Request)
		want   string
	}{
		{"damaged", func(p *fakeProcess, _ protocol.Request) { p.write(p.token + " {\n") }, "no answer could be read"},
		{"nothing", func(p *fakeProcess, _ protocol.Request) { p.silence(1) }, "does not work on it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := map[string]int{}
			host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
				asked[req.Request]++
				if req.Request == protocol.RequestPing {
					p.ping(req)
				} else {
					tt.answer(p, req)
				}
			}}
			a := newAgent(t, host, func(o *hostagent.Options) { o.SilentPolls = 1 })
			_, err := a.Inventory(t.Context())
			if !errors.Is(err, hostagent.ErrInvalidOutput) || !strings.Contains(err.Error(), tt.want) || asked[protocol.RequestInventory] != 4 {
				t.Errorf("got %v, requested %d times", err, asked[protocol.RequestInventory])
			}
			_, err = a.Submit(t.Context(), hostagent.JobRequest{Job: matrixJob, Definition: matrixDefinition})
			if !errors.Is(err, hostagent.ErrInvalidOutput) || !errors.Is(err, hostagent.ErrSessionLost) { // the host may have the job
				t.Errorf("submit: %v", err)
			}
		})
	}
}

func TestFramesThatAreAllDamagedEndTheSession(t *testing.T) {
	t.Parallel()
	host := &fakeHost{handle: func(p *fakeProcess, _ protocol.Request) { p.write(p.token + " {\n") }}
	if _, err := newAgent(t, host, nil).Inventory(t.Context()); !errors.Is(err, hostagent.ErrInvalidOutput) {
		t.Errorf("got %v", err)
	}
}

func TestAnEventThatNeverArrivesEndsItsJobOnly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		send func(p *fakeProcess, jobID string)
	}{
		{"a gap", func(p *fakeProcess, jobID string) { p.event(jobID, 4) }},
		{"a time that does not parse", func(p *fakeProcess, jobID string) {
			p.write(p.token + ` {"type":"event","job":"` + jobID + `","seq":3,"time":"yesterday","kind":"log"}` + "\n")
		}},
		{"a sequence number beyond 64 bits", func(p *fakeProcess, jobID string) {
			p.write(p.token + ` {"type":"event","job":"` + jobID + `","seq":99999999999999999999,"kind":"log"}` + "\n")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			host := &fakeHost{handle: func(p *fakeProcess, req protocol.Request) {
				if req.Job == "" {
					p.ping(req)
					return
				}
				p.answer(req, protocol.JobResult{Job: req.Job, Known: true})
				for seq := req.After + 1; seq <= 2; seq++ {
					p.event(req.Job, seq)
				}
				tt.send(p, req.Job)
			}}
			a := newAgent(t, host, nil)
			stream, err := a.Submit(t.Context(), hostagent.JobRequest{Job: matrixJob, Definition: matrixDefinition})
			for err == nil {
				_, err = stream.Next(t.Context())
			}
			if !errors.Is(err, hostagent.ErrInvalidOutput) || !strings.Contains(err.Error(), "event 3 of job "+matrixJob) {
				t.Errorf("got %v", err)
			}
			if err := a.Ping(t.Context()); err != nil {
				t.Errorf("the session: %v", err)
			}
			if connects, _ := host.counts(); connects != 1 {
				t.Errorf("%d processes", connects)
			}
		})
	}
}
