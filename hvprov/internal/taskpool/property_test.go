// SPDX-License-Identifier: MPL-2.0

package taskpool_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
)

// runCounter counts running tasks, and fails the test when a limit is exceeded.
type runCounter struct {
	mu      sync.Mutex
	all     int
	byHost  map[string]int
	max     int
	perHost int
}

func (c *runCounter) enter(t *testing.T, host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	host = strings.ToLower(host)
	c.all++
	c.byHost[host]++
	if c.all > c.max {
		t.Errorf("%d tasks run at once, want at most %d", c.all, c.max)
	}
	if host != "" && c.byHost[host] > c.perHost {
		t.Errorf("%d tasks run at once on %s, want at most %d", c.byHost[host], host, c.perHost)
	}
}

func (c *runCounter) leave(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	c.byHost[strings.ToLower(host)]--
}

// Random tasks of all kinds are submitted, and the pool is closed before the last of them. The limits must hold at each moment,
// and each task must start at most once and end exactly once, with the outcome that is counted.
func TestRandomTasksKeepToTheLimitsAndNoneIsLost(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) { runRandomTasks(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func runRandomTasks(t *testing.T, random *rand.Rand) {
	maxTasks := 1 + random.IntN(12)
	perHost := 1 + random.IntN(4)
	seen := &runCounter{byHost: map[string]int{}, max: maxTasks, perHost: perHost}
	p := newPool(t, taskpool.Options{
		Max: maxTasks, PerHost: perHost, Grace: time.Minute, Priority: []string{"cancel"},
	})
	type accepted struct {
		handle *taskpool.Handle
		starts *atomic.Int32
	}
	var all []accepted
	refused := 0
	closing := make(chan error, 1)
	for i := range 300 {
		if i == 250 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(5))*time.Second)
			defer cancel()
			go func() { closing <- p.Close(ctx) }()
		}
		task, starts := randomTask(t, random, seen)
		ctx, cancel := context.WithCancel(t.Context())
		if random.IntN(5) == 0 {
			time.AfterFunc(time.Duration(random.IntN(3000))*time.Millisecond, cancel)
		}
		defer cancel()
		h, err := p.Go(ctx, task)
		switch {
		case err == nil:
			all = append(all, accepted{h, starts})
		case errors.Is(err, taskpool.ErrClosed):
			refused++
		default:
			t.Error(err)
		}
		time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
		if err := p.Check(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-closing; errors.Is(err, taskpool.ErrStuck) {
		t.Errorf("%v, although all tasks return when they are cancelled", err)
	}
	for _, one := range all {
		select {
		case <-one.handle.Done():
		default:
			t.Error("a task is running after Close has returned")
		}
		var cancelled *taskpool.CancelledError
		starts := one.starts.Load()
		dropped := errors.As(one.handle.Err(), &cancelled) && !cancelled.Started
		if starts > 1 || (starts == 0) != dropped {
			t.Errorf("a task started %d times: %v", starts, one.handle.Err())
		}
	}
	m := p.Metrics()
	if m.Finished+m.Failed+m.Cancelled+m.TimedOut+m.Panicked != m.Submitted || m.Submitted != uint64(len(all)) || m.Refused != uint64(refused) {
		t.Errorf("%d tasks were accepted and %d refused; the metrics are %+v", len(all), refused, m.Counts)
	}
	if m.Running+m.Queued+m.Runnable+m.Stuck != 0 || seen.all != 0 {
		t.Errorf("tasks are left in %+v; %d are running", m, seen.all)
	}
}

// randomTask returns a task that succeeds, fails, panics, ends its goroutine, is cancelled or exceeds its limit.
func randomTask(t *testing.T, random *rand.Rand, seen *runCounter) (taskpool.Task, *atomic.Int32) {
	host := []string{"", "hv01", "HV01", "hv02", "hv03"}[random.IntN(5)]
	kind := random.IntN(12)
	lasts := time.Duration(random.IntN(2000)) * time.Millisecond
	starts := new(atomic.Int32)
	task := taskpool.Task{Host: host, Category: []string{"check", "cancel", "inventory"}[random.IntN(3)]}
	if random.IntN(4) == 0 {
		task.Limit = time.Duration(1+random.IntN(2000)) * time.Millisecond
	}
	task.Run = func(ctx context.Context) error {
		starts.Add(1)
		seen.enter(t, host)
		defer seen.leave(host)
		err := lasting(lasts)(ctx)
		switch kind {
		case 0:
			return errors.New("failed")
		case 1:
			panic("panicked")
		case 2:
			runtime.Goexit()
		case 3:
			time.Sleep(lasts) // returns some time after it was cancelled
		}
		return err
	}
	return task, starts
}

func TestTenThousandTasksFromManyGoroutines(t *testing.T) {
	before := runtime.NumGoroutine() // so the test is not parallel
	const senders, each = 20, 500
	seen := &runCounter{byHost: map[string]int{}, max: 32, perHost: 3}
	p := newPool(t, taskpool.Options{Max: 32, PerHost: 3})
	var ran atomic.Int64
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			var handles []*taskpool.Handle
			for i := range each {
				host := fmt.Sprintf("hv%02d", (s+i)%25)
				handles = append(handles, start(t, p, taskpool.Task{Host: host, Run: func(context.Context) error {
					seen.enter(t, host)
					defer seen.leave(host)
					runtime.Gosched()
					ran.Add(1)
					return nil
				}}))
			}
			for _, h := range handles {
				if err := wait(h); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := p.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if m := p.Metrics(); ran.Load() != senders*each || m.Finished != senders*each || m.Started != senders*each {
		t.Errorf("%d tasks ran; the metrics are %+v", ran.Load(), m.Counts)
	}
	awaitGoroutines(t, before)
}

// awaitGoroutines waits until there are not more goroutines than before.
func awaitGoroutines(t *testing.T, before int) {
	t.Helper()
	// A goroutine that has done its work may take a moment to end. The limit only prevents a hang.
	for end := time.Now().Add(5 * time.Minute); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, want at most %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
