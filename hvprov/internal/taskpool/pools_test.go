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

func TestAFullJobPoolDelaysNoQuestion(t *testing.T) {
	bubble(t, func(t *testing.T) {
		pools, err := taskpool.NewPools(taskpool.PoolsOptions{
			Jobs: func() int { return 12 }, JobsPerHost: 4, Load: func() taskpool.Load { return taskpool.Load{} },
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 300 {
			start(t, pools.Job, taskpool.Task{Category: "provision", Host: fmt.Sprintf("hv%02d", i%3), Run: lasting(time.Hour)})
		}
		time.Sleep(time.Minute)
		if m := pools.Metrics()["job"]; m.Busy != 12 || m.Queued != 288 {
			t.Errorf("got %+v", m)
		}
		for i := range 100 {
			start(t, pools.Fast, taskpool.Task{Category: "inventory", Host: fmt.Sprintf("hv%02d", i%3), Run: nothing})
		}
		synctest.Wait()
		m := pools.Metrics()["fast"]
		if got := m.Categories["inventory"]; got.Finished != 100 || got.Wait.Max != 0 {
			t.Errorf("%d questions were answered, and one had to wait for %v", got.Finished, got.Wait.Max)
		}
		if err := pools.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestPoolsRefuseBadOptions(t *testing.T) {
	t.Parallel()
	_, err := taskpool.NewPools(taskpool.PoolsOptions{JobsPerHost: -1, FastPerHost: -1})
	want := "pool \"fast\": PerHost is negative: leave it 0 for its default\npool \"job\": PerHost is negative: leave it 0 for its default"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestClosedPoolsTakeNothing(t *testing.T) {
	t.Parallel()
	pools, err := taskpool.NewPools(taskpool.PoolsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := pools.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*taskpool.Pool{pools.Fast, pools.Job} {
		if err := p.Do(t.Context(), taskpool.Task{Run: nothing}); !errors.Is(err, taskpool.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}
