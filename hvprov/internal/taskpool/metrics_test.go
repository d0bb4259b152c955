// SPDX-License-Identifier: MPL-2.0

package taskpool_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
)

func TestMetricsAreCountedByCategory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{Max: 1})
		start(t, p, taskpool.Task{Category: "provision", Run: lasting(10 * time.Minute)})
		start(t, p, taskpool.Task{Category: "provision", Run: lasting(2 * time.Hour)})
		start(t, p, taskpool.Task{Category: "check", Run: func(context.Context) error { return errors.New("no") }})
		start(t, p, taskpool.Task{Category: "check", Limit: 5 * time.Second, Run: lasting(time.Hour)})
		start(t, p, taskpool.Task{Run: func(context.Context) error { panic("no") }})
		synctest.Wait()
		m := p.Metrics()
		if got := m.Categories["provision"]; got.Running != 1 || got.Queued != 1 || got.Submitted != 2 || got.Started != 1 {
			t.Errorf("metrics with one running and one queued task: %+v", got)
		}
		time.Sleep(3 * time.Hour)
		m = p.Metrics()
		provision, check, other := m.Categories["provision"], m.Categories["check"], m.Categories["other"]
		if provision.Finished != 2 || check.Failed != 1 || check.TimedOut != 1 || other.Panicked != 1 || len(m.Categories) != 3 {
			t.Errorf("metrics by category: %+v", m.Categories)
		}
		if m.Submitted != 5 || m.Started != 5 || m.Finished != 2 || m.Failed != 1 || m.TimedOut != 1 || m.Panicked != 1 {
			t.Errorf("metrics of all categories: %+v", m.Counts)
		}
		if run := provision.Run; run.Count != 2 || run.Sum != 130*time.Minute || run.Max != 2*time.Hour {
			t.Errorf("run times: %+v, want 2 tasks, 130m in all and at most 2h", run)
		}
		if wait := provision.Wait; wait.Count != 2 || wait.Max != 10*time.Minute {
			t.Errorf("queue times: %+v, want 2 tasks and at most 10m", wait)
		}
		for _, b := range provision.Run.Buckets {
			want := uint64(0)
			if b.UpTo >= 10*time.Minute {
				want = 1 // 2 hours are longer than all bounds
			}
			if b.Count != want {
				t.Errorf("bucket up to %v: got %d, want %d", b.UpTo, b.Count, want)
			}
		}
		if b := check.Run.Buckets[5]; b.UpTo != 5*time.Second || b.Count != 2 {
			t.Errorf("the bucket does not include its bound: %+v", b)
		}
	})
}

func TestFurtherCategoriesThan64AreCountedAsOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPool(t, taskpool.Options{})
		for i := range 1000 {
			if err := p.Do(t.Context(), taskpool.Task{Category: fmt.Sprint("category ", i), Run: nothing}); err != nil {
				t.Fatal(err)
			}
		}
		m := p.Metrics()
		if len(m.Categories) > 65 || m.Finished != 1000 || m.Categories["other"].Finished != 1000-64 {
			t.Errorf("%d categories, %d tasks of category other, %d finished", len(m.Categories), m.Categories["other"].Finished, m.Finished)
		}
	})
}
