// SPDX-License-Identifier: MPL-2.0

package taskpool_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
)

func TestATaskRunsAndReturnsItsError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{})
		failure := errors.New("no such image")
		if err := p.Do(t.Context(), taskpool.Task{Run: nothing}); err != nil {
			t.Error(err)
		}
		h := start(t, p, taskpool.Task{Run: func(context.Context) error { time.Sleep(time.Second); return failure }})
		if h.Err() != nil {
			t.Error("Err returned an error before the task ended")
		}
		if err := wait(h); !errors.Is(err, failure) || err.Error() != failure.Error() {
			t.Errorf("got %v, want %v", err, failure)
		}
		if m := p.Metrics(); m.Finished != 1 || m.Failed != 1 || m.Running != 0 {
			t.Errorf("metrics are %+v, want one finished and one failed task", m.Counts)
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
			t.Errorf("order is %v, want %v", order, want)
		}
	})
}

func TestAnUrgentCategoryGoesFirstUnlessAnotherTaskIsMuchOlder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 1, Priority: []string{"cancel", "hello"}, PriorityAging: time.Minute})
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
		if got, want := strings.Join(order, ", "), "old inventory, cancel, hello, inventory, check"; got != want {
			t.Errorf("order is %s, want %s", got, want)
		}
	})
}

func TestAHostAtItsLimitDelaysNoOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 4, PerHost: 2})
		release := make(chan struct{})
		var slow atomic.Int32
		for i := range 100 {
			host := []string{"hv01", "HV01"}[i%2] // the same host
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
			t.Errorf("the other tasks were queued for %v, and %d tasks ran on the slow host; want 0s and 2", waited, slow.Load())
		}
		if m := p.Metrics(); m.Queued != 98 || m.Runnable != 0 {
			t.Errorf("tasks of a host at its limit count as runnable: %+v", m)
		}
		close(release)
		synctest.Wait()
		if slow.Load() != 100 {
			t.Errorf("%d tasks ran, want 100", slow.Load())
		}
	})
}

func TestThePoolRunsAtMostMaxTasks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 3})
		for range 5 {
			start(t, p, taskpool.Task{Run: lasting(time.Hour)})
		}
		time.Sleep(time.Minute)
		if m := p.Metrics(); m.Running != 3 || m.Queued != 2 || m.OldestWait != time.Minute {
			t.Errorf("%d tasks run and %d are queued for up to %v, want 3, 2 and 1m", m.Running, m.Queued, m.OldestWait)
		}
	})
}

// blockingHandler is a log handler that uses the pool, which a lock held during logging would block.
type blockingHandler struct {
	slog.Handler
	pool *taskpool.Pool
}

func (h *blockingHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h *blockingHandler) Handle(context.Context, slog.Record) error {
	h.pool.Metrics()
	return nil
}

func TestALogHandlerMayUseThePool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		handler := &blockingHandler{Handler: slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})}
		p := newPool(t, taskpool.Options{Max: 4, Grace: time.Second, Logger: slog.New(handler)})
		handler.pool = p
		release := make(chan struct{})
		for range 4 {
			start(t, p, taskpool.Task{Limit: time.Minute, Run: until(release)})
		}
		time.Sleep(2 * time.Minute) // abandons the tasks
		close(release)
		synctest.Wait()
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestATaskCannotWaitForAnotherOfItsPool(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p, other := newPool(t, taskpool.Options{Max: 1}), newPool(t, taskpool.Options{})
		inner := taskpool.Task{Run: nothing}
		err := p.Do(t.Context(), taskpool.Task{Run: func(ctx context.Context) error {
			if err := p.Do(ctx, inner); !errors.Is(err, taskpool.ErrNested) {
				t.Errorf("Do: got %v, want ErrNested", err)
			}
			start(t, p, inner) // is not waited for
			return other.Do(ctx, taskpool.Task{Run: func(ctx context.Context) error {
				if err := p.Do(ctx, inner); !errors.Is(err, taskpool.ErrNested) {
					t.Errorf("Do, through another pool: got %v, want ErrNested", err)
				}
				return nil
			}})
		}})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestInvalidInputIsRejected(t *testing.T) {
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
			"a negative limit of the pool", t.Context(),
			taskpool.Options{Name: "query", PerHost: -1},
			taskpool.Task{},
			`pool "query": PerHost must not be negative; 0 means its default`,
		},
		{
			"a negative maximum", t.Context(),
			taskpool.Options{Name: "query", Max: -1},
			taskpool.Task{},
			`pool "query": Max must not be negative; 0 means its default`,
		},
		{
			"a task without Run", t.Context(),
			taskpool.Options{Name: "query"},
			taskpool.Task{Category: "check", Host: "hv01"},
			`check task in pool query on host hv01: Run is required`,
		},
		{
			"a negative limit of the task", t.Context(),
			taskpool.Options{Name: "query"},
			taskpool.Task{Run: nothing, Limit: -1},
			`other task in pool query: Limit must not be negative; 0 means no limit`,
		},
		{
			"a context that has ended", ended,
			taskpool.Options{Name: "query"},
			taskpool.Task{Run: nothing},
			`other task in pool query was cancelled before it started: context canceled`,
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
