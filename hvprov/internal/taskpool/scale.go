// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"log/slog"
	"slices"
	"time"
)

// situation is the input of a decision about the number of workers.
type situation struct {
	size    int           // workers that may exist
	busy    int           // workers that have a task
	expired int           // workers that have had no task for Options.Idle
	backlog int           // tasks that only need a worker
	oldest  time.Duration // how long the oldest of them has been queued

	min, max  int // max takes precedence
	targetAge time.Duration
}

// scale returns how many workers may exist. It doubles them, or adds as many as there are tasks in the backlog, once that is as
// large as the pool or its oldest task is too old. It removes workers that have had no task for a while.
func scale(s situation) int {
	size := s.size
	switch {
	case s.backlog == 0:
		size -= s.expired
	case s.busy >= size && (s.backlog >= size || s.oldest >= s.targetAge):
		size += min(s.backlog, max(1, size))
	}
	return min(max(size, s.min), s.max)
}

// maxWorkers returns how many workers may exist at most. Stuck tasks do not count against Max (up to Max of them), but do count
// against the capacity of the hosts. p.mu must be held.
func (p *Pool) maxWorkers() int {
	limit := p.opts.Max - max(0, p.stuck-p.opts.Max)
	if p.opts.Capacity != nil {
		limit = min(limit, p.capacity-p.stuck)
	}
	return max(0, limit)
}

// resize sets the number of workers, within its limits. p.mu must be held.
func (p *Pool) resize(size int, now time.Time) {
	limit := p.maxWorkers()
	size = min(max(size, p.opts.Min), limit)
	if size == p.size {
		return
	}
	if size > p.size {
		p.scaledUp++
	} else {
		p.scaledDown++
	}
	p.log(slog.LevelDebug, "number of workers changed",
		"from", p.size, "to", size, "busy", p.busy, "runnable", p.queue.runnable, "queued", p.queue.queued)
	p.size = size
	p.trimIdle(now)
}

// trimIdle makes p.idle as long as there are workers without a task: it removes those that have been idle longest, and new ones
// are idle from now on. p.mu must be held.
func (p *Pool) trimIdle(now time.Time) {
	want := max(0, p.size-p.busy)
	if len(p.idle) > want {
		p.idle = slices.Delete(p.idle, 0, len(p.idle)-want)
	}
	for len(p.idle) < want {
		p.idle = append(p.idle, now)
	}
}

// scheduleTick sets the timer for the next decision: soon while tasks need a worker, when the next worker will have been idle
// for long enough, or not at all while there is nothing to decide. p.mu must be held.
func (p *Pool) scheduleTick(now time.Time) {
	var due time.Time
	switch {
	case p.closed || p.ticking:
	case p.queue.runnable > 0:
		due = p.lastTick.Add(p.opts.Interval)
	case len(p.idle) > 0 && p.size > min(p.opts.Min, p.maxWorkers()):
		due = p.idle[0].Add(p.opts.Idle)
	}
	switch {
	case due.Equal(p.due):
	case due.IsZero():
		p.timer.Stop()
	case p.timer == nil:
		p.timer = time.AfterFunc(due.Sub(now), p.tick)
	default:
		p.timer.Reset(due.Sub(now))
	}
	p.due = due
}

// tick decides about the number of workers.
func (p *Pool) tick() {
	p.mu.Lock()
	if p.closed || p.ticking {
		p.unlock()
		return
	}
	p.ticking, p.due = true, time.Time{}
	p.unlock()
	capacity := p.hostCapacity()

	p.mu.Lock()
	defer p.unlock()
	now := time.Now()
	p.ticking, p.lastTick, p.capacity = false, now, capacity
	p.resize(scale(p.situation(now)), now)
	p.dispatch(now)
	p.scheduleTick(now)
	p.checkDrained()
}

// situation returns the input of the next decision. p.mu must be held.
func (p *Pool) situation(now time.Time) situation {
	s := situation{
		size: p.size, busy: p.busy, backlog: p.queue.runnable,
		min: p.opts.Min, max: p.maxWorkers(), targetAge: p.opts.TargetAge,
	}
	if s.backlog > 0 {
		s.oldest = now.Sub(p.queue.oldest(true))
	}
	for _, since := range p.idle {
		if now.Sub(since) >= p.opts.Idle {
			s.expired++
		}
	}
	return s
}
