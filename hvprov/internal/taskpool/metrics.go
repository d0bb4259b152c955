// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/histogram"
)

// Metrics are what a pool does, and has done, at one moment.
type Metrics struct {
	Name string

	Workers    int // how many there may be now, busy or not; scaled between Min and MaxWorkers
	MaxWorkers int // how many there may come to be, as Max, the hosts and stuck tasks allow
	Busy       int // workers that run a task
	Queued     int // tasks that wait
	Runnable   int // of these, how many wait for nothing but a worker; the others' hosts are at their bound
	Stuck      int // tasks that were given up and have not returned yet
	OldestWait time.Duration

	Counts                // of all categories
	ScaledUp   uint64     // times that Workers rose
	ScaledDown uint64     // times that Workers fell
	Load       LoadSample // the last one that was taken

	Categories map[string]CategoryMetrics
}

// CategoryMetrics are the part of the tasks of one category in [Metrics].
type CategoryMetrics struct {
	Queued  int
	Running int // stuck tasks are not among them
	Counts
	Wait Histogram // from the task's coming to its start, of those that started
	Run  Histogram // from the task's start to its end, or to the moment it was given up
}

// Counts are of tasks since the pool was made. Each task that was taken is in Submitted, and once it has ended in just one
// of Finished, Failed, TimedOut, Cancelled and Panicked.
type Counts struct {
	Submitted uint64
	Refused   uint64 // not taken, since the queue was full or the pool closed; not in Submitted
	Started   uint64
	Finished  uint64 // without an error
	Failed    uint64 // with an error of their own
	TimedOut  uint64 // cancelled by their limit
	Cancelled uint64 // otherwise, before or after their start
	Panicked  uint64
	GivenUp   uint64 // of those timed out or cancelled: did not return in time
}

// LoadSample is a load and when it was taken.
type LoadSample struct {
	Load
	At time.Time // zero: none was taken yet
}

const (
	otherCategory = "other"
	maxCategories = 64
)

// category is what a pool keeps of one category.
type category struct {
	queued, running int
	counts          Counts
	wait, run       histogram.Recorder
}

// category gives what is kept of a category. Those beyond a number that no metrics should have share one.
func (p *Pool) category(name string) *category {
	c := p.categories[name]
	if c == nil && len(p.categories) >= maxCategories {
		c = p.categories[otherCategory]
		name = otherCategory
	}
	if c == nil {
		c = &category{}
		p.categories[name] = c
	}
	return c
}

// Metrics gives what the pool does and has done.
func (p *Pool) Metrics() Metrics {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := Metrics{
		Name:       p.opts.Name,
		Workers:    p.size,
		MaxWorkers: p.ceiling(),
		Busy:       p.busy,
		Queued:     p.queue.waiting,
		Runnable:   p.queue.runnable,
		Stuck:      p.stuck,
		ScaledUp:   p.scaledUp,
		ScaledDown: p.scaledDown,
		Load:       p.load,
		Categories: make(map[string]CategoryMetrics, len(p.categories)),
	}
	if oldest := p.queue.oldest(false); !oldest.IsZero() {
		m.OldestWait = time.Since(oldest)
	}
	for name, c := range p.categories {
		m.Categories[name] = CategoryMetrics{
			Queued: c.queued, Running: c.running, Counts: c.counts, Wait: c.wait.Snapshot(), Run: c.run.Snapshot(),
		}
		m.add(c.counts)
	}
	return m
}

func (c *Counts) add(other Counts) {
	c.Submitted += other.Submitted
	c.Refused += other.Refused
	c.Started += other.Started
	c.Finished += other.Finished
	c.Failed += other.Failed
	c.TimedOut += other.TimedOut
	c.Cancelled += other.Cancelled
	c.Panicked += other.Panicked
	c.GivenUp += other.GivenUp
}
