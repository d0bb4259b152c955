// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// receive reads the output of the process while an answer or an event is pending.
func (s *session) receive(process transport.Process) {
	silent := 0 // consecutive polls without output
	for {
		if !s.hasPending() {
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
			err = s.retryTransient(err, func() (err error) {
				s.resync()
				out, err = process.Receive(s.ctx)
				return err
			})
		}
		if err != nil {
			s.end(err)
			return
		}
		damaged := s.damagedFrames()
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
		if !s.checkAlive(silent) {
			return
		}
		s.probeIfDamaged(damaged)
		s.probeIfOverdue()
	}
}

// checkAlive sends a ping to an agent that was silent for SilentPolls polls, and ends the session after as many more. Polls are
// counted, not seconds, since each lasts as long as the operation timeout of the connection.
func (s *session) checkAlive(silent int) bool {
	limit := s.agent.opts.SilentPolls
	switch silent {
	case limit:
		s.ask(true) // any output counts as life
	case 2 * limit:
		s.end(fmt.Errorf("%w: no output in %d polls, and no answer to a ping", ErrUnresponsive, silent))
		return false
	}
	return true
}

// resync repeats all pending requests, since output was lost with an answer of the host: every request may be sent twice, and
// events carry sequence numbers.
func (s *session) resync() {
	s.mu.Lock()
	s.texted = false // the request for the text may be lost: each pending request causes another
	for id, p := range s.pending {
		if !slices.ContainsFunc(s.queue, func(l line) bool { return l.id == id }) {
			s.queue = append(s.queue, line{id, p.text})
		}
	}
	streams := slices.Collect(maps.Keys(s.streams))
	s.mu.Unlock()
	wake(s.wakeSend)
	for _, stream := range streams {
		stream.resync()
	}
}

// frame handles a frame of the agent. cut reports that the rest of it exceeds the limit.
func (s *session) frame(payload []byte, cut bool) {
	var head struct {
		Type string `json:"type"`
	}
	if cut {
		payload = payload[:len(payload)/4*4] // of base64, what can be decoded
	}
	text, err := protocol.DecodePayload(payload)
	if cut {
		err = fmt.Errorf("%w: it holds more than %d encoded bytes", protocol.ErrLimit, maxFrame)
	}
	if err == nil {
		err = protocol.CheckLimits(text)
	}
	if errors.Is(err, protocol.ErrLimit) && s.overLimit(protocol.ReadHead(text), err) {
		return
	}
	if err == nil {
		err = json.Unmarshal(text, &head)
	}
	if err == nil {
		switch head.Type {
		case protocol.TypeAnswer:
			err = s.answer(text)
		case protocol.TypeEvent:
			err = s.event(text)
		case protocol.TypeNeedText:
			var need protocol.NeedText
			if err = json.Unmarshal(text, &need); err == nil {
				s.sendText(need.Damaged)
			}
		default:
			err = errors.New("unknown type " + strconv.Quote(head.Type))
		}
	}
	if err != nil {
		s.damage(err)
	}
}

func (s *session) answer(text []byte) error {
	var m protocol.Message
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	got := answer{result: m.Result}
	if !m.OK {
		got = answer{err: s.agent.newError(m.Error)}
	}
	if m.ID == "" {
		return fmt.Errorf("the agent could not read a request: %w", got.err)
	}
	s.mu.Lock()
	p, known := s.pending[m.ID]
	delete(s.pending, m.ID)
	if m.ID == helloID {
		s.greeted = true
	}
	if known && !p.probe {
		s.probe.damaged = 0
	}
	s.mu.Unlock()
	if known {
		p.then(got)
	}
	return nil
}

func (s *session) event(text []byte) error {
	var head struct {
		Job string `json:"job"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return err
	}
	streams := s.streamsOf(head.Job)
	if len(streams) == 0 {
		return nil // the stream was removed meanwhile
	}
	if len(text) > protocol.MaxEvent {
		s.overLimit(protocol.Head{Type: protocol.TypeEvent, Job: head.Job}, fmt.Errorf("%w: it holds more than %d bytes", protocol.ErrLimit, protocol.MaxEvent))
		return nil
	}
	var m protocol.EventMessage
	err := json.Unmarshal(text, &m)
	if err == nil && m.Result != nil && m.VM != nil {
		cleanAddresses(m.VM)
	}
	for _, stream := range streams {
		accepted, ended := false, false
		if err != nil {
			ended = stream.missing(err)
		} else {
			accepted, ended = stream.accept(m.Event)
		}
		if accepted {
			s.progress()
		}
		if ended {
			s.removeStream(stream)
		}
	}
	return nil
}

// unframed logs output that is not a frame: text of a native program, a warning, an error of PowerShell itself.
func (s *session) unframed(stream, line string) {
	s.agent.opts.Logger.Debug("output of the agent process", "stream", stream, "line", line)
}
