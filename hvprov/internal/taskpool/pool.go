// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Pool runs a bounded number of tasks at once. It is safe for concurrent use. Close it when it is no longer needed.
type Pool struct {
	opts      Options
	createdAt time.Time

	mu      sync.Mutex
	queue   *queue
	tasks   map[*Handle]struct{} // queued or running
	seq     uint64
	busy    int // running tasks, without stuck ones
	stuck   int // abandoned tasks that have not returned
	closed  bool
	drained chan struct{} // closed when the pool is closed and runs nothing; created by Close
	logs    []logEntry    // written by unlock

	categories map[string]*category
}

// logEntry is a log record. Log handlers can block and call back, so they are not called under the lock.
type logEntry struct {
	level   slog.Level
	message string
	args    []any
}

// poolKey is the key of a value in the contexts of a pool's tasks.
type poolKey struct{ *Pool }

// NewPool returns a pool, or an error for invalid options. It starts no goroutine.
func NewPool(opts Options) (*Pool, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Pool{
		opts: opts, createdAt: time.Now(), tasks: map[*Handle]struct{}{}, categories: map[string]*category{},
		queue: newQueue(opts.PerHost, len(opts.Priority)+1),
	}, nil
}

// Do runs a task and returns its error once it has ended or was abandoned. The error is that of the task, or a [*LimitError],
// [*CancelledError], [*StuckError] or [*PanicError]; or that of [Pool.Go] for a task that was not accepted. In a task of the
// same pool Do fails with [ErrNested].
func (p *Pool) Do(ctx context.Context, task Task) error {
	if ctx.Value(poolKey{p}) != nil {
		return fmt.Errorf("pool %s: %w: do the work in the task itself, or in another pool", p.opts.Name, ErrNested)
	}
	h, err := p.Go(ctx, task)
	if err != nil {
		return err
	}
	<-h.done
	return h.err
}

// Go submits a task and does not wait for it. When ctx ends, a queued task is dropped at once, and a running one is cancelled.
// Go fails with [ErrClosed] when the pool is closed, and with a [*CancelledError] when ctx has ended already.
func (p *Pool) Go(ctx context.Context, task Task) (*Handle, error) {
	if task.Category == "" {
		task.Category = otherCategory
	}
	h := &Handle{
		task: task, done: make(chan struct{}), level: p.level(task.Category),
		origin: Origin{Pool: p.opts.Name, Category: task.Category, Host: task.Host},
	}
	switch {
	case task.Run == nil:
		return nil, fmt.Errorf("%v: Run is required", h.origin)
	case task.Limit < 0:
		return nil, fmt.Errorf("%v: Limit must not be negative; 0 means no limit", h.origin)
	case ctx.Err() != nil:
		return nil, &CancelledError{Origin: h.origin, Cause: context.Cause(ctx)}
	}
	if task.Limit > 0 {
		h.limit = &LimitError{Origin: h.origin, Limit: task.Limit}
	}
	h.ctx, h.cancel = context.WithCancelCause(context.WithValue(ctx, poolKey{p}, true))
	if err := p.enqueue(h); err != nil {
		h.cancel(err)
		return nil, err
	}
	return h, nil
}

func (p *Pool) enqueue(h *Handle) error {
	p.mu.Lock()
	defer p.unlock()
	h.category = p.category(h.task.Category)
	if p.closed {
		h.category.counts.Refused++
		return fmt.Errorf("%v: %w", h.origin, ErrClosed)
	}
	now := time.Now()
	p.seq++
	h.seq, h.enqueuedAt = p.seq, now
	h.order = now.Sub(p.createdAt) + time.Duration(h.level)*p.opts.PriorityAging
	h.category.counts.Submitted++
	h.category.queued++
	p.tasks[h] = struct{}{}
	p.queue.push(h)
	h.stopHook = context.AfterFunc(h.ctx, func() { p.contextEnded(h, context.Cause(h.ctx)) })
	p.dispatch(now)
	return nil
}

// level returns the priority level of a category; 0 is the most urgent one.
func (p *Pool) level(category string) int {
	if i := slices.Index(p.opts.Priority, category); i >= 0 {
		return i
	}
	return len(p.opts.Priority)
}

// log records an entry for unlock. p.mu must be held.
func (p *Pool) log(level slog.Level, message string, args ...any) {
	p.logs = append(p.logs, logEntry{level, message, args})
}

// unlock unlocks p.mu and writes what was logged under it.
func (p *Pool) unlock() {
	logs := p.logs
	p.logs = nil
	p.mu.Unlock()
	for _, entry := range logs {
		p.opts.Logger.Log(context.Background(), entry.level, entry.message, entry.args...)
	}
}

// Close rejects further tasks and drops the queued ones, whose errors match [ErrClosed]. It waits for the running tasks until
// ctx ends, then cancels them, and waits until they have ended or, after Grace, are abandoned. When Close returns, the pool has
// no goroutines but those of stuck tasks. The error reports tasks that were cancelled, and matches [ErrStuck] if some are stuck.
func (p *Pool) Close(ctx context.Context) error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		p.drained = make(chan struct{})
		for h := range p.tasks {
			if h.state == queued {
				p.drop(h, ErrClosed)
			}
		}
		p.checkDrained()
	}
	p.unlock()
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
	p.unlock()
	<-p.drained
	return p.closeError(context.Cause(ctx), cancelled)
}

func (p *Pool) closeError(cause error, cancelled int) error {
	p.mu.Lock()
	stuck := p.stuck
	p.unlock()
	var errs []error
	if cancelled > 0 {
		errs = append(errs, fmt.Errorf("pool %s: %d running tasks were cancelled: %w", p.opts.Name, cancelled, cause))
	}
	if stuck > 0 {
		errs = append(errs, fmt.Errorf("pool %s: %d tasks are stuck: %w", p.opts.Name, stuck, ErrStuck))
	}
	return errors.Join(errs...)
}

// checkDrained wakes Close when nothing runs any more. p.mu must be held.
func (p *Pool) checkDrained() {
	if !p.closed || p.busy > 0 {
		return
	}
	select {
	case <-p.drained:
	default:
		close(p.drained)
	}
}
