// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"context"
	"time"
)

// Task is work for a host.
type Task struct {
	// Category is the kind of work, such as "inventory" or "provision", for metrics and Priority. Defaults to "other". Metrics
	// are kept for the first 64 categories, and all others are counted as "other".
	Category string
	// Host is the name of the host that the task is for. Empty: no host, and no PerHost limit.
	Host string
	// Limit is how long the task may run, without the time that it is queued. Then its context is cancelled. Defaults to no
	// limit.
	Limit time.Duration
	// Run does the work. It must return soon after its context has ended.
	Run func(ctx context.Context) error
}

// state is the state of a task in its pool.
type state int

const (
	queued state = iota
	running
	stuck // abandoned, and still running
	ended
)

// Handle is a task that a pool has accepted.
type Handle struct {
	task     Task
	origin   Origin
	ctx      context.Context // of the task; kept while the task is queued
	cancel   context.CancelCauseFunc
	stopHook func() bool // removes the hook for the end of ctx
	limit    *LimitError // cause of the context when the limit cancels it; nil without a limit

	done chan struct{} // closed when the task has ended or is stuck
	err  error         // written before done is closed

	// pool.mu guards the following fields.
	state      state
	category   *category
	host       *hostQueue
	level      int           // index of the category in Options.Priority
	order      time.Duration // position in the queue: enqueue time, plus PriorityAging for each level
	seq        uint64        // orders tasks with the same position
	enqueuedAt time.Time
	startedAt  time.Time
	grace      *time.Timer // set when the task is cancelled while it is running
	prev, next *Handle     // neighbours of the same host and level
}

// Done returns a channel that is closed when the task has ended or was abandoned.
func (h *Handle) Done() <-chan struct{} { return h.done }

// Err returns the error of the task once Done is closed, and nil before.
func (h *Handle) Err() error {
	select {
	case <-h.done:
		return h.err
	default:
		return nil
	}
}
