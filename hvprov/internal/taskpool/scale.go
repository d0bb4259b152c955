// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"slices"
	"time"
)

// situation is all that the number of workers is decided from.
type situation struct {
	size    int           // workers that there may be now
	busy    int           // workers that run a task
	expired int           // workers that have had no work for the idle time
	backlog int           // tasks that wait for nothing but a worker
	oldest  time.Duration // how long the oldest of these has waited

	min, ceiling int // the ceiling goes before the minimum
	targetAge    time.Duration
	load, most   Load // as sampled, where tasks wait, and from which on the pool does not grow
}

// starving is how many times the time that a task may wait it has waited when it starves.
const starving = 4

// scale decides how many workers there may be.
//
// It doubles them, where so many tasks wait, once as many wait as there are workers or one has waited for too long. It
// lets go of those that have had no work for a while. A machine that is short of processor or memory gets no more
// workers; while tasks wait, one that is very short loses them one by one, busy ones when their task ends.
//
// A processor that is busy holds the pool back only for as long as no task starves: workers mostly wait for their hosts, and
// where all of them wait for hosts that do not answer, it is something else that keeps the processor busy.
func scale(s situation) int {
	size := s.size
	if s.backlog > 0 && s.oldest >= starving*s.targetAge {
		s.load.CPU = 0
	}
	switch {
	case s.backlog == 0:
		size -= s.expired
	case s.load.exceeds(s.most.halfToFull()):
		size--
	case s.busy >= size && !s.load.exceeds(s.most) && (s.backlog >= size || s.oldest >= s.targetAge):
		size += min(s.backlog, max(1, size))
	}
	return min(max(size, s.min), s.ceiling)
}

// ceiling gives how many workers there may be at most. Stuck tasks leave Max their places, as long as these are not more
// than Max, and keep them of what the hosts allow.
func (p *Pool) ceiling() int {
	ceiling := p.opts.Max - max(0, p.stuck-p.opts.Max)
	if p.opts.Allowed != nil {
		ceiling = min(ceiling, p.allowed-p.stuck)
	}
	return max(0, ceiling)
}

// resize sets the number of workers, and keeps it within its bounds.
func (p *Pool) resize(size int, now time.Time) {
	ceiling := p.ceiling()
	size = min(max(size, p.opts.Min), ceiling)
	if size == p.size {
		return
	}
	if size > p.size {
		p.scaledUp++
	} else {
		p.scaledDown++
	}
	p.opts.Logger.Debug("workers", "from", p.size, "to", size, "busy", p.busy, "runnable", p.queue.runnable, "queued", p.queue.waiting)
	p.size = size
	p.settle(now)
}

// settle makes idle hold a time for each worker without work: those without for longest go, and new ones begin now.
func (p *Pool) settle(now time.Time) {
	want := max(0, p.size-p.busy)
	if len(p.idle) > want {
		p.idle = slices.Delete(p.idle, 0, len(p.idle)-want)
	}
	for len(p.idle) < want {
		p.idle = append(p.idle, now)
	}
}

// arm sees to it that the next decision is made in time: soon while tasks wait for a worker, when the next worker will
// have idled for long enough, or never, while there is nothing to decide.
func (p *Pool) arm(now time.Time) {
	var due time.Time
	switch {
	case p.closed || p.stepping:
	case p.queue.runnable > 0:
		due = p.stepped.Add(p.opts.Interval)
	case len(p.idle) > 0 && p.size > min(p.opts.Min, p.ceiling()):
		due = p.idle[0].Add(p.opts.Idle)
	}
	switch {
	case due.Equal(p.due):
	case due.IsZero():
		p.timer.Stop()
	case p.timer == nil:
		p.timer = time.AfterFunc(due.Sub(now), p.step)
	default:
		p.timer.Reset(due.Sub(now))
	}
	p.due = due
}

// step samples and decides.
func (p *Pool) step() {
	p.mu.Lock()
	if p.closed || p.stepping {
		p.mu.Unlock()
		return
	}
	p.stepping, p.due = true, time.Time{}
	tasksWait := p.queue.runnable > 0
	sample := p.load
	p.mu.Unlock()

	// Neither is asked under the lock: they may take theirs.
	if tasksWait {
		sample = LoadSample{Load: p.opts.Load().cleaned(), At: time.Now()}
	}
	allowed := p.askAllowed()

	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.stepping, p.stepped = false, now
	p.load, p.allowed = sample, allowed
	p.resize(scale(p.situation(now)), now)
	p.dispatch(now)
	p.arm(now)
	p.checkDrained()
}

func (p *Pool) situation(now time.Time) situation {
	s := situation{
		size: p.size, busy: p.busy, backlog: p.queue.runnable,
		min: p.opts.Min, ceiling: p.ceiling(), targetAge: p.opts.TargetAge,
		load: p.load.Load, most: p.opts.MaxLoad,
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
