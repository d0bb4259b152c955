// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestScale(t *testing.T) {
	t.Parallel()
	usual := situation{size: 8, busy: 8, min: 2, ceiling: 20, targetAge: time.Second, most: Load{CPU: 0.8, Memory: 0.8}}
	for _, c := range []struct {
		name   string
		change func(*situation)
		want   int
	}{
		{"all busy and nobody waits", func(*situation) {}, 8},
		{"a small and young backlog", func(s *situation) { s.backlog, s.oldest = 7, time.Second-1 }, 8},
		{"a small backlog that is old gets a worker for each task", func(s *situation) { s.backlog, s.oldest = 3, time.Second }, 11},
		{"a backlog as large as the pool doubles it", func(s *situation) { s.backlog = 8 }, 16},
		{"a larger one does no more", func(s *situation) { s.backlog = 1000 }, 16},
		{"never above the ceiling", func(s *situation) { s.size, s.busy, s.backlog = 15, 15, 1000 }, 20},
		{"no growth while a worker is free", func(s *situation) { s.busy, s.backlog, s.oldest = 7, 8, time.Minute }, 8},
		{"workers without work go", func(s *situation) { s.busy, s.expired = 3, 4 }, 4},
		{"but not below the minimum", func(s *situation) { s.busy, s.expired = 0, 8 }, 2},
		{"nobody goes while a task waits", func(s *situation) { s.busy, s.expired, s.backlog = 3, 4, 1 }, 8},
		{"no growth with a busy processor", func(s *situation) { s.backlog, s.load.CPU = 100, 0.8 }, 8},
		{"no growth with a full memory", func(s *situation) { s.backlog, s.load.Memory = 100, 0.89 }, 8},
		{"growth below these bounds", func(s *situation) { s.backlog, s.load = 100, Load{0.79, 0.79} }, 16},
		{"one goes with a very busy processor", func(s *situation) { s.backlog, s.load.CPU = 100, 0.9 }, 7},
		{"a task that starves is worth more than a busy processor", func(s *situation) { s.backlog, s.oldest, s.load.CPU = 100, 4*time.Second, 1 }, 16},
		{"but not than a full memory", func(s *situation) { s.backlog, s.oldest, s.load = 100, time.Hour, Load{1, 0.89} }, 8},
		{"one goes with a very full memory", func(s *situation) { s.backlog, s.load.Memory = 100, 1 }, 7},
		{"load takes nobody below the minimum", func(s *situation) { s.size, s.load.CPU = 2, 1 }, 2},
		{"a bound above 1 is none", func(s *situation) { s.backlog, s.load, s.most = 100, Load{1, 1}, Load{2, 2} }, 16},
		{"hosts that went take their share of workers", func(s *situation) { s.ceiling = 5 }, 5},
		{"the ceiling goes before the minimum", func(s *situation) { s.ceiling = 1 }, 1},
		{"no host, no worker", func(s *situation) { s.ceiling, s.backlog = 0, 5 }, 0},
		{"a pool of no workers gets its minimum back", func(s *situation) { s.size, s.busy, s.backlog = 0, 0, 1 }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := usual
			c.change(&s)
			if got := scale(s); got != c.want {
				t.Errorf("%+v: got %d, want %d", s, got, c.want)
			}
		})
	}
}

func TestTasksThatWaitForTheirHostNeedNoTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, err := NewPool(Options{Max: 8, PerHost: 1})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := p.Go(t.Context(), Task{Host: "hv01", Run: func(context.Context) error { time.Sleep(time.Hour); return nil }}); err != nil {
				t.Fatal(err)
			}
		}
		p.mu.Lock()
		set := !p.due.IsZero()
		p.mu.Unlock()
		if set {
			t.Error("a timer is set")
		}
		time.Sleep(4 * time.Hour)
		if m := p.Metrics(); m.Finished != 3 {
			t.Errorf("got %+v", m)
		}
	})
}

// A pool never sets a timer for nothing: none while no task waits and no worker is too many.
func TestAnIdlePoolHasNoTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, err := NewPool(Options{Max: 8, Idle: time.Minute, Load: func() Load { return Load{} }})
		if err != nil {
			t.Fatal(err)
		}
		timer := func(when string, want bool) {
			t.Helper()
			synctest.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			if set := !p.due.IsZero(); set != want {
				t.Errorf("%s: a timer is set: %v, want %v", when, set, want)
			}
		}
		release := make(chan struct{})
		checked := func() {
			t.Helper()
			if err := p.Check(); err != nil {
				t.Error(err)
			}
		}
		timer("a new pool", false)
		run := func() {
			if _, err := p.Go(t.Context(), Task{Host: "hv01", Run: func(context.Context) error { <-release; return nil }}); err != nil {
				t.Fatal(err)
			}
		}
		run()
		timer("a task runs and none waits", false)
		for range 19 {
			run()
		}
		timer("tasks wait", true)
		time.Sleep(time.Second)
		close(release)
		timer("workers idle", true)
		checked()
		time.Sleep(time.Minute)
		checked()
		if len(p.queue.lines) != 0 {
			t.Error("the pool remembers hosts for which it has nothing")
		}
		timer("back at the minimum", false)
		if m := p.Metrics(); m.Workers != 1 || m.Finished != 20 {
			t.Errorf("got %+v", m)
		}
	})
}
