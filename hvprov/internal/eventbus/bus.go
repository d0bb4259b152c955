// SPDX-License-Identifier: MPL-2.0

// Package eventbus delivers the events of a service to subscriptions, as package notify describes.
package eventbus

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// Defaults of [Options] and [notify.Filter].
const (
	defaultKeep        = 4096
	defaultKeepBytes   = 8 << 20
	defaultBuffer      = 1024
	defaultBufferBytes = 4 << 20
)

// Options configure a [Bus].
type Options struct {
	Keep      int // maximum number of events kept for replay; 0: 4096; negative: none
	KeepBytes int // approximate maximum size in bytes of the events kept for replay; 0: 8 MiB

	// Clean is applied to every free text of an event before it is published, to remove secrets. It must be safe for concurrent
	// use and must not publish. Nil: texts are not changed.
	Clean func(string) string
	Now   func() time.Time // nil: [time.Now]
}

// Bus publishes events to its subscriptions. Its methods are safe for concurrent use.
type Bus struct {
	opts Options
	id   string

	mu      sync.Mutex // never held during I/O or callbacks
	closed  bool
	seq     int64 // of the last event
	history history
	all     map[*subscription]bool            // subscriptions that are not limited to one job
	jobs    map[string]map[*subscription]bool // subscriptions to one job, by jobKey
}

var _ notify.Source = (*Bus)(nil)

// New returns a bus.
func New(opts Options) *Bus {
	if opts.Keep == 0 {
		opts.Keep = defaultKeep
	}
	if opts.KeepBytes <= 0 {
		opts.KeepBytes = defaultKeepBytes
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return &Bus{
		opts: opts, id: hex.EncodeToString(id[:]),
		history: history{maxEvents: max(opts.Keep, 0), maxBytes: opts.KeepBytes, jobs: map[string]*jobHistory{}},
		all:     map[*subscription]bool{}, jobs: map[string]map[*subscription]bool{},
	}
}

// jobKey returns the form of a job ID for comparisons: the letter case of a GUID is not significant.
func jobKey(id string) string { return strings.ToLower(id) }

// Publish delivers an event to the matching subscriptions and returns it as delivered: with Bus and Seq, with the current time
// unless Time is set, and with texts of more than 64 KiB truncated. It never waits for a subscriber. On a closed bus it does
// nothing and returns an event without a Seq.
func (b *Bus) Publish(e notify.Event) notify.Event {
	e, size := sanitizeCopy(e, b.opts.Clean)
	if e.Time.IsZero() {
		e.Time = b.opts.Now()
	}
	e.Bus, e.Seq, e.Time = b.id, 0, e.Time.UTC()
	it := &item{event: e, size: size}

	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return it.event
	}
	b.seq++
	it.event.Seq = b.seq
	b.history.add(it)
	for s := range b.all {
		s.offer(it)
	}
	if e.Job != "" {
		key := jobKey(e.Job)
		for s := range b.jobs[key] {
			s.offer(it)
			if e.Last {
				s.end()
			}
		}
		if e.Last {
			delete(b.jobs, key)
		}
	}
	return it.event
}

// Subscribe implements [notify.Source].
func (b *Bus) Subscribe(f notify.Filter) notify.Subscription {
	s := newSubscription(b, f)
	key := jobKey(f.Job)
	b.mu.Lock()
	defer b.mu.Unlock()
	if f.Replay || f.After > 0 {
		s.replay(&b.history, b.seq)
	}
	switch {
	case b.closed, f.Job != "" && b.history.ended(key):
		s.end()
	case f.Job == "":
		b.all[s] = true
	default:
		if b.jobs[key] == nil {
			b.jobs[key] = map[*subscription]bool{}
		}
		b.jobs[key][s] = true
	}
	return s
}

// Close ends all subscriptions. They still return the events that wait.
func (b *Bus) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for s := range b.all {
		s.end()
	}
	for _, subscriptions := range b.jobs {
		for s := range subscriptions {
			s.end()
		}
	}
	clear(b.all)
	clear(b.jobs)
}

// unsubscribe removes a subscription.
func (b *Bus) unsubscribe(s *subscription) {
	key := jobKey(s.filter.Job)
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.all, s)
	delete(b.jobs[key], s)
	if len(b.jobs[key]) == 0 {
		delete(b.jobs, key)
	}
}
