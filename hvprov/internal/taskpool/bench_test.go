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

const benchWorkers = 16

// BenchmarkAgainstASemaphore runs the same tasks in a pool and in bare goroutines with a semaphore, in one run. Those know
// no hosts, limits, metrics or panics: the ratio is what these cost.
func BenchmarkAgainstASemaphore(b *testing.B) {
	for _, work := range []time.Duration{0, 20 * time.Microsecond} {
		b.Run(fmt.Sprintf("work=%v", work), func(b *testing.B) {
			run := func() {
				for end := time.Now().Add(work); work > 0 && time.Now().Before(end); {
				}
			}
			var pooled, bare time.Duration
			for b.Loop() {
				pooled += timePool(b, run)
				bare += timeSemaphore(run)
			}
			perTask := float64(b.N) * benchTasks
			b.ReportMetric(float64(pooled.Nanoseconds())/perTask, "pool-ns/task")
			b.ReportMetric(float64(bare.Nanoseconds())/perTask, "bare-ns/task")
			b.ReportMetric(float64(pooled)/float64(bare), "ratio")
		})
	}
}

const benchTasks = 1000

func timePool(b *testing.B, run func()) time.Duration {
	p, err := taskpool.NewPool(taskpool.Options{Min: benchWorkers, Max: benchWorkers, PerHost: benchWorkers})
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
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
	took := time.Since(began)
	_ = p.Close(b.Context())
	return took
}

func timeSemaphore(run func()) time.Duration {
	began := time.Now()
	places := make(chan struct{}, benchWorkers)
	var all sync.WaitGroup
	for range benchTasks {
		places <- struct{}{}
		all.Go(func() { run(); <-places })
	}
	all.Wait()
	return time.Since(began)
}
