// SPDX-License-Identifier: MPL-2.0

package hostagent

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// An answer can be lost while the connection is in order: a frame arrives damaged, or not at all. The session finds out with a ping:
// its answer lists the requests that the agent works on. Each request that was sent before, and is neither answered nor listed, has
// lost its answer and is sent again. Every request may be sent twice: reads and checks change nothing, and the same job never runs
// twice on a host. Events are requested again by their sequence numbers.

const (
	// maxRepeats is the number of times that a request is repeated since its answer was lost.
	maxRepeats = 3
	// maxReplays is the number of times that the events after one that is missing are requested.
	maxReplays = 10
	// maxDamaged is the number of damaged frames, without progress in between, that end a session.
	maxDamaged = 10
)

// probe is the state of the question what the agent works on.
type probe struct {
	asked   time.Time
	damaged int   // damaged frames since the last progress
	cause   error // of the last damaged frame
}

// damage handles a frame that cannot be read.
func (s *session) damage(err error) {
	s.agent.opts.Logger.Warn("invalid frame from the agent", "error", err)
	s.mu.Lock()
	s.probe.damaged++
	s.probe.cause = err
	tooMany := s.probe.damaged >= maxDamaged
	s.mu.Unlock()
	if tooMany {
		s.end(fmt.Errorf("%w: %d frames in succession are damaged: %w", ErrInvalidOutput, maxDamaged, err))
	}
}

// overLimit ends what a message that exceeds a limit belongs to: the same would come again. It reports whether it knows that.
func (s *session) overLimit(head protocol.Head, err error) bool {
	streams := s.streamsOf(head.Job)
	s.mu.Lock()
	p := s.pending[head.ID]
	if head.Type == protocol.TypeAnswer && p != nil {
		delete(s.pending, head.ID)
	}
	s.mu.Unlock()
	switch {
	case head.Type == protocol.TypeAnswer && p != nil:
		err = fmt.Errorf("%w: an answer is too large: %w", ErrInvalidOutput, err)
		if p.mutates {
			err = lostError{err} // it may have been carried out
		}
		p.then(answer{err: err})
	case head.Type == protocol.TypeEvent && len(streams) > 0:
		for _, stream := range streams {
			stream.fail(fmt.Errorf("%w: an event of job %s is too large: %w", ErrInvalidOutput, head.Job, err))
			s.removeStream(stream)
		}
	default:
		return false
	}
	return true
}

// progress records that a frame brought something new.
func (s *session) progress() {
	s.mu.Lock()
	s.probe.damaged = 0
	s.mu.Unlock()
}

// probeIfDamaged asks what the agent works on if frames were damaged since a number of them was counted.
func (s *session) probeIfDamaged(before int) {
	if s.damagedFrames() > before {
		s.ask(true)
	}
}

func (s *session) damagedFrames() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.probe.damaged
}

// probeIfOverdue asks what the agent works on if a request has had no answer for long, also if other output arrives.
func (s *session) probeIfOverdue() {
	limit := s.agent.opts.AnswerWithin
	s.mu.Lock()
	overdue := false
	for _, p := range s.pending {
		overdue = overdue || !p.probe && time.Since(p.asked) > limit
	}
	overdue = overdue && time.Since(s.probe.asked) > limit
	s.mu.Unlock()
	if overdue {
		s.ask(false)
	}
}

// ask asks what the agent works on. events reports that events may be lost as well.
func (s *session) ask(events bool) {
	s.mu.Lock()
	if !s.greeted {
		s.texted = false // the agent's text may be lost: the bootstrap script answers the ping, too, if it still lacks it
	}
	var asked []string
	for id, p := range s.pending {
		if !p.probe {
			asked = append(asked, id)
		}
	}
	s.probe.asked = time.Now()
	s.mu.Unlock()
	_, _ = s.enqueue(protocol.Request{Request: protocol.RequestPing}, &pending{ // fails if the session has ended
		probe: true, then: func(got answer) { s.probed(asked, events, got) },
	})
}

// probed handles the answer to a probe. asked are the requests that were sent before it.
func (s *session) probed(asked []string, events bool, got answer) {
	var result protocol.PingResult
	if got.err != nil || json.Unmarshal(got.result, &result) != nil {
		return // the session has ended, or the answer is damaged
	}
	var failed []*pending
	s.mu.Lock()
	maps.DeleteFunc(s.pending, func(_ string, p *pending) bool { return p.probe }) // their answers are lost, or of no more use
	for _, id := range asked {
		p := s.pending[id]
		if p == nil || slices.Contains(result.Working, id) || slices.ContainsFunc(s.queue, func(l line) bool { return l.id == id }) {
			continue
		}
		if p.repeats++; p.repeats > maxRepeats {
			delete(s.pending, id)
			failed = append(failed, p)
			continue
		}
		p.asked = time.Now()
		s.queue = append(s.queue, line{id, p.text})
	}
	err := s.lostAnswer()
	streams := slices.Collect(maps.Keys(s.streams))
	s.mu.Unlock()
	wake(s.wakeSend)
	for _, p := range failed {
		p.then(answer{err: err})
	}
	if !events {
		return
	}
	for _, stream := range streams {
		stream.resync()
	}
}

// lostAnswer returns the error of a request whose answer never arrives. The request may have been carried out. The caller holds the
// lock.
func (s *session) lostAnswer() error {
	why := s.probe.cause
	if why == nil {
		why = errors.New("the agent does not work on it")
	}
	return lostError{fmt.Errorf("%w: the request was sent %d times, and no answer could be read: %w", ErrInvalidOutput, maxRepeats+1, why)}
}
