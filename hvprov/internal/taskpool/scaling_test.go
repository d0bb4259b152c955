// SPDX-License-Identifier: MPL-2.0

package taskpool_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
)

// wantWorkers fails the test unless a pool has this many workers, and this many of them are busy.
func wantWorkers(t *testing.T, p *taskpool.Pool, when string, want, busy int) {
	t.Helper()
	synctest.Wait()
	if m := p.Metrics(); m.Workers != want || m.Busy != busy {
		t.Errorf("%s: %d workers, %d of them busy, want %d and %d", when, m.Workers, m.Busy, want, busy)
	}
}

func TestAPoolGrowsWithItsBacklogAndShrinksWithoutTasks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Min: 2, Max: 20, Interval: time.Second, Idle: time.Minute})
		release := make(chan struct{})
		for range 50 {
			start(t, p, taskpool.Task{Run: until(release)})
		}
		wantWorkers(t, p, "at once", 4, 4) // the first decision is immediate
		time.Sleep(time.Second)
		wantWorkers(t, p, "after one second", 8, 8)
		time.Sleep(2 * time.Second)
		wantWorkers(t, p, "after three seconds", 20, 20)
		time.Sleep(time.Hour)
		wantWorkers(t, p, "at the maximum", 20, 20)
		close(release)
		wantWorkers(t, p, "all done", 20, 0)
		time.Sleep(time.Minute - time.Second)
		for range 5 {
			start(t, p, taskpool.Task{Run: lasting(time.Hour)})
		}
		time.Sleep(2 * time.Second)
		wantWorkers(t, p, "one minute later", 5, 5)
		time.Sleep(3 * time.Hour)
		wantWorkers(t, p, "in the end", 2, 0)
		if m := p.Metrics(); m.ScaledUp != 4 || m.ScaledDown != 2 || m.Finished != 55 {
			t.Errorf("scaled up %d times and down %d times, %d finished; want 4, 2 and 55", m.ScaledUp, m.ScaledDown, m.Finished)
		}
	})
}

func TestAPoolGrowsForATaskOlderThanTheTargetAge(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Min: 4, Max: 20, TargetAge: 5 * time.Second, Interval: time.Second})
		release := make(chan struct{})
		defer close(release)
		for range 5 {
			start(t, p, taskpool.Task{Run: until(release)})
		}
		time.Sleep(5*time.Second - 1)
		wantWorkers(t, p, "before", 4, 4)
		if m := p.Metrics(); m.OldestWait != 5*time.Second-1 || m.Queued != 1 {
			t.Errorf("%d queued for up to %v, want 1 for just under 5s", m.Queued, m.OldestWait)
		}
		time.Sleep(time.Nanosecond)
		wantWorkers(t, p, "after", 5, 5)
	})
}

func TestTheCapacityOfTheHostsLimitsThePool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var capacity atomic.Int32
		p := newPool(t, taskpool.Options{Min: 4, Interval: time.Second, Capacity: func() int { return int(capacity.Load()) }})
		first := start(t, p, taskpool.Task{Run: lasting(time.Hour)})
		wantWorkers(t, p, "no capacity", 0, 0)
		capacity.Store(2)
		time.Sleep(time.Second)
		wantWorkers(t, p, "capacity 2, one task", 2, 1)
		for range 99 {
			start(t, p, taskpool.Task{Run: lasting(time.Hour)})
		}
		time.Sleep(time.Minute)
		wantWorkers(t, p, "capacity 2, 100 tasks", 2, 2)
		capacity.Store(100)
		time.Sleep(time.Minute)
		wantWorkers(t, p, "capacity 100", 100, 100)
		capacity.Store(10)
		if err := wait(first); err != nil {
			t.Error(err)
		}
		wantWorkers(t, p, "capacity 10", 10, 98)
		if m := p.Metrics(); m.MaxWorkers != 10 {
			t.Errorf("MaxWorkers is %d, want 10", m.MaxWorkers)
		}
		_ = p.Close(t.Context())
	})
}
