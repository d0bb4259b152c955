// SPDX-License-Identifier: MPL-2.0

package taskpool_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
)

func TestALimitCancelsTheTask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{})
		began := time.Now()
		var seen error
		err := p.Do(t.Context(), taskpool.Task{
			Category: "inventory", Host: "hv01", Limit: 15 * time.Second,
			Run: func(ctx context.Context) error {
				if deadline, ok := ctx.Deadline(); !ok || !deadline.Equal(began.Add(15*time.Second)) {
					t.Errorf("the deadline is %v, %v", deadline, ok)
				}
				<-ctx.Done()
				time.Sleep(time.Second) // undoes what it did
				seen = context.Cause(ctx)
				return ctx.Err()
			},
		})
		var limit *taskpool.LimitError
		if !errors.As(err, &limit) || limit.Host != "hv01" || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, taskpool.ErrStuck) {
			t.Errorf("got %v", err)
		}
		if want := "inventory task in pool test on host hv01: cancelled because it ran for longer than 15s: context deadline exceeded"; err.Error() != want {
			t.Errorf("got %v", err)
		}
		if !errors.As(seen, &limit) || time.Since(began) != 16*time.Second {
			t.Errorf("the task saw %v, and ended after %v", seen, time.Since(began))
		}
		if m := p.Metrics(); m.TimedOut != 1 || m.GivenUp != 0 || m.Stuck != 0 || m.Categories["inventory"].Run.Sum != 16*time.Second {
			t.Errorf("got %+v", m)
		}
	})
}

func TestTheTimeInTheQueueIsNotPartOfTheLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 1})
		start(t, p, taskpool.Task{Run: lasting(time.Hour)})
		if err := p.Do(t.Context(), taskpool.Task{Run: lasting(time.Second), Limit: 2 * time.Second}); err != nil {
			t.Error(err)
		}
	})
}

func TestATaskThatWasDoneInSpiteOfItsCancellationIsDone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{})
		late := func(ctx context.Context) error { <-ctx.Done(); return nil }
		if err := p.Do(t.Context(), taskpool.Task{Limit: time.Second, Run: late}); err != nil {
			t.Error(err)
		}
		if m := p.Metrics(); m.Finished != 1 || m.TimedOut != 0 {
			t.Errorf("got %+v", m)
		}
	})
}

func TestCancel(t *testing.T) {
	why := errors.New("the user pressed Ctrl-C")
	for _, c := range []struct {
		name    string
		cancel  func(*taskpool.Handle, context.CancelCauseFunc)
		started bool
		want    error
	}{
		{"a waiting task by its context", func(_ *taskpool.Handle, cancel context.CancelCauseFunc) { cancel(why) }, false, why},
		{"a running task by its context", func(_ *taskpool.Handle, cancel context.CancelCauseFunc) { cancel(why) }, true, why},
		{"a waiting task by its handle", func(h *taskpool.Handle, _ context.CancelCauseFunc) { h.Cancel() }, false, context.Canceled},
		{"a running task by its handle", func(h *taskpool.Handle, _ context.CancelCauseFunc) { h.Cancel() }, true, context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPool(t, taskpool.Options{Max: 1})
				var blocker *taskpool.Handle
				if !c.started {
					blocker = start(t, p, taskpool.Task{Run: lasting(time.Hour)})
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				ran := false
				h, err := p.Go(ctx, taskpool.Task{Category: "check", Run: func(ctx context.Context) error {
					ran = true
					return lasting(time.Hour)(ctx)
				}})
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				began := time.Now()
				c.cancel(h, cancel)
				err = h.Wait(t.Context())
				var cancelled *taskpool.CancelledError
				if !errors.As(err, &cancelled) || !errors.Is(err, c.want) || cancelled.Started != c.started || ran != c.started {
					t.Errorf("got %v", err)
				}
				if time.Since(began) != 0 {
					t.Errorf("it took %v", time.Since(began))
				}
				m := p.Metrics()
				if m.Cancelled != 1 || m.Queued != 0 || m.Stuck != 0 || m.Submitted != m.Cancelled+uint64(m.Busy) {
					t.Errorf("got %+v", m)
				}
				if blocker != nil {
					blocker.Cancel()
				}
			})
		})
	}
}

func TestATaskWhoseContextHasEndedDoesNotStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 1})
		for range 500 { // each time the watch on the context and the worker are both after the task
			ctx, cancel := context.WithCancel(t.Context())
			start(t, p, taskpool.Task{Run: func(context.Context) error { cancel(); return nil }})
			h, err := p.Go(ctx, taskpool.Task{Run: nothing})
			var cancelled *taskpool.CancelledError
			if err == nil {
				err = h.Wait(t.Context())
			}
			if !errors.As(err, &cancelled) || cancelled.Started {
				t.Fatalf("got %v", err)
			}
		}
	})
}

func TestTheContextOfATaskEndsWithIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{})
		for _, limit := range []time.Duration{0, time.Hour} {
			var seen context.Context
			if err := p.Do(t.Context(), taskpool.Task{Limit: limit, Run: func(ctx context.Context) error { seen = ctx; return nil }}); err != nil {
				t.Error(err)
			}
			if !errors.Is(seen.Err(), context.Canceled) {
				t.Errorf("with limit %v it goes on: %v", limit, seen.Err())
			}
		}
	})
}

func TestAWaiterThatGoesLeavesTheTask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{})
		h := start(t, p, taskpool.Task{Run: lasting(time.Hour)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := h.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if err := h.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAStuckTaskLosesItsWorkerAndKeepsItsHostsPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 1, PerHost: 1, Grace: 5 * time.Second})
		release := make(chan struct{})
		began := time.Now()
		first := start(t, p, taskpool.Task{Category: "check", Host: "hv01", Limit: time.Second, Run: until(release)})
		other := start(t, p, taskpool.Task{Host: "hv02", Run: nothing})
		err := first.Wait(t.Context())
		if err := other.Wait(t.Context()); err != nil || time.Since(began) != 6*time.Second {
			t.Errorf("the other host, after %v: %v", time.Since(began), err)
		}
		if time.Since(began) != 6*time.Second || !errors.Is(err, taskpool.ErrStuck) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %v: got %v", time.Since(began), err)
		}
		if m := p.Metrics(); m.Stuck != 1 || m.Busy != 0 || m.GivenUp != 1 || m.TimedOut != 1 {
			t.Errorf("got %+v", m)
		}
		same := start(t, p, taskpool.Task{Host: "hv01", Run: nothing})
		synctest.Wait()
		select {
		case <-same.Done():
			t.Error("a second task ran on the host of the stuck one")
		default:
		}
		close(release)
		if err := same.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if m := p.Metrics(); m.Stuck != 0 || m.Finished != 2 || m.GivenUp != 1 {
			t.Errorf("got %+v", m)
		}
	})
}

func TestStuckTasksAreBoundedToo(t *testing.T) {
	for _, c := range []struct {
		name    string
		allowed func() int
		want    int32 // goroutines
	}{
		{"twice Max", nil, 6},
		{"what the hosts allow", func() int { return 4 }, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPool(t, taskpool.Options{Min: 3, Max: 3, Grace: time.Second, Allowed: c.allowed})
				release := make(chan struct{})
				var started atomic.Int32
				for range 20 {
					start(t, p, taskpool.Task{Limit: time.Second, Run: func(context.Context) error {
						started.Add(1)
						<-release
						return nil
					}})
				}
				time.Sleep(time.Hour)
				if n := started.Load(); n != c.want {
					t.Errorf("%d tasks hold a goroutine, want %d", n, c.want)
				}
				close(release)
				time.Sleep(time.Hour)
				if m := p.Metrics(); m.Stuck != 0 || m.Queued != 0 || m.Workers != 3 {
					t.Errorf("the pool has not recovered: %+v", m)
				}
			})
		})
	}
}

func TestAPanicIsAnErrorOfItsTask(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(context.Context) error
		want string
		is   error
	}{
		{"a panic", func(context.Context) error { panic("boom") }, "panic: boom", nil},
		{"a panic with an error", func(context.Context) error { panic(io.ErrUnexpectedEOF) }, "unexpected EOF", io.ErrUnexpectedEOF},
		{"a panic with nil", func(context.Context) error { panic(nil) }, "nil", nil},
		{"an index out of range", func(context.Context) error { _ = make([]int, 1)[len(t.Name())]; return nil }, "out of range", nil},
		{"the end of the goroutine", func(context.Context) error { runtime.Goexit(); return nil }, "runtime.Goexit", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPool(t, taskpool.Options{Min: 2, Max: 2})
				sibling := start(t, p, taskpool.Task{Run: lasting(time.Second)})
				first := start(t, p, taskpool.Task{Host: "hv01", Run: c.run})
				next := start(t, p, taskpool.Task{Run: nothing})
				err := first.Wait(t.Context())
				var panicked *taskpool.PanicError
				if !errors.As(err, &panicked) || panicked.Host != "hv01" || !bytes.Contains([]byte(err.Error()), []byte(c.want)) {
					t.Fatalf("got %v", err)
				}
				if c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("%v is not %v", err, c.is)
				}
				if !bytes.Contains(panicked.Stack, []byte("cancel_test.go")) {
					t.Errorf("the stack does not lead to the task:\n%s", panicked.Stack)
				}
				for _, h := range []*taskpool.Handle{sibling, next} {
					if err := h.Wait(t.Context()); err != nil {
						t.Error(err)
					}
				}
				if m := p.Metrics(); m.Panicked != 1 || m.Finished != 2 || m.Busy != 0 || m.Workers != 2 {
					t.Errorf("got %+v", m)
				}
			})
		})
	}
}
