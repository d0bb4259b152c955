// SPDX-License-Identifier: MPL-2.0

package taskpool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
)

func TestATaskRunsAndGivesItsError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{})
		fail := errors.New("no such image")
		if err := p.Do(t.Context(), taskpool.Task{Run: nothing}); err != nil {
			t.Error(err)
		}
		h := start(t, p, taskpool.Task{Run: func(context.Context) error { time.Sleep(time.Second); return fail }})
		if h.Err() != nil {
			t.Error("an error before the end")
		}
		if err := h.Wait(t.Context()); !errors.Is(err, fail) || err.Error() != fail.Error() {
			t.Errorf("got %v", err)
		}
		<-h.Done()
		if !errors.Is(h.Err(), fail) {
			t.Errorf("got %v", h.Err())
		}
		if m := p.Metrics(); m.Finished != 1 || m.Failed != 1 || m.Busy != 0 {
			t.Errorf("got %+v", m)
		}
	})
}

func TestTheOldestTaskRunsFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 1})
		release := make(chan struct{})
		start(t, p, taskpool.Task{Run: until(release)})
		var order, want []int
		for i := range 50 {
			want = append(want, i)
			start(t, p, taskpool.Task{Host: fmt.Sprintf("hv%02d", i%7), Run: func(context.Context) error {
				order = append(order, i)
				return nil
			}})
		}
		close(release)
		synctest.Wait()
		if !slices.Equal(order, want) {
			t.Errorf("got %v", order)
		}
	})
}

func TestAnUrgentCategoryGoesFirstButNotForEver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 1, Priority: []string{"cancel", "hello"}, HeadStart: time.Minute})
		release := make(chan struct{})
		start(t, p, taskpool.Task{Run: until(release)})
		var order []string
		add := func(name, category string) {
			start(t, p, taskpool.Task{Category: category, Host: "hv01", Run: func(context.Context) error {
				order = append(order, name)
				return nil
			}})
		}
		add("old inventory", "inventory")
		time.Sleep(2 * time.Minute)
		add("inventory", "inventory")
		add("check", "check")
		add("hello", "hello")
		time.Sleep(time.Second)
		add("cancel", "cancel")
		close(release)
		synctest.Wait()
		if got := strings.Join(order, ", "); got != "old inventory, cancel, hello, inventory, check" {
			t.Errorf("got %s", got)
		}
	})
}

func TestAHostAtItsBoundKeepsNoWorkerFromOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Min: 4, Max: 4, PerHost: 2})
		release := make(chan struct{})
		var slow atomic.Int32
		for i := range 100 {
			host := []string{"hv01", "HV01"}[i%2] // one host, however it is written
			start(t, p, taskpool.Task{Host: host, Run: func(context.Context) error {
				slow.Add(1)
				<-release
				return nil
			}})
		}
		synctest.Wait()
		began := time.Now()
		for _, host := range []string{"hv02", "hv03", ""} {
			if err := p.Do(t.Context(), taskpool.Task{Host: host, Run: nothing}); err != nil {
				t.Error(err)
			}
		}
		if waited := time.Since(began); waited != 0 || slow.Load() != 2 {
			t.Errorf("the others waited for %v, and %d tasks ran on the slow host", waited, slow.Load())
		}
		if m := p.Metrics(); m.Queued != 98 || m.Runnable != 0 || m.ScaledUp != 0 {
			t.Errorf("tasks that wait for their host are no backlog: %+v", m)
		}
		close(release)
		synctest.Wait()
		if slow.Load() != 100 {
			t.Errorf("%d ran", slow.Load())
		}
	})
}

func TestAnOldTaskOfABlockedHostIsNoReasonToGrow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Min: 2, Max: 8, PerHost: 1, TargetAge: time.Minute})
		release := make(chan struct{})
		for range 2 {
			start(t, p, taskpool.Task{Host: "hv01", Run: until(release)})
		}
		time.Sleep(time.Hour)
		for range 2 {
			start(t, p, taskpool.Task{Host: fmt.Sprint("hv", time.Now().UnixNano()), Run: lasting(30 * time.Second)})
			time.Sleep(time.Second)
		}
		if m := p.Metrics(); m.Runnable != 1 || m.Queued != 2 || m.Workers != 2 {
			t.Errorf("got %+v", m)
		}
		close(release)
	})
}

func TestAFullQueueRefuses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 1, MaxQueued: 2})
		release := make(chan struct{})
		for range 3 {
			start(t, p, taskpool.Task{Run: until(release)})
		}
		if _, err := p.Go(t.Context(), taskpool.Task{Run: nothing}); !errors.Is(err, taskpool.ErrFull) {
			t.Errorf("got %v", err)
		}
		close(release)
		synctest.Wait()
		if m := p.Metrics(); m.Refused != 1 || m.Submitted != 3 || m.Finished != 3 {
			t.Errorf("got %+v", m)
		}
	})
}

func TestATaskCannotWaitForAnotherOfItsPool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p, other := newPool(t, taskpool.Options{Max: 1}), newPool(t, taskpool.Options{})
		inner := taskpool.Task{Run: nothing}
		err := p.Do(t.Context(), taskpool.Task{Run: func(ctx context.Context) error {
			if err := p.Do(ctx, inner); !errors.Is(err, taskpool.ErrNested) {
				t.Errorf("Do: got %v", err)
			}
			h := start(t, p, inner) // not waited for: well and good
			if err := h.Wait(ctx); !errors.Is(err, taskpool.ErrNested) {
				t.Errorf("Wait: got %v", err)
			}
			return other.Do(ctx, taskpool.Task{Run: func(ctx context.Context) error {
				if err := p.Do(ctx, inner); !errors.Is(err, taskpool.ErrNested) {
					t.Errorf("Do, by way of another pool: got %v", err)
				}
				return nil
			}})
		}})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestBadInputIsRefused(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		opts taskpool.Options
		task taskpool.Task
		want string
	}{
		{
			"a negative bound", t.Context(),
			taskpool.Options{Name: "fast", PerHost: -1},
			taskpool.Task{},
			`pool "fast": PerHost is negative: leave it 0 for its default`,
		},
		{
			"a minimum above the maximum", t.Context(),
			taskpool.Options{Name: "fast", Min: 3, Max: 2},
			taskpool.Task{},
			`pool "fast": Min is 3 and Max is 2: Min cannot be larger`,
		},
		{
			"a task without work", t.Context(),
			taskpool.Options{Name: "fast"},
			taskpool.Task{Category: "check", Host: "hv01"},
			`check task in pool fast on host hv01: it has no Run: set the function that does the work`,
		},
		{
			"a negative limit", t.Context(),
			taskpool.Options{Name: "fast"},
			taskpool.Task{Run: nothing, Limit: -1},
			`other task in pool fast: its limit is -1ns: leave it 0 for no limit`,
		},
		{
			"a context that has ended", ended,
			taskpool.Options{Name: "fast"},
			taskpool.Task{Run: nothing},
			`other task in pool fast: cancelled before it started: context canceled`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, err := taskpool.NewPool(c.opts)
			if err == nil {
				err = p.Do(c.ctx, c.task)
			}
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
