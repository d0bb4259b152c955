// SPDX-License-Identifier: MPL-2.0

package notify

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"
)

// Defaults of [Options] and [Filter].
const (
	DefaultKeep        = 4096    // events
	DefaultKeepBytes   = 8 << 20 // bytes
	DefaultBuffer      = 1024    // events
	DefaultBufferBytes = 4 << 20 // bytes
)

// Options say how a [Bus] works. The zero value is good.
type Options struct {
	Keep      int // how many events are kept for replay; 0: DefaultKeep; negative: none
	KeepBytes int // how many bytes of events are kept, roughly; 0: DefaultKeepBytes

	// Clean is run over every free text of an event before it is told, to take out what must not be: redact.Set has such a
	// method. It is called from several goroutines, and must not publish. Nil: texts stay as they are.
	Clean func(string) string
	Now   func() time.Time // nil: time.Now
}

// Bus takes events and gives them to its subscriptions. It has no goroutine of its own. Its methods may be called from many.
type Bus struct {
	opts Options
	id   string

	mu      sync.Mutex
	closed  bool
	seq     int64
	history history
	all     map[*Subscription]bool            // that are for no single job
	jobs    map[string]map[*Subscription]bool // by job
}

// New gives a bus.
func New(opts Options) *Bus {
	if opts.Keep == 0 {
		opts.Keep = DefaultKeep
	}
	if opts.KeepBytes <= 0 {
		opts.KeepBytes = DefaultKeepBytes
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return &Bus{
		opts: opts, id: hex.EncodeToString(id[:]), history: history{jobs: map[string]*jobRecord{}},
		all: map[*Subscription]bool{}, jobs: map[string]map[*Subscription]bool{},
	}
}

// ID is random, and tells the events of this bus from those of another that have the same numbers: of the program before it was
// started again.
func (b *Bus) ID() string { return b.id }

// Publish gives an event to those who have subscribed to it, and returns it as they get it: with its Seq, with its Time unless it
// has one, and with texts cut that are longer than 64 KiB. It never waits for a subscriber. A closed bus gives nothing to anybody,
// and returns an event whose Seq is 0.
func (b *Bus) Publish(e Event) Event {
	e.Last = e.last()
	e, size := own(e, b.opts.Clean)
	it := &item{event: e, size: size}

	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		it.event.Seq = 0
		return it.event
	}
	b.seq++
	it.event.Seq = b.seq
	if e.Time.IsZero() {
		it.event.Time = b.opts.Now()
	}
	it.event.Time = it.event.Time.UTC()
	b.history.add(it, max(b.opts.Keep, 0), b.opts.KeepBytes)
	for s := range b.all {
		s.offer(it)
	}
	if e.Job != "" {
		for s := range b.jobs[e.Job] {
			s.offer(it)
		}
		if e.Last {
			for s := range b.jobs[e.Job] {
				s.finish()
			}
			delete(b.jobs, e.Job)
		}
	}
	return it.event
}

// Seq is the number of the event that was published last; 0 when there is none.
func (b *Bus) Seq() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seq
}

// Subscribe gives what f asks for. Whoever subscribes has to end with [Subscription.Close].
func (b *Bus) Subscribe(f Filter) *Subscription {
	s := newSubscription(b, f)
	b.mu.Lock()
	defer b.mu.Unlock()
	over := b.closed || f.Job != "" && b.history.ended(f.Job)
	if f.Replay || f.After > 0 {
		s.replay(&b.history, b.seq)
	}
	switch {
	case over:
		s.finish()
	case f.Job == "":
		b.all[s] = true
	default:
		if b.jobs[f.Job] == nil {
			b.jobs[f.Job] = map[*Subscription]bool{}
		}
		b.jobs[f.Job][s] = true
	}
	return s
}

// Close ends all subscriptions: they give what waits, and then end.
func (b *Bus) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for s := range b.all {
		s.finish()
	}
	for _, subscribed := range b.jobs {
		for s := range subscribed {
			s.finish()
		}
	}
	clear(b.all)
	clear(b.jobs)
}

// leave takes a subscription out.
func (b *Bus) leave(s *Subscription) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.all, s)
	if of := b.jobs[s.filter.Job]; of != nil {
		delete(of, s)
		if len(of) == 0 {
			delete(b.jobs, s.filter.Job)
		}
	}
}
