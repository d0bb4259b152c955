// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What [errors.Is] finds in the errors of this package.
var (
	// ErrClosed is of a task that came after [Pool.Close], or that Close cancelled.
	ErrClosed = errors.New("the pool is closed")
	// ErrFull is of a task that came when MaxQueued tasks were waiting. It was not taken: try it again later.
	ErrFull = errors.New("the pool's queue is full")
	// ErrNested is of a task that wanted to wait for a task of its own pool. Tasks that hold a worker while they wait for
	// another would, once there are enough of them, wait for ever.
	ErrNested = errors.New("a task cannot wait for another task of the same pool")
	// ErrStuck is of a task that did not return after it was cancelled. What it did, or still does, is not known.
	ErrStuck = errors.New("the task does not return")
)

// Origin says which task an error is about.
type Origin struct {
	Pool     string
	Category string
	Host     string // empty for a task of no host
}

func (o Origin) String() string {
	s := fmt.Sprintf("%s task in pool %s", o.Category, o.Pool)
	if o.Host != "" {
		s += " on host " + o.Host
	}
	return s
}

// LimitError is a task that its limit cancelled. It is [context.DeadlineExceeded]. Inside the task it is the cause of the
// context's end, as [context.Cause] gives it.
type LimitError struct {
	Origin
	Limit time.Duration
	Err   error // what the task returned; nil inside the task, and for one that is stuck
}

func (e *LimitError) Error() string {
	return withCause(fmt.Sprintf("%v: cancelled because it ran for longer than %v", e.Origin, e.Limit), e.Err)
}

// Is reports whether target is [context.DeadlineExceeded].
func (e *LimitError) Is(target error) bool { return target == context.DeadlineExceeded }

// Unwrap gives what the task returned.
func (e *LimitError) Unwrap() error { return e.Err }

// CancelledError is a task that its context, [Handle.Cancel] or [Pool.Close] cancelled.
type CancelledError struct {
	Origin
	Started bool  // false: it was still waiting, and has done nothing
	Cause   error // why: that of the context, [context.Canceled] or [ErrClosed]
	Err     error // what the task returned; nil for one that had not started or is stuck
}

func (e *CancelledError) Error() string {
	when := "before it started"
	if e.Started {
		when = "while it ran"
	}
	text := fmt.Sprintf("%v: cancelled %s: %v", e.Origin, when, e.Cause)
	if e.Err == nil || errors.Is(e.Cause, e.Err) {
		return text
	}
	return withCause(text, e.Err)
}

// Unwrap gives the cause and what the task returned.
func (e *CancelledError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Cause}
	}
	return []error{e.Cause, e.Err}
}

// StuckError is a task that was given up: it was cancelled and did not return. It is [ErrStuck].
type StuckError struct {
	Origin
	Grace time.Duration // for how long it was waited for
	Cause error         // why it was cancelled: a [*LimitError] or a [*CancelledError]
}

func (e *StuckError) Error() string {
	return fmt.Sprintf("%v; it has not returned within %v since and is no longer waited for: what it does on the host is not known", e.Cause, e.Grace)
}

// Is reports whether target is [ErrStuck].
func (e *StuckError) Is(target error) bool { return target == ErrStuck }

// Unwrap gives the cause.
func (e *StuckError) Unwrap() error { return e.Cause }

// PanicError is a task that panicked, or that ended its goroutine with [runtime.Goexit]. Other tasks know nothing of it.
type PanicError struct {
	Origin
	Value any    // what was panicked with
	Stack []byte // of the task's goroutine, as debug.Stack gives it
}

func (e *PanicError) Error() string { return fmt.Sprintf("%v: panic: %v", e.Origin, e.Value) }

// Unwrap gives the value, if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// errGoexit is the value of a PanicError where there was no panic.
var errGoexit = errors.New("the task ended its goroutine (runtime.Goexit)")

func withCause(text string, err error) string {
	if err == nil {
		return text
	}
	return text + ": " + err.Error()
}
