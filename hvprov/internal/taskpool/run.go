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
		go p.run(h)
	}
}

// isFull reports whether Max tasks are running. Stuck tasks do not count, up to Max of them. p.mu must be held.
func (p *Pool) isFull() bool {
	return p.opts.Max > 0 && p.busy+max(0, p.stuck-p.opts.Max) >= p.opts.Max
}

// startNext marks the next task as running and returns it, or nil if none may start. p.mu must be held.
func (p *Pool) startNext(now time.Time) *Handle {
	if p.isFull() {
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
	h.state, h.startedAt = running, now
	h.category.queued--
	h.category.running++
	h.category.counts.Started++
	h.category.wait.Add(now.Sub(h.enqueuedAt))
	return h
}

// run runs a task and records its end.
func (p *Pool) run(h *Handle) {
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
		if !returned {
			value := recover()
			if value == nil { // not a panic: Go replaces panic(nil)
				value = errGoexit
			}
			panicError = &PanicError{Origin: h.origin, Value: value, Stack: debug.Stack()}
		}
		cause := context.Cause(ctx)
		stopLimit()
		p.finish(h, cause, err, panicError)
	}()
	err = h.task.Run(ctx)
	returned = true
}

// finish records the end of a task and starts others. cause is the cause of its context, if that had ended.
func (p *Pool) finish(h *Handle, cause, err error, panicError *PanicError) {
	h.stopHook()
	h.cancel(nil)
	p.mu.Lock()
	defer p.unlock()
	now := time.Now()
	p.queue.release(h.host)
	if h.grace != nil {
		h.grace.Stop()
	}
	if h.state == stuck { // another task could start when it was abandoned
		p.stuck--
		h.state = ended
		p.log(slog.LevelInfo, "stuck task has returned", "category", h.origin.Category, "host", h.origin.Host)
	} else {
		p.countEnd(h, now)
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
	}
	p.dispatch(now)
	p.checkDrained()
}

// contextEnded drops a queued task, or starts the grace period of a running one.
func (p *Pool) contextEnded(h *Handle, cause error) {
	p.mu.Lock()
	defer p.unlock()
	switch {
	case h.state == queued:
		p.drop(h, cause)
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

// abandon ends a task that does not return. Another task may start in its place.
func (p *Pool) abandon(h *Handle, cause error) {
	p.mu.Lock()
	defer p.unlock()
	if h.state != running {
		return
	}
	now := time.Now()
	outcome, err := h.cancellation(cause, nil)
	p.stuck++
	h.category.counts.Abandoned++
	p.countEnd(h, now)
	p.end(h, stuck, outcome, &StuckError{Origin: h.origin, Grace: p.opts.Grace, Cause: err})
	p.log(slog.LevelWarn, "cancelled task does not return and was abandoned",
		"category", h.origin.Category, "host", h.origin.Host, "grace", p.opts.Grace, "stuck", p.stuck)
	p.dispatch(now)
	p.checkDrained()
}

// countEnd ends the counting of a task as running. p.mu must be held.
func (p *Pool) countEnd(h *Handle, now time.Time) {
	p.busy--
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
