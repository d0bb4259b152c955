// SPDX-License-Identifier: MPL-2.0

package taskpool_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
)

// workers fails the test unless a pool has so many workers, of which so many are busy.
func workers(t *testing.T, p *taskpool.Pool, when string, want, busy int) {
	t.Helper()
	synctest.Wait()
	if m := p.Metrics(); m.Workers != want || m.Busy != busy {
		t.Errorf("%s: %d workers and %d busy, want %d and %d", when, m.Workers, m.Busy, want, busy)
	}
}

func TestAPoolGrowsWithItsBacklogAndShrinksWithoutWork(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Min: 2, Max: 20, Interval: time.Second, Idle: time.Minute})
		release := make(chan struct{})
		for range 50 {
			start(t, p, taskpool.Task{Run: until(release)})
		}
		workers(t, p, "at once", 4, 4) // the first decision does not wait
		time.Sleep(time.Second)
		workers(t, p, "after a second", 8, 8)
		time.Sleep(2 * time.Second)
		workers(t, p, "after three", 20, 20)
		time.Sleep(time.Hour)
		workers(t, p, "at the maximum", 20, 20)
		close(release)
		workers(t, p, "all done", 20, 0)
		time.Sleep(time.Minute - time.Second)
		for range 5 {
			start(t, p, taskpool.Task{Run: lasting(time.Hour)})
		}
		time.Sleep(2 * time.Second)
		workers(t, p, "a minute later", 5, 5)
		time.Sleep(3 * time.Hour)
		workers(t, p, "in the end", 2, 0)
		if m := p.Metrics(); m.ScaledUp != 4 || m.ScaledDown != 2 || m.Finished != 55 {
			t.Errorf("scaled up %d times and down %d times; %d finished", m.ScaledUp, m.ScaledDown, m.Finished)
		}
	})
}

func TestAPoolGrowsForATaskThatHasWaitedForTooLong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Min: 4, Max: 20, TargetAge: 5 * time.Second, Interval: time.Second})
		release := make(chan struct{})
		defer close(release)
		for range 5 {
			start(t, p, taskpool.Task{Run: until(release)})
		}
		time.Sleep(5*time.Second - 1)
		workers(t, p, "before", 4, 4)
		if m := p.Metrics(); m.OldestWait != 5*time.Second-1 || m.Queued != 1 {
			t.Errorf("got %+v", m)
		}
		time.Sleep(time.Nanosecond)
		workers(t, p, "after", 5, 5)
	})
}

func TestLoadHoldsAPoolBackAndTakesItDown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var load atomic.Pointer[taskpool.Load]
		load.Store(&taskpool.Load{CPU: 0.7})
		p := newPool(t, taskpool.Options{
			Min: 2, Max: 20, Interval: time.Second, TargetAge: time.Hour, MaxLoad: taskpool.Load{CPU: 0.8},
			Load: func() taskpool.Load { return *load.Load() },
		})
		release := make(chan struct{})
		for range 50 {
			start(t, p, taskpool.Task{Run: until(release)})
		}
		time.Sleep(time.Second)
		workers(t, p, "with little load", 8, 8)
		load.Store(&taskpool.Load{CPU: 0.85})
		time.Sleep(time.Minute)
		workers(t, p, "with much", 8, 8)
		if m := p.Metrics(); m.Load.CPU != 0.85 || time.Since(m.Load.At) > time.Second {
			t.Errorf("the last sample is %+v", m.Load)
		}
		load.Store(&taskpool.Load{CPU: 0.85, Memory: 0.99})
		time.Sleep(3 * time.Second)
		workers(t, p, "with too much, running tasks go on", 5, 8)
		close(release)
		synctest.Wait()
		if m := p.Metrics(); m.Finished != 50 || m.Cancelled != 0 {
			t.Errorf("got %+v", m)
		}
	})
}

func TestNoPoolIsLargerThanTheHostsAllow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var allowed atomic.Int32
		p := newPool(t, taskpool.Options{Min: 4, Interval: time.Second, Allowed: func() int { return int(allowed.Load()) }})
		first := start(t, p, taskpool.Task{Run: lasting(time.Hour)})
		workers(t, p, "no host", 0, 0)
		allowed.Store(2)
		time.Sleep(time.Second)
		workers(t, p, "hosts that allow two", 2, 1)
		for range 99 {
			start(t, p, taskpool.Task{Run: lasting(time.Hour)})
		}
		time.Sleep(time.Minute)
		workers(t, p, "hosts that allow two", 2, 2)
		allowed.Store(100)
		time.Sleep(time.Minute)
		workers(t, p, "hosts that allow 100", 100, 100)
		allowed.Store(10)
		if err := first.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		workers(t, p, "hosts that allow ten", 10, 98)
		if m := p.Metrics(); m.MaxWorkers != 10 {
			t.Errorf("got %+v", m)
		}
		_ = p.Close(t.Context())
	})
}
