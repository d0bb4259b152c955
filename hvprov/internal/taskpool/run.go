// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"context"
	"errors"
	"runtime/debug"
	"time"
)

// dispatch starts the tasks that may start.
func (p *Pool) dispatch(now time.Time) {
	for h := p.next(now); h != nil; h = p.next(now) {
		go p.work(h)
	}
}

// next gives a task to start, for which there is a worker from now on. Nil: none may.
func (p *Pool) next(now time.Time) *Handle {
	if p.busy >= p.size {
		return nil
	}
	h := p.queue.first()
	for h != nil && h.ctx.Err() != nil { // its watch has not come round to it yet
		p.drop(h, context.Cause(h.ctx))
		h = p.queue.first()
	}
	if h == nil {
		return nil
	}
	p.queue.start(h)
	p.busy++
	p.idle = p.idle[:max(0, p.size-p.busy)]
	h.state, h.started = running, now
	h.category.queued--
	h.category.running++
	h.category.counts.Started++
	h.category.wait.Add(now.Sub(h.came))
	return h
}

// work is a worker: it runs a task, and then others while there are some for it.
func (p *Pool) work(h *Handle) {
	for h != nil {
		h = p.run(h)
	}
}

// run runs a task and gives the next one for this worker.
func (p *Pool) run(h *Handle) (next *Handle) {
	ctx, unlimit := h.ctx, func() {}
	if h.task.Limit > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, h.task.Limit, h.limit)
		unhook := context.AfterFunc(limited, func() { p.interrupt(h, context.Cause(limited)) })
		ctx, unlimit = limited, func() { unhook(); cancel() }
	}
	var err error
	returned := false
	defer func() {
		var panicError *PanicError
		exits := false
		if !returned {
			value := recover() // Go gives an error of its own for a panic with nil
			if exits = value == nil; exits {
				value = errGoexit
			}
			panicError = &PanicError{Origin: h.origin, Value: value, Stack: debug.Stack()}
		}
		cause := context.Cause(ctx)
		unlimit()
		next = p.finish(h, cause, err, panicError)
		if exits && next != nil {
			go p.work(next) // this goroutine ends here
		}
	}()
	err = h.task.Run(ctx)
	returned = true
	return nil
}

// finish takes note of a task that returned or panicked, and gives the next one for its worker. cause is why its context
// had ended, if it had.
func (p *Pool) finish(h *Handle, cause, err error, panicError *PanicError) *Handle {
	h.unhook()
	h.cancel(nil)
	allowed := p.askAllowed()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.allowed = allowed
	p.queue.release(h.line)
	if h.grace != nil {
		h.grace.Stop()
	}
	var next *Handle
	if h.state == stuck { // its worker was given up already, and another may be in its place
		p.stuck--
		h.state = ended
		p.opts.Logger.Info("a stuck task has returned", "category", h.origin.Category, "host", h.origin.Host)
		p.resize(p.size, now)
	} else {
		p.leave(h, now)
		switch {
		case panicError != nil:
			p.end(h, ended, panicked, panicError)
		case err == nil: // also where it had done its work before it saw that it should not
			p.end(h, ended, finished, nil)
		case cause == nil:
			p.end(h, ended, failed, err)
		default:
			outcome, err := h.interrupted(cause, err)
			p.end(h, ended, outcome, err)
		}
		p.resize(p.size, now)
		next = p.next(now)
	}
	p.dispatch(now)
	p.arm(now)
	p.checkDrained()
	return next
}

// interrupt is called when a task's context has ended.
func (p *Pool) interrupt(h *Handle, cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case h.state == waiting:
		p.drop(h, cause)
		p.arm(time.Now())
	case h.state == running && h.grace == nil:
		h.grace = time.AfterFunc(p.opts.Grace, func() { p.giveUp(h, cause) })
	}
}

// drop ends a task that waits.
func (p *Pool) drop(h *Handle, cause error) {
	p.queue.remove(h)
	h.category.queued--
	p.end(h, ended, cancelled, &CancelledError{Origin: h.origin, Cause: cause})
	h.unhook()
	h.cancel(cause)
}

// giveUp ends a task that does not return: its worker is lost, and another may start.
func (p *Pool) giveUp(h *Handle, cause error) {
	allowed := p.askAllowed()
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.state != running {
		return
	}
	now := time.Now()
	p.allowed = allowed
	outcome, err := h.interrupted(cause, nil)
	p.stuck++
	h.category.counts.GivenUp++
	p.leave(h, now)
	p.end(h, stuck, outcome, &StuckError{Origin: h.origin, Grace: p.opts.Grace, Cause: err})
	p.opts.Logger.Warn("a task was cancelled and does not return: its worker is given up",
		"category", h.origin.Category, "host", h.origin.Host, "grace", p.opts.Grace, "stuck", p.stuck)
	p.resize(p.size, now)
	p.dispatch(now)
	p.arm(now)
	p.checkDrained()
}

// leave frees the worker of a task that has run.
func (p *Pool) leave(h *Handle, now time.Time) {
	p.busy--
	if len(p.idle) < p.size-p.busy {
		p.idle = append(p.idle, now)
	}
	h.category.running--
	h.category.run.Add(now.Sub(h.started))
}

// end tells those who wait for a task how it ended.
func (p *Pool) end(h *Handle, to state, o outcome, err error) {
	delete(p.tasks, h)
	h.state, h.err = to, err
	*o(&h.category.counts)++
	close(h.done)
}

// outcome is the way in which a task ended, as the count that it goes to.
type outcome func(*Counts) *uint64

func finished(c *Counts) *uint64  { return &c.Finished }
func failed(c *Counts) *uint64    { return &c.Failed }
func timedOut(c *Counts) *uint64  { return &c.TimedOut }
func cancelled(c *Counts) *uint64 { return &c.Cancelled }
func panicked(c *Counts) *uint64  { return &c.Panicked }

// interrupted says how a task ended that was cancelled. err is what it returned; nil: it is stuck.
func (h *Handle) interrupted(cause, err error) (outcome, error) {
	if errors.Is(cause, h.limit) {
		return timedOut, &LimitError{Origin: h.origin, Limit: h.task.Limit, Err: err}
	}
	return cancelled, &CancelledError{Origin: h.origin, Started: true, Cause: cause, Err: err}
}
