// SPDX-License-Identifier: MPL-2.0

package notify

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"sync"
)

// Filter says what a [Subscription] is to. The zero value is everything from now on.
type Filter struct {
	Job   string // one job; empty: all jobs, and hosts
	Host  string // one host; empty: all
	Kinds []Kind // which kinds; nil: all. A gap is always told.

	// Replay gives what is kept first, and then what is new, without a hole and without anything twice. Else a subscription
	// begins with what is published after it.
	Replay bool
	// After leaves out of a replay what has this Seq or a lower one: whoever subscribes again sets the Seq of the last event
	// that came, 0 if none did, with Replay. A number above 0 asks for a replay by itself.
	//
	// Where events after it are not kept any more, the subscription begins with a gap. Its Missed is exact for a
	// subscription to everything. It is exact as well for one job from its beginning. Else, it is the most that it can be:
	// of what is not kept, the bus does not know for whom it was. A number that the bus has not come to is one of another bus,
	// before a restart: everything that is kept is given, after a gap of [MissedUnknown].
	After int64

	Buffer      int // how many new events may wait; 0: DefaultBuffer. What is replayed does not count.
	BufferBytes int // how many bytes of them, roughly; 0: DefaultBufferBytes
}

func (f *Filter) matches(e *Event) bool {
	return (f.Job == "" || f.Job == e.Job) && (f.Host == "" || f.Host == e.Host) &&
		(f.Kinds == nil || slices.Contains(f.Kinds, e.Kind))
}

// Subscription gives events in order and each once. One to a job ends by itself behind the job's last event. A job that ended
// very long ago, thousands of jobs before, is to a bus like one that has not begun: whoever subscribes to a job that may have ended
// looks, after that, whether it has.
//
// Its methods may be called from many goroutines; an event goes to one of them.
type Subscription struct {
	bus    *Bus
	filter Filter
	wake   chan struct{} // has one while there is something to look at

	mu     sync.Mutex
	before queue // what is replayed
	queue  queue // what is new
	gap    Event // between the two, when it has missed any
	first  *Event
	over   bool // nothing is added any more
}

func newSubscription(b *Bus, f Filter) *Subscription {
	if f.Buffer <= 0 {
		f.Buffer = DefaultBuffer
	}
	if f.BufferBytes <= 0 {
		f.BufferBytes = DefaultBufferBytes
	}
	f.Kinds = slices.Clone(f.Kinds)
	return &Subscription{bus: b, filter: f, wake: make(chan struct{}, 1)}
}

// replay takes in what is kept. The last event published has the number seq.
func (s *Subscription) replay(h *history, seq int64) {
	f := s.filter
	missed, last := h.missing(f)
	if f.After > seq {
		f.After = 0
		missed, last = MissedUnknown, 0
	}
	if missed != 0 {
		s.first = &Event{Seq: last, Time: s.bus.opts.Now().UTC(), Kind: KindGap, Job: f.Job, Host: f.Host, Missed: missed}
	}
	s.before = h.after(f)
	s.signal()
}

// offer takes an event in if it is asked for, and drops the oldest that waits if there are too many.
func (s *Subscription) offer(it *item) {
	if !s.filter.matches(&it.event) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.queue.push(it)
	for s.queue.len() > 1 && (s.queue.len() > s.filter.Buffer || s.queue.bytes > s.filter.BufferBytes) {
		gone := s.queue.pop().event
		s.gap.Missed++
		s.gap.Seq, s.gap.Time = gone.Seq, gone.Time
	}
	s.signal()
}

func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Next waits for an event. It returns io.EOF when the job has ended or the bus was closed and all was given, and after
// [Subscription.Close]; and ctx's error when that ends first, without losing an event.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Event{}, err
		}
		e, ok, over := s.take()
		switch {
		case ok:
			return e, nil
		case over:
			return Event{}, io.EOF
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
	}
}

// take gives what is next, if there is anything, and tells whether there will be.
func (s *Subscription) take() (e Event, ok, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.first != nil:
		e, s.first = *s.first, nil
	case s.before.len() > 0:
		e = s.before.pop().event
	case s.gap.Missed > 0:
		e, s.gap = s.gap, Event{}
		e.Kind, e.Job, e.Host = KindGap, s.filter.Job, s.filter.Host
	case s.queue.len() > 0:
		e = s.queue.pop().event
	default:
		if s.over {
			s.signal() // to whoever else waits
		}
		return Event{}, false, s.over
	}
	s.signal()
	return e, true, false
}

// All gives the events until the subscription ends. Any other end is an error, and the last that it gives: that of ctx. It does not
// close the subscription.
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

// Finish takes nothing new in. What waits is still given.
func (s *Subscription) Finish() {
	s.bus.leave(s)
	s.finish()
}

func (s *Subscription) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.signal()
}

// Close ends the subscription and drops what waits. More than once does no harm.
func (s *Subscription) Close() {
	s.bus.leave(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.first, s.gap, s.before, s.queue = nil, Event{}, queue{}, queue{}
	s.signal()
}

// Waiting tells how many events wait, what was missed among them counted as one.
func (s *Subscription) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.before.len() + s.queue.len()
	if s.first != nil {
		n++
	}
	if s.gap.Missed > 0 {
		n++
	}
	return n
}
