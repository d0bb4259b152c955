// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
)

// Errors that [errors.Is] matches.
var (
	// ErrClosed is the error of a task that was submitted after [Pool.Close], or that Close cancelled.
	ErrClosed = cause.ErrClosed
	// ErrNested is the error of a task that waits for another task of its pool. Enough of them would wait for each other
	// forever.
	ErrNested = errors.New("a task cannot wait for another task of the same pool")
	// ErrStuck is the error of a task that did not return after it was cancelled. Its outcome is unknown.
	ErrStuck = errors.New("task does not return")
)

// Origin identifies the task that an error is about.
type Origin struct {
	Pool     string
	Category string
	Host     string // empty for a task without a host
}

func (o Origin) String() string {
	s := fmt.Sprintf("%s task in pool %s", o.Category, o.Pool)
	if o.Host != "" {
		s += " on host " + o.Host
	}
	return s
}

// LimitError reports a task that exceeded its limit. It matches [context.DeadlineExceeded]. In the task it is the
// [context.Cause] of its context.
type LimitError struct {
	Origin
	Limit time.Duration
	Err   error // the error of the task; nil in the task itself, and for a stuck one
}

func (e *LimitError) Error() string {
	return withCause(fmt.Sprintf("%v exceeded its time limit of %v", e.Origin, e.Limit), e.Err)
}

// Is reports whether target is [context.DeadlineExceeded].
func (e *LimitError) Is(target error) bool { return target == context.DeadlineExceeded }

// Unwrap returns the error of the task.
func (e *LimitError) Unwrap() error { return e.Err }

// CancelledError reports a task that its context or [Pool.Close] cancelled.
type CancelledError struct {
	Origin
	Started bool  // false: the task was still queued and has done nothing
	Cause   error // the cause of the context, or [ErrClosed]
	Err     error // the error of the task; nil if it had not started or is stuck
}

func (e *CancelledError) Error() string {
	when := "before it started"
	if e.Started {
		when = "while it was running"
	}
	text := fmt.Sprintf("%v was cancelled %s: %v", e.Origin, when, e.Cause)
	if e.Err == nil || errors.Is(e.Cause, e.Err) {
		return text
	}
	return withCause(text, e.Err)
}

// Unwrap returns the cause and the error of the task.
func (e *CancelledError) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Cause}
	}
	return []error{e.Cause, e.Err}
}

// StuckError reports a task that was cancelled, did not return, and was abandoned. It matches [ErrStuck].
type StuckError struct {
	Origin
	Grace time.Duration // how long the pool waited for it
	Cause error         // why it was cancelled: a [*LimitError] or a [*CancelledError]
}

func (e *StuckError) Error() string {
	return fmt.Sprintf("%v; it did not return within %v and was abandoned: its effect on the host is unknown", e.Cause, e.Grace)
}

// Is reports whether target is [ErrStuck].
func (e *StuckError) Is(target error) bool { return target == ErrStuck }

// Unwrap returns the cause.
func (e *StuckError) Unwrap() error { return e.Cause }

// PanicError reports a task that panicked, or ended its goroutine with [runtime.Goexit]. Other tasks are not affected.
type PanicError struct {
	Origin
	Value any    // the value of the panic
	Stack []byte // of the task's goroutine, as returned by debug.Stack
}

func (e *PanicError) Error() string { return fmt.Sprintf("%v: panic: %v", e.Origin, e.Value) }

// Unwrap returns the value of the panic, if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// errGoexit is the value of a PanicError without a panic.
var errGoexit = errors.New("task ended its goroutine (runtime.Goexit)")

func withCause(text string, err error) string {
	if err == nil {
		return text
	}
	return text + ": " + err.Error()
}
