// SPDX-License-Identifier: MPL-2.0

package eventbus

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// matches reports whether a filter selects an event.
func matches(f *notify.Filter, e *notify.Event) bool {
	return (f.Job == "" || strings.EqualFold(f.Job, e.Job)) && (f.Host == "" || strings.EqualFold(f.Host, e.Host)) &&
		(f.Kinds == nil || slices.Contains(f.Kinds, e.Kind)) && (f.Requester == "" || f.Requester == e.Requester)
}

// subscription implements [notify.Subscription].
type subscription struct {
	bus    *Bus
	filter notify.Filter
	wake   chan struct{} // holds a value while there may be something to return

	mu       sync.Mutex
	firstGap *notify.Event // events missing before the replay
	replayed queue
	gap      notify.Event // events dropped between the replay and the buffer, if Missed is set
	buffer   queue        // new events
	ended    bool         // no event is added any more
}

func newSubscription(b *Bus, f notify.Filter) *subscription {
	if f.Buffer <= 0 {
		f.Buffer = defaultBuffer
	}
	if f.BufferBytes <= 0 {
		f.BufferBytes = defaultBufferBytes
	}
	f.Kinds = slices.Clone(f.Kinds)
	return &subscription{bus: b, filter: f, wake: make(chan struct{}, 1)}
}

// replay fills a new subscription with the kept events. seq is the sequence number of the last published event.
func (s *subscription) replay(h *history, seq int64) {
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

func (s *subscription) newGap(missed, last int64, at time.Time) notify.Event {
	return notify.Event{Bus: s.bus.id, Seq: last, Time: at, Kind: notify.KindGap, Job: s.filter.Job, Host: s.filter.Host, Missed: missed}
}

// offer adds an event if it matches, and drops the oldest ones if the buffer overflows.
func (s *subscription) offer(it *item) {
	if !matches(&s.filter, &it.event) {
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

func (s *subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Next implements [notify.Subscription].
func (s *subscription) Next(ctx context.Context) (notify.Event, error) {
	for {
		if err := ctx.Err(); err != nil {
			return notify.Event{}, err
		}
		e, ok, ended := s.pop()
		switch {
		case ok:
			return e, nil
		case ended:
			return notify.Event{}, io.EOF
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
	}
}

// pop returns the next event, if there is one, and whether the subscription has ended.
func (s *subscription) pop() (e notify.Event, ok, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.firstGap != nil:
		e, s.firstGap = *s.firstGap, nil
	case s.replayed.len() > 0:
		e = s.replayed.pop().event
	case s.gap.Missed > 0:
		e, s.gap = s.gap, notify.Event{}
	case s.buffer.len() > 0:
		e = s.buffer.pop().event
	default:
		if s.ended {
			s.signal() // wakes the next caller of Next
		}
		return notify.Event{}, false, s.ended
	}
	s.signal()
	return e, true, false
}

// All implements [notify.Subscription].
func (s *subscription) All(ctx context.Context) iter.Seq2[notify.Event, error] {
	return func(yield func(notify.Event, error) bool) {
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

// Close implements [notify.Subscription].
func (s *subscription) Close() {
	s.bus.unsubscribe(s)
	s.end()
}

func (s *subscription) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.signal()
}
