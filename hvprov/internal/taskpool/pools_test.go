// SPDX-License-Identifier: MPL-2.0

package taskpool_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
)

func TestAFullJobPoolDelaysNoQuery(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pools, err := taskpool.NewPools(taskpool.PoolsOptions{JobsPerHost: 4})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 300 {
			start(t, pools.Job, taskpool.Task{Category: "provision", Host: fmt.Sprintf("hv%02d", i%3), Run: lasting(time.Hour)})
		}
		time.Sleep(time.Minute)
		if m := pools.Metrics()["job"]; m.Running != 12 || m.Queued != 288 {
			t.Errorf("%d jobs run and %d are queued, want 12 and 288", m.Running, m.Queued)
		}
		for i := range 100 {
			start(t, pools.Query, taskpool.Task{Category: "inventory", Host: fmt.Sprintf("hv%02d", i%3), Run: nothing})
		}
		synctest.Wait()
		m := pools.Metrics()["query"]
		if got := m.Categories["inventory"]; got.Finished != 100 || got.Wait.Max != 0 {
			t.Errorf("%d queries finished after up to %v in the queue, want 100 after 0s", got.Finished, got.Wait.Max)
		}
		if err := pools.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestNewPoolsReportsInvalidOptionsOfBothPools(t *testing.T) {
	t.Parallel()
	_, err := taskpool.NewPools(taskpool.PoolsOptions{JobsPerHost: -1, QueriesPerHost: -1})
	want := "pool \"query\": PerHost must not be negative; 0 means its default\npool \"job\": PerHost must not be negative; 0 means its default"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestClosedPoolsAcceptNoTask(t *testing.T) {
	t.Parallel()
	pools, err := taskpool.NewPools(taskpool.PoolsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := pools.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*taskpool.Pool{pools.Query, pools.Job} {
		if err := p.Do(t.Context(), taskpool.Task{Run: nothing}); !errors.Is(err, taskpool.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
}
