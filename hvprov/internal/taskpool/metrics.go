// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/histogram"
)

// Metrics is the state of a pool at one moment, with its counters since it was created.
type Metrics struct {
	Name string

	Running    int           // running tasks, without stuck ones
	Queued     int           // queued tasks
	Runnable   int           // queued tasks whose host is below its limit
	Stuck      int           // abandoned tasks that have not returned
	OldestWait time.Duration // of the oldest queued task

	Counts // of all categories

	Categories map[string]CategoryMetrics
}

// CategoryMetrics is the part of [Metrics] for one category.
type CategoryMetrics struct {
	Queued  int
	Running int // without stuck tasks
	Counts
	Wait histogram.Histogram // from enqueue to start, of started tasks
	Run  histogram.Histogram // from start until the end, or until the task was abandoned
}

// Counts counts tasks since the pool was created. Each accepted task is in Submitted, and once it has ended in exactly one of
// Finished, Failed, TimedOut, Cancelled and Panicked.
type Counts struct {
	Submitted uint64
	Refused   uint64 // not accepted because the pool was closed; not in Submitted
	Started   uint64
	Finished  uint64 // without an error
	Failed    uint64 // with an error of the task
	TimedOut  uint64 // cancelled by its limit
	Cancelled uint64 // cancelled otherwise, before or after the start
	Panicked  uint64
	Abandoned uint64 // timed out or cancelled, and did not return within Grace
}

const (
	otherCategory = "other"
	maxCategories = 64
)

// category is the state of one category.
type category struct {
	queued, running int
	counts          Counts
	wait, run       histogram.Recorder
}

// category returns the state of a category. Further categories than maxCategories share one. p.mu must be held.
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

// Metrics returns the metrics of the pool.
func (p *Pool) Metrics() Metrics {
	p.mu.Lock()
	defer p.unlock()
	m := Metrics{
		Name:       p.opts.Name,
		Running:    p.busy,
		Queued:     p.queue.queued,
		Runnable:   p.queue.runnable,
		Stuck:      p.stuck,
		Categories: make(map[string]CategoryMetrics, len(p.categories)),
	}
	if oldest := p.queue.oldest(); !oldest.IsZero() {
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
	c.Abandoned += other.Abandoned
}
