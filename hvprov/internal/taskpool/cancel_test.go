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
					t.Errorf("deadline of the task is %v, %t; want 15s after its start", deadline, ok)
				}
				<-ctx.Done()
				time.Sleep(time.Second) // cleans up
				seen = context.Cause(ctx)
				return ctx.Err()
			},
		})
		var limit *taskpool.LimitError
		if !errors.As(err, &limit) || limit.Host != "hv01" || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, taskpool.ErrStuck) {
			t.Errorf("got %v, want a LimitError that is not ErrStuck", err)
		}
		if want := "inventory task in pool test on host hv01 exceeded its time limit of 15s: context deadline exceeded"; err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if !errors.As(seen, &limit) || time.Since(began) != 16*time.Second {
			t.Errorf("the cause of the task's context is %v, and it ended after %v; want a LimitError and 16s", seen, time.Since(began))
		}
		if m := p.Metrics(); m.TimedOut != 1 || m.Abandoned != 0 || m.Stuck != 0 || m.Categories["inventory"].Run.Sum != 16*time.Second {
			t.Errorf("unexpected metrics %+v", m)
		}
	})
}

func TestTheLimitDoesNotIncludeTheTimeInTheQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 1})
		start(t, p, taskpool.Task{Run: lasting(time.Hour)})
		if err := p.Do(t.Context(), taskpool.Task{Run: lasting(time.Second), Limit: 2 * time.Second}); err != nil {
			t.Error(err)
		}
	})
}

func TestATaskThatSucceedsAfterItsCancellationHasFinished(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{})
		late := func(ctx context.Context) error { <-ctx.Done(); return nil }
		if err := p.Do(t.Context(), taskpool.Task{Limit: time.Second, Run: late}); err != nil {
			t.Error(err)
		}
		if m := p.Metrics(); m.Finished != 1 || m.TimedOut != 0 {
			t.Errorf("unexpected metrics %+v", m)
		}
	})
}

func TestCancel(t *testing.T) {
	why := errors.New("the user pressed Ctrl-C")
	for _, c := range []struct {
		name    string
		started bool
	}{
		{"a queued task", false},
		{"a running task", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPool(t, taskpool.Options{Max: 1})
				release := make(chan struct{})
				defer close(release)
				if !c.started {
					start(t, p, taskpool.Task{Run: until(release)})
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
				cancel(why)
				err = wait(h)
				var cancelled *taskpool.CancelledError
				if !errors.As(err, &cancelled) || !errors.Is(err, why) || cancelled.Started != c.started || ran != c.started {
					t.Errorf("got %v with Started %t, ran %t; want %v and %t", err, cancelled != nil && cancelled.Started, ran, why, c.started)
				}
				if time.Since(began) != 0 {
					t.Errorf("the task ended %v after its cancellation, want at once", time.Since(began))
				}
				m := p.Metrics()
				if m.Cancelled != 1 || m.Queued != 0 || m.Stuck != 0 || m.Submitted != m.Cancelled+uint64(m.Running) {
					t.Errorf("unexpected metrics %+v", m)
				}
			})
		})
	}
}

func TestATaskWithAnEndedContextDoesNotStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 1})
		for range 500 { // the hook of the context races with the start
			ctx, cancel := context.WithCancel(t.Context())
			start(t, p, taskpool.Task{Run: func(context.Context) error { cancel(); return nil }})
			h, err := p.Go(ctx, taskpool.Task{Run: nothing})
			var cancelled *taskpool.CancelledError
			if err == nil {
				err = wait(h)
			}
			if !errors.As(err, &cancelled) || cancelled.Started {
				t.Fatalf("got %v, want a CancelledError of a task that was not started", err)
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
				t.Errorf("limit %v: context of the task after its end has error %v, want context.Canceled", limit, seen.Err())
			}
		}
	})
}

func TestAStuckTaskIsReplacedExceptOnItsHost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 1, PerHost: 1, Grace: 5 * time.Second})
		release := make(chan struct{})
		began := time.Now()
		first := start(t, p, taskpool.Task{Category: "check", Host: "hv01", Limit: time.Second, Run: until(release)})
		other := start(t, p, taskpool.Task{Host: "hv02", Run: nothing})
		err := wait(first)
		if err := wait(other); err != nil || time.Since(began) != 6*time.Second {
			t.Errorf("task of the other host: %v after %v, want success after 6s", err, time.Since(began))
		}
		if time.Since(began) != 6*time.Second || !errors.Is(err, taskpool.ErrStuck) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v after %v, want ErrStuck and DeadlineExceeded after 6s", err, time.Since(began))
		}
		if m := p.Metrics(); m.Stuck != 1 || m.Running != 0 || m.Abandoned != 1 || m.TimedOut != 1 {
			t.Errorf("unexpected metrics %+v", m)
		}
		same := start(t, p, taskpool.Task{Host: "hv01", Run: nothing})
		synctest.Wait()
		select {
		case <-same.Done():
			t.Error("a second task ran on the host of the stuck task")
		default:
		}
		close(release)
		if err := wait(same); err != nil {
			t.Error(err)
		}
		if m := p.Metrics(); m.Stuck != 0 || m.Finished != 2 || m.Abandoned != 1 {
			t.Errorf("unexpected metrics %+v", m)
		}
	})
}

func TestTheNumberOfStuckTasksIsLimited(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 3, Grace: time.Second})
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
		if n := started.Load(); n != 6 {
			t.Errorf("%d tasks have a goroutine, want twice Max: 6", n)
		}
		close(release)
		time.Sleep(time.Hour)
		if m := p.Metrics(); m.Stuck != 0 || m.Queued != 0 || started.Load() != 20 {
			t.Errorf("the pool has not recovered: %+v", m)
		}
	})
}

func TestAPanicIsTheErrorOfItsTask(t *testing.T) {
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
		{"runtime.Goexit", func(context.Context) error { runtime.Goexit(); return nil }, "runtime.Goexit", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				p := newPool(t, taskpool.Options{Max: 2})
				sibling := start(t, p, taskpool.Task{Run: lasting(time.Second)})
				first := start(t, p, taskpool.Task{Host: "hv01", Run: c.run})
				next := start(t, p, taskpool.Task{Run: nothing})
				err := wait(first)
				var panicked *taskpool.PanicError
				if !errors.As(err, &panicked) || panicked.Host != "hv01" || !bytes.Contains([]byte(err.Error()), []byte(c.want)) {
					t.Fatalf("got %v, want a PanicError with %q", err, c.want)
				}
				if c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("%v does not match %v", err, c.is)
				}
				if !bytes.Contains(panicked.Stack, []byte("cancel_test.go")) {
					t.Errorf("the stack does not contain the task:\n%s", panicked.Stack)
				}
				for _, h := range []*taskpool.Handle{sibling, next} {
					if err := wait(h); err != nil {
						t.Error(err)
					}
				}
				if m := p.Metrics(); m.Panicked != 1 || m.Finished != 2 || m.Running != 0 {
					t.Errorf("unexpected metrics %+v", m)
				}
			})
		})
	}
}
