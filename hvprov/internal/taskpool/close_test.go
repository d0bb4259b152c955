// SPDX-License-Identifier: MPL-2.0

package taskpool_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
)

func TestCloseDropsQueuedTasksAndWaitsForRunningOnes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 1})
		runningTask := start(t, p, taskpool.Task{Run: lasting(time.Minute)})
		queuedTask := start(t, p, taskpool.Task{Run: func(context.Context) error { t.Error("a dropped task ran"); return nil }})
		began := time.Now()
		closed := make(chan error)
		go func() { closed <- p.Close(t.Context()) }()
		if err := wait(queuedTask); !errors.Is(err, taskpool.ErrClosed) || time.Since(began) != 0 {
			t.Errorf("queued task: got %v after %v, want ErrClosed at once", err, time.Since(began))
		}
		if err := p.Do(t.Context(), taskpool.Task{Run: nothing}); !errors.Is(err, taskpool.ErrClosed) {
			t.Errorf("task after Close: got %v, want ErrClosed", err)
		}
		if err := runningTask.Err(); err != nil {
			t.Errorf("running task: %v", err)
		}
		if err := <-closed; err != nil || runningTask.Err() != nil || time.Since(began) != time.Minute {
			t.Errorf("after %v: Close returned %v, the task %v; want no error after 1m", time.Since(began), err, runningTask.Err())
		}
		if err := p.Close(t.Context()); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

func TestCloseCancelsRunningTasksWhenItsContextEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 3})
		var handles []*taskpool.Handle
		for range 3 {
			handles = append(handles, start(t, p, taskpool.Task{Run: lasting(time.Hour)}))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := p.Close(ctx)
		if want := "pool test: 3 running tasks were cancelled: context deadline exceeded"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if time.Since(began) != time.Minute {
			t.Errorf("Close took %v, want 1m", time.Since(began))
		}
		for _, h := range handles {
			var cancelled *taskpool.CancelledError
			if err := h.Err(); !errors.Is(err, taskpool.ErrClosed) || !errors.As(err, &cancelled) || !cancelled.Started {
				t.Errorf("task: got %v, want a CancelledError of a started task", err)
			}
		}
	})
}

func TestCloseAbandonsATaskThatDoesNotReturn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Grace: 3 * time.Second})
		release := make(chan struct{})
		h := start(t, p, taskpool.Task{Run: until(release)})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		if err := p.Close(ctx); !errors.Is(err, taskpool.ErrStuck) || time.Since(began) != 3*time.Second {
			t.Errorf("got %v after %v, want ErrStuck after 3s", err, time.Since(began))
		}
		if err := h.Err(); !errors.Is(err, taskpool.ErrStuck) || !errors.Is(err, taskpool.ErrClosed) {
			t.Errorf("task: got %v, want ErrStuck and ErrClosed", err)
		}
		close(release)
		synctest.Wait()
		if err := p.Close(ctx); err != nil || p.Metrics().Stuck != 0 {
			t.Errorf("Close after the task has returned: %v", err)
		}
	})
}

func TestConcurrentCallsOfClose(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{})
		start(t, p, taskpool.Task{Run: lasting(time.Second)})
		closed := make(chan error)
		for range 10 {
			go func() { closed <- p.Close(t.Context()) }()
		}
		for range 10 {
			if err := <-closed; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestCloseOfAnUnusedPool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		if err := newPool(t, taskpool.Options{}).Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
