// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"
)

// dispatch starts all tasks that may start. p.mu must be held.
func (p *Pool) dispatch(now time.Time) {
	for h := p.startNext(now); h != nil; h = p.startNext(now) {
		go p.work(h)
	}
}

// startNext marks the next task as running and returns it for a worker, or returns nil if none may start. p.mu must be held.
func (p *Pool) startNext(now time.Time) *Handle {
	if p.busy >= p.size {
		return nil
	}
	h := p.queue.first()
	for h != nil && h.ctx.Err() != nil { // contextEnded has not run yet
		p.drop(h, context.Cause(h.ctx))
		h = p.queue.first()
	}
	if h == nil {
		return nil
	}
	p.queue.start(h)
	p.busy++
	p.idle = p.idle[:max(0, p.size-p.busy)]
	h.state, h.startedAt = running, now
	h.category.queued--
	h.category.running++
	h.category.counts.Started++
	h.category.wait.Add(now.Sub(h.enqueuedAt))
	return h
}

// work is a worker: it runs a task, and then others while there are any.
func (p *Pool) work(h *Handle) {
	for h != nil {
		h = p.run(h)
	}
}

// run runs a task and returns the next one for this worker.
func (p *Pool) run(h *Handle) (next *Handle) {
	ctx, stopLimit := h.ctx, func() {}
	if h.task.Limit > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, h.task.Limit, h.limit)
		stopHook := context.AfterFunc(limited, func() { p.contextEnded(h, context.Cause(limited)) })
		ctx, stopLimit = limited, func() { stopHook(); cancel() }
	}
	var err error
	returned := false
	defer func() {
		var panicError *PanicError
		goexit := false
		if !returned {
			value := recover() // never nil for a panic: Go replaces panic(nil)
			if goexit = value == nil; goexit {
				value = errGoexit
			}
			panicError = &PanicError{Origin: h.origin, Value: value, Stack: debug.Stack()}
		}
		cause := context.Cause(ctx)
		stopLimit()
		next = p.finish(h, cause, err, panicError)
		if goexit && next != nil {
			go p.work(next) // this goroutine ends here
		}
	}()
	err = h.task.Run(ctx)
	returned = true
	return nil
}

// finish records the end of a task and returns the next one for its worker. cause is the cause of its context, if that had
// ended.
func (p *Pool) finish(h *Handle, cause, err error, panicError *PanicError) *Handle {
	h.stopHook()
	h.cancel(nil)
	capacity := p.hostCapacity()
	p.mu.Lock()
	defer p.unlock()
	now := time.Now()
	p.capacity = capacity
	p.queue.release(h.host)
	if h.grace != nil {
		h.grace.Stop()
	}
	var next *Handle
	if h.state == stuck { // its worker was replaced when it was abandoned
		p.stuck--
		h.state = ended
		p.log(slog.LevelInfo, "stuck task has returned", "category", h.origin.Category, "host", h.origin.Host)
		p.resize(p.size, now)
	} else {
		p.freeWorker(h, now)
		switch {
		case panicError != nil:
			p.end(h, ended, panicked, panicError)
		case err == nil: // also if it was cancelled after its work was done
			p.end(h, ended, finished, nil)
		case cause == nil:
			p.end(h, ended, failed, err)
		default:
			outcome, err := h.cancellation(cause, err)
			p.end(h, ended, outcome, err)
		}
		p.resize(p.size, now)
		next = p.startNext(now)
	}
	p.dispatch(now)
	p.scheduleTick(now)
	p.checkDrained()
	return next
}

// contextEnded drops a queued task, or starts the grace period of a running one.
func (p *Pool) contextEnded(h *Handle, cause error) {
	p.mu.Lock()
	defer p.unlock()
	switch {
	case h.state == queued:
		p.drop(h, cause)
		p.scheduleTick(time.Now())
	case h.state == running && h.grace == nil:
		h.grace = time.AfterFunc(p.opts.Grace, func() { p.abandon(h, cause) })
	}
}

// drop ends a queued task. p.mu must be held.
func (p *Pool) drop(h *Handle, cause error) {
	p.queue.remove(h)
	h.category.queued--
	p.end(h, ended, cancelled, &CancelledError{Origin: h.origin, Cause: cause})
	h.stopHook()
	h.cancel(cause)
}

// abandon ends a task that does not return. Its worker is lost, and another may start.
func (p *Pool) abandon(h *Handle, cause error) {
	capacity := p.hostCapacity()
	p.mu.Lock()
	defer p.unlock()
	if h.state != running {
		return
	}
	now := time.Now()
	p.capacity = capacity
	outcome, err := h.cancellation(cause, nil)
	p.stuck++
	h.category.counts.Abandoned++
	p.freeWorker(h, now)
	p.end(h, stuck, outcome, &StuckError{Origin: h.origin, Grace: p.opts.Grace, Cause: err})
	p.log(slog.LevelWarn, "cancelled task does not return and was abandoned",
		"category", h.origin.Category, "host", h.origin.Host, "grace", p.opts.Grace, "stuck", p.stuck)
	p.resize(p.size, now)
	p.dispatch(now)
	p.scheduleTick(now)
	p.checkDrained()
}

// freeWorker frees the worker of a task that has run. p.mu must be held.
func (p *Pool) freeWorker(h *Handle, now time.Time) {
	p.busy--
	if len(p.idle) < p.size-p.busy {
		p.idle = append(p.idle, now)
	}
	h.category.running--
	h.category.run.Add(now.Sub(h.startedAt))
}

// end completes the handle of a task. p.mu must be held.
func (p *Pool) end(h *Handle, to state, o outcome, err error) {
	delete(p.tasks, h)
	h.state, h.err = to, err
	*o(&h.category.counts)++
	close(h.done)
}

// outcome returns the counter of the way in which a task ended.
type outcome func(*Counts) *uint64

func finished(c *Counts) *uint64  { return &c.Finished }
func failed(c *Counts) *uint64    { return &c.Failed }
func timedOut(c *Counts) *uint64  { return &c.TimedOut }
func cancelled(c *Counts) *uint64 { return &c.Cancelled }
func panicked(c *Counts) *uint64  { return &c.Panicked }

// cancellation returns the outcome and the error of a cancelled task. err is the error of the task, or nil if it is stuck.
func (h *Handle) cancellation(cause, err error) (outcome, error) {
	if errors.Is(cause, h.limit) {
		return timedOut, &LimitError{Origin: h.origin, Limit: h.task.Limit, Err: err}
	}
	return cancelled, &CancelledError{Origin: h.origin, Started: true, Cause: cause, Err: err}
}
