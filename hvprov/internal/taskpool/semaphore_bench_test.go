// SPDX-License-Identifier: MPL-2.0

package taskpool_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
)

const (
	benchWorkers = 16
	benchTasks   = 1000
)

// BenchmarkAgainstASemaphore runs the same tasks in a pool and in goroutines with a semaphore, which has no hosts, limits,
// metrics and panic handling. The ratio is the cost of these.
func BenchmarkAgainstASemaphore(b *testing.B) {
	for _, work := range []time.Duration{0, 20 * time.Microsecond} {
		b.Run(fmt.Sprintf("work=%v", work), func(b *testing.B) {
			run := func() {
				for end := time.Now().Add(work); work > 0 && time.Now().Before(end); {
				}
			}
			var pool, semaphore time.Duration
			for b.Loop() {
				pool += timePool(b, run)
				semaphore += timeSemaphore(run)
			}
			tasks := float64(b.N) * benchTasks
			b.ReportMetric(float64(pool.Nanoseconds())/tasks, "pool-ns/task")
			b.ReportMetric(float64(semaphore.Nanoseconds())/tasks, "semaphore-ns/task")
			b.ReportMetric(float64(pool)/float64(semaphore), "ratio")
		})
	}
}

func timePool(b *testing.B, run func()) time.Duration {
	b.Helper()
	p, err := taskpool.NewPool(taskpool.Options{Min: benchWorkers, Max: benchWorkers, PerHost: benchWorkers})
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	var all sync.WaitGroup
	all.Add(benchTasks)
	for i := range benchTasks {
		_, err := p.Go(b.Context(), taskpool.Task{
			Category: "check", Host: []string{"hv01", "hv02", "hv03", "hv04"}[i%4],
			Run: func(context.Context) error { run(); all.Done(); return nil },
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	all.Wait()
	took := time.Since(start)
	_ = p.Close(b.Context())
	return took
}

func timeSemaphore(run func()) time.Duration {
	start := time.Now()
	slots := make(chan struct{}, benchWorkers)
	var all sync.WaitGroup
	for range benchTasks {
		slots <- struct{}{}
		all.Go(func() { run(); <-slots })
	}
	all.Wait()
	return time.Since(start)
}
