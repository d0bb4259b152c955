// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"context"
	"time"
)

// Task is work for a host.
type Task struct {
	// Category is the kind of work, such as "inventory" or "provision", for metrics and for the order of tasks. Empty:
	// "other". Use few: metrics are kept of the first 64, and all others are counted as "other".
	Category string
	// Host is the name of the host that the task is for. Empty: no host, and no bound of one.
	Host string
	// Limit is how long the task may run; then its context is cancelled. The time that it waits does not count. 0: no
	// limit.
	Limit time.Duration
	// Run does the work. It has to return soon after its context has ended, and to stop what it began on the host.
	Run func(ctx context.Context) error
}

// state is where a task is in its life.
type state int

const (
	waiting state = iota
	running
	stuck // given up, and not returned
	ended
)

// Handle is a task that a pool has taken.
type Handle struct {
	pool   *Pool
	task   Task
	origin Origin
	ctx    context.Context // the task's, kept for as long as the task waits
	cancel context.CancelCauseFunc
	unhook func() bool // ends the watch on ctx
	limit  *LimitError // the cause that the task's context has where its limit ends it; nil: it has no limit

	done chan struct{} // closed when the task has ended or is stuck
	err  error         // written before done is closed

	// What follows belongs to pool.mu.
	state      state
	category   *category
	line       *line
	level      int
	order      time.Duration // the task's turn: when it came, later by a head start for each level
	seq        uint64        // tells apart what came at once
	came       time.Time
	started    time.Time
	grace      *time.Timer // set when the task was cancelled while it ran
	prev, next *Handle     // neighbours of the same host and level
}

// Done is closed when the task has ended, or was given up.
func (h *Handle) Done() <-chan struct{} { return h.done }

// Err gives the task's error once Done is closed, and nil before.
func (h *Handle) Err() error {
	select {
	case <-h.done:
		return h.err
	default:
		return nil
	}
}

// Cancel cancels the task, waiting or running, and does not wait for its end.
func (h *Handle) Cancel() { h.cancel(context.Canceled) }

// Wait waits for the task's end and gives its error. It gives that of ctx when this ends first; the task goes on.
// Inside a task of the same pool it is
// refused with [ErrNested] where it would have to wait.
func (h *Handle) Wait(ctx context.Context) error {
	select {
	case <-h.done:
		return h.err
	default:
	}
	if err := h.pool.checkNested(ctx); err != nil {
		return err
	}
	select {
	case <-h.done:
		return h.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
