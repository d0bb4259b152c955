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
	base := situation{size: 8, busy: 8, min: 2, max: 20, targetAge: time.Second}
	for _, c := range []struct {
		name   string
		change func(*situation)
		want   int
	}{
		{"all busy and no backlog", func(*situation) {}, 8},
		{"a small and young backlog", func(s *situation) { s.backlog, s.oldest = 7, time.Second-1 }, 8},
		{"a small and old backlog adds a worker for each task", func(s *situation) { s.backlog, s.oldest = 3, time.Second }, 11},
		{"a backlog as large as the pool doubles it", func(s *situation) { s.backlog = 8 }, 16},
		{"a larger backlog does not more than double it", func(s *situation) { s.backlog = 1000 }, 16},
		{"never above the maximum", func(s *situation) { s.size, s.busy, s.backlog = 15, 15, 1000 }, 20},
		{"no growth while a worker is free", func(s *situation) { s.busy, s.backlog, s.oldest = 7, 8, time.Minute }, 8},
		{"expired workers are removed", func(s *situation) { s.busy, s.expired = 3, 4 }, 4},
		{"not below the minimum", func(s *situation) { s.busy, s.expired = 0, 8 }, 2},
		{"no worker is removed while there is a backlog", func(s *situation) { s.busy, s.expired, s.backlog = 3, 4, 1 }, 8},
		{"a smaller maximum removes workers", func(s *situation) { s.max = 5 }, 5},
		{"the maximum takes precedence over the minimum", func(s *situation) { s.max = 1 }, 1},
		{"no host, no worker", func(s *situation) { s.max, s.backlog = 0, 5 }, 0},
		{"a pool without workers returns to its minimum", func(s *situation) { s.size, s.busy, s.backlog = 0, 0, 1 }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := base
			c.change(&s)
			if got := scale(s); got != c.want {
				t.Errorf("%+v: got %d, want %d", s, got, c.want)
			}
		})
	}
}

func TestTasksOfAHostAtItsLimitNeedNoTimer(t *testing.T) {
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
			t.Errorf("%d tasks finished, want 3", m.Finished)
		}
	})
}

func TestAPoolHasATimerOnlyWhileThereIsSomethingToDecide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, err := NewPool(Options{Max: 8, Idle: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		timer := func(when string, want bool) {
			t.Helper()
			synctest.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			if set := !p.due.IsZero(); set != want {
				t.Errorf("%s: timer set: %t, want %t", when, set, want)
			}
		}
		release := make(chan struct{})
		check := func() {
			t.Helper()
			if err := p.Check(); err != nil {
				t.Error(err)
			}
		}
		timer("new pool", false)
		run := func() {
			if _, err := p.Go(t.Context(), Task{Host: "hv01", Run: func(context.Context) error { <-release; return nil }}); err != nil {
				t.Fatal(err)
			}
		}
		run()
		timer("one running task", false)
		for range 19 {
			run()
		}
		timer("queued tasks", true)
		time.Sleep(time.Second)
		close(release)
		timer("idle workers", true)
		check()
		time.Sleep(time.Minute)
		check()
		if len(p.queue.hosts) != 0 {
			t.Error("the queue keeps hosts without tasks")
		}
		timer("back at the minimum", false)
		if m := p.Metrics(); m.Workers != 1 || m.Finished != 20 {
			t.Errorf("%d workers and %d finished tasks, want 1 and 20", m.Workers, m.Finished)
		}
	})
}
