// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Pool runs tasks with a bounded number of workers. Its methods may be called from many goroutines. One that is no longer
// wanted is closed.
type Pool struct {
	opts Options
	born time.Time

	mu      sync.Mutex
	queue   *queue
	tasks   map[*Handle]struct{} // that wait or run
	seq     uint64
	size    int         // workers that there may be
	busy    int         // workers that there are
	stuck   int         // tasks given up and not returned
	idle    []time.Time // since when each of size-busy workers has had no work, the longest first
	allowed int         // what Allowed last said
	closed  bool
	drained chan struct{} // closed when the pool is closed and nothing runs; made by Close

	// For decisions on size; see arm.
	timer    *time.Timer
	due      time.Time // when the timer is due; zero: it is not set
	stepping bool      // a decision is being made
	stepped  time.Time // when the last one was

	load                 LoadSample
	scaledUp, scaledDown uint64
	categories           map[string]*category
}

// inPool is the key of a value in the contexts of a pool's tasks.
type inPool struct{ *Pool }

// NewPool gives a pool. It starts no goroutine. The error is one of options that do not hold together.
func NewPool(opts Options) (*Pool, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Pool{
		opts: opts, born: time.Now(), tasks: map[*Handle]struct{}{}, categories: map[string]*category{},
		queue: newQueue(opts.PerHost, len(opts.Priority)+1),
	}
	p.allowed = p.askAllowed()
	p.size = min(opts.Min, p.ceiling())
	p.settle(p.born)
	return p, nil
}

// Do runs a task and gives its error, once it has ended or, after its context or limit has cancelled it, was given up. The
// error is the task's own, or a [*LimitError], [*CancelledError], [*StuckError] or [*PanicError]; a task that was not taken
// is an error like that of [Pool.Go]. Inside a task of the same pool it is refused with [ErrNested].
func (p *Pool) Do(ctx context.Context, task Task) error {
	if err := p.checkNested(ctx); err != nil {
		return err
	}
	h, err := p.Go(ctx, task)
	if err != nil {
		return err
	}
	<-h.done
	return h.err
}

// Go gives the pool a task and does not wait for it. The task lives under ctx: when ctx ends, a task that waits is dropped
// at once, and one that runs is cancelled. A task is refused when the pool is closed, with [ErrClosed], when its queue is
// full, with [ErrFull], and when ctx has ended already.
func (p *Pool) Go(ctx context.Context, task Task) (*Handle, error) {
	if task.Category == "" {
		task.Category = otherCategory
	}
	h := &Handle{
		pool: p, task: task, done: make(chan struct{}), level: p.level(task.Category),
		origin: Origin{Pool: p.opts.Name, Category: task.Category, Host: task.Host},
	}
	switch {
	case task.Run == nil:
		return nil, fmt.Errorf("%v: it has no Run: set the function that does the work", h.origin)
	case task.Limit < 0:
		return nil, fmt.Errorf("%v: its limit is %v: leave it 0 for no limit", h.origin, task.Limit)
	case ctx.Err() != nil:
		return nil, &CancelledError{Origin: h.origin, Cause: context.Cause(ctx)}
	}
	if task.Limit > 0 {
		h.limit = &LimitError{Origin: h.origin, Limit: task.Limit}
	}
	h.ctx, h.cancel = context.WithCancelCause(context.WithValue(ctx, inPool{p}, true))
	allowed := p.askAllowed()
	if err := p.take(h, allowed); err != nil {
		h.cancel(err)
		return nil, err
	}
	return h, nil
}

// take puts a task into the queue.
func (p *Pool) take(h *Handle, allowed int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	h.category = p.category(h.task.Category)
	full := p.opts.MaxQueued > 0 && p.queue.waiting >= p.opts.MaxQueued
	if p.closed || full {
		h.category.counts.Refused++
		err := ErrClosed
		if !p.closed {
			err = ErrFull
		}
		return fmt.Errorf("%v: %w", h.origin, err)
	}
	now := time.Now()
	p.seq++
	h.seq, h.came = p.seq, now
	h.order = now.Sub(p.born) + time.Duration(h.level)*p.opts.HeadStart
	h.category.counts.Submitted++
	h.category.queued++
	p.tasks[h] = struct{}{}
	p.queue.push(h)
	h.unhook = context.AfterFunc(h.ctx, func() { p.interrupt(h, context.Cause(h.ctx)) })
	p.allowed = allowed
	p.resize(p.size, now)
	p.dispatch(now)
	p.arm(now)
	return nil
}

// level gives a category's place in the order of priority.
func (p *Pool) level(category string) int {
	if i := slices.Index(p.opts.Priority, category); i >= 0 {
		return i
	}
	return len(p.opts.Priority)
}

// askAllowed asks what the hosts allow. It is never called under the lock.
func (p *Pool) askAllowed() int {
	if p.opts.Allowed == nil {
		return 0
	}
	return p.opts.Allowed()
}

// checkNested refuses to wait in a task of this pool for another one.
func (p *Pool) checkNested(ctx context.Context) error {
	if ctx.Value(inPool{p}) == nil {
		return nil
	}
	return fmt.Errorf("pool %s: %w: run the work in the task itself, or in the other pool", p.opts.Name, ErrNested)
}

// Close takes no more tasks, and drops those that wait; their errors are [ErrClosed]. It waits for those that run until
// ctx ends, then cancels them, and waits for their end or, after Grace, gives them up. When it returns, the pool has no
// goroutine left but those of stuck tasks. The error tells of tasks that had to be cancelled, and is [ErrStuck] where
// some are stuck.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		p.drained = make(chan struct{})
		p.arm(time.Now())
		for h := range p.tasks {
			if h.state == waiting {
				p.drop(h, ErrClosed)
			}
		}
		p.checkDrained()
	}
	p.mu.Unlock()
	select {
	case <-p.drained:
		return p.closeError(nil, 0)
	default:
	}
	select {
	case <-p.drained:
		return p.closeError(nil, 0)
	case <-ctx.Done():
	}
	p.mu.Lock()
	cancelled := len(p.tasks)
	for h := range p.tasks {
		h.cancel(ErrClosed)
	}
	p.mu.Unlock()
	<-p.drained
	return p.closeError(context.Cause(ctx), cancelled)
}

func (p *Pool) closeError(cause error, cancelled int) error {
	p.mu.Lock()
	stuck := p.stuck
	p.mu.Unlock()
	var errs []error
	if cancelled > 0 {
		errs = append(errs, fmt.Errorf("pool %s: %d tasks had not ended and were cancelled: %w", p.opts.Name, cancelled, cause))
	}
	if stuck > 0 {
		errs = append(errs, fmt.Errorf("pool %s: %d tasks are left: %w", p.opts.Name, stuck, ErrStuck))
	}
	return errors.Join(errs...)
}

// checkDrained tells Close when nothing is left to wait for.
func (p *Pool) checkDrained() {
	if !p.closed || p.busy > 0 || p.stepping {
		return
	}
	select {
	case <-p.drained:
	default:
		close(p.drained)
	}
}
