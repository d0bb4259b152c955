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

func TestCloseDropsWhatWaitsAndWaitsForWhatRuns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 1})
		runs := start(t, p, taskpool.Task{Run: lasting(time.Minute)})
		waits := start(t, p, taskpool.Task{Run: func(context.Context) error { t.Error("it ran"); return nil }})
		began := time.Now()
		closed := make(chan error)
		go func() { closed <- p.Close(t.Context()) }()
		if err := waits.Wait(t.Context()); !errors.Is(err, taskpool.ErrClosed) || time.Since(began) != 0 {
			t.Errorf("what waits: after %v: %v", time.Since(began), err)
		}
		if err := p.Do(t.Context(), taskpool.Task{Run: nothing}); !errors.Is(err, taskpool.ErrClosed) {
			t.Errorf("what comes: %v", err)
		}
		if err := runs.Err(); err != nil {
			t.Errorf("what runs: %v", err)
		}
		if err := <-closed; err != nil || runs.Err() != nil || time.Since(began) != time.Minute {
			t.Errorf("after %v: %v, %v", time.Since(began), err, runs.Err())
		}
		if err := p.Close(t.Context()); err != nil {
			t.Errorf("a second time: %v", err)
		}
	})
}

func TestCloseCancelsWhatRunsWhenItsContextEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Min: 3})
		var handles []*taskpool.Handle
		for range 3 {
			handles = append(handles, start(t, p, taskpool.Task{Run: lasting(time.Hour)}))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := p.Close(ctx)
		if want := "pool test: 3 tasks had not ended and were cancelled: context deadline exceeded"; err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
		if time.Since(began) != time.Minute {
			t.Errorf("it took %v", time.Since(began))
		}
		for _, h := range handles {
			var cancelled *taskpool.CancelledError
			if err := h.Err(); !errors.Is(err, taskpool.ErrClosed) || !errors.As(err, &cancelled) || !cancelled.Started {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestCloseGivesUpWhatDoesNotReturn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Grace: 3 * time.Second})
		release := make(chan struct{})
		h := start(t, p, taskpool.Task{Run: until(release)})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		if err := p.Close(ctx); !errors.Is(err, taskpool.ErrStuck) || time.Since(began) != 3*time.Second {
			t.Errorf("after %v: got %v", time.Since(began), err)
		}
		if err := h.Err(); !errors.Is(err, taskpool.ErrStuck) || !errors.Is(err, taskpool.ErrClosed) {
			t.Errorf("got %v", err)
		}
		close(release)
		synctest.Wait()
		if err := p.Close(ctx); err != nil || p.Metrics().Stuck != 0 {
			t.Errorf("once it has returned: %v", err)
		}
	})
}

func TestCloseFromManySidesAtOnce(t *testing.T) {
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

func TestCloseOfAPoolThatDidNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		if err := newPool(t, taskpool.Options{}).Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A decision that is being made when the pool closes asks functions of the user's: Close waits for them.
func TestCloseWaitsForASampleUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sampled := false
		p := newPool(t, taskpool.Options{Max: 2, Load: func() taskpool.Load {
			time.Sleep(time.Minute)
			sampled = true
			return taskpool.Load{}
		}})
		for range 2 {
			start(t, p, taskpool.Task{Run: lasting(time.Second)})
		}
		time.Sleep(time.Second)
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if m := p.Metrics(); !sampled || m.ScaledUp != 0 {
			t.Errorf("sampled: %v; %d times up", sampled, m.ScaledUp)
		}
	})
}
