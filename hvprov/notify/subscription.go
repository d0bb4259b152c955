// SPDX-License-Identifier: MPL-2.0

package notify

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
)

// Filter selects the events of a [Subscription]. The zero value selects all events from now on.
type Filter struct {
	Job   string // job ID; empty: all jobs, and hosts
	Host  string // host name, in any letter case; empty: all hosts
	Kinds []Kind // nil: all kinds; gaps are always delivered

	Requester string // requester of jobs; empty: all requesters, and hosts

	// Replay delivers the events that the bus still keeps first, then new ones, without a hole or a duplicate. Otherwise a
	// subscription begins with the next event.
	Replay bool
	// After skips events up to this sequence number in a replay. To continue an earlier subscription, set After to the Seq of
	// the last event received (0 if there was none) and Replay to true. A value above 0 implies Replay.
	//
	// If the bus no longer keeps all events after it, the subscription begins with a gap. Missed is then the exact number for a
	// subscription to all events, and an upper bound if the filter selects some: the bus does not know which of the lost events
	// matched. A number that the bus has not reached belongs to another bus, from before a restart: all events that are kept are
	// delivered, after a gap with Missed -1.
	After int64

	Buffer      int // maximum number of new events that wait; 0: 1024. Replayed events do not count.
	BufferBytes int // approximate maximum size of new events that wait, in bytes; 0: 4 MiB
}

func (f *Filter) matches(e *Event) bool {
	return (f.Job == "" || strings.EqualFold(f.Job, e.Job)) && (f.Host == "" || strings.EqualFold(f.Host, e.Host)) &&
		(f.Kinds == nil || slices.Contains(f.Kinds, e.Kind)) && (f.Requester == "" || f.Requester == e.Requester)
}

// Subscription delivers events in order. A subscription to one job ends after the job's last event. The bus forgets finished jobs
// after a few thousand others: then a subscription to one of them waits, so check the state of the job after subscribing.
//
// Its methods are safe for concurrent use; each event is returned once.
type Subscription struct {
	bus    *Bus
	filter Filter
	wake   chan struct{} // holds a value while there may be something to return

	mu       sync.Mutex
	firstGap *Event // events missing before the replay
	replayed queue
	gap      Event // events dropped between the replay and the buffer, if Missed is set
	buffer   queue // new events
	ended    bool  // no event is added any more
}

func newSubscription(b *Bus, f Filter) *Subscription {
	if f.Buffer <= 0 {
		f.Buffer = defaultBuffer
	}
	if f.BufferBytes <= 0 {
		f.BufferBytes = defaultBufferBytes
	}
	f.Kinds = slices.Clone(f.Kinds)
	return &Subscription{bus: b, filter: f, wake: make(chan struct{}, 1)}
}

// replay fills a new subscription with the kept events. seq is the sequence number of the last published event.
func (s *Subscription) replay(h *history, seq int64) {
	f := s.filter
	missed, last := h.missed(f)
	if f.After > seq {
		f.After = 0
		missed, last = -1, 0
	}
	if missed != 0 {
		gap := s.newGap(missed, last, h.droppedAt)
		s.firstGap = &gap
	}
	s.replayed = h.after(f)
	s.signal()
}

func (s *Subscription) newGap(missed, last int64, at time.Time) Event {
	return Event{Bus: s.bus.id, Seq: last, Time: at, Kind: KindGap, Job: s.filter.Job, Host: s.filter.Host, Missed: missed}
}

// offer adds an event if it matches, and drops the oldest ones if the buffer overflows.
func (s *Subscription) offer(it *item) {
	if !s.filter.matches(&it.event) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.buffer.push(it)
	for s.buffer.len() > 1 && (s.buffer.len() > s.filter.Buffer || s.buffer.bytes > s.filter.BufferBytes) {
		dropped := s.buffer.pop().event
		s.gap = s.newGap(s.gap.Missed+1, dropped.Seq, dropped.Time)
	}
	s.signal()
}

func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Next waits for the next event. It returns [io.EOF] when the subscription has ended and all events were returned. When ctx ends it
// returns its error; no event is lost.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Event{}, err
		}
		e, ok, ended := s.pop()
		switch {
		case ok:
			return e, nil
		case ended:
			return Event{}, io.EOF
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
	}
}

// pop returns the next event, if there is one, and whether the subscription has ended.
func (s *Subscription) pop() (e Event, ok, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.firstGap != nil:
		e, s.firstGap = *s.firstGap, nil
	case s.replayed.len() > 0:
		e = s.replayed.pop().event
	case s.gap.Missed > 0:
		e, s.gap = s.gap, Event{}
	case s.buffer.len() > 0:
		e = s.buffer.pop().event
	default:
		if s.ended {
			s.signal() // wakes the next caller of Next
		}
		return Event{}, false, s.ended
	}
	s.signal()
	return e, true, false
}

// All returns an iterator over the events until the subscription ends. If ctx ends first, its error is the last value. The iterator
// does not close the subscription.
func (s *Subscription) All(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			e, err := s.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Close ends the subscription: no event is added any more. Next still returns those that wait, then [io.EOF]. It may be called more
// than once.
func (s *Subscription) Close() {
	s.bus.unsubscribe(s)
	s.end()
}

func (s *Subscription) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.signal()
}
