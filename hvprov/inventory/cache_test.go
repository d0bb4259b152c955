// SPDX-License-Identifier: MPL-2.0

package inventory_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

func TestReadersThatComeTogetherShareOneRequest(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	release := make(chan struct{})
	cache := inventory.Cache{Fetch: func(context.Context) (*inventory.Snapshot, error) {
		asked.Add(1)
		<-release
		return &inventory.Snapshot{VMs: []job.VM{{ID: "a"}}}, nil
	}}
	var readers sync.WaitGroup
	for range 100 {
		readers.Go(func() {
			if s, err := cache.Get(t.Context()); err != nil || len(s.VMs) != 1 {
				t.Errorf("got %v, %v", s, err)
			}
		})
	}
	close(release)
	readers.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("the host was asked %d times", n)
	}
}

func TestASnapshotServesUntilItIsOldOrInvalid(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	asked := 0
	cache := inventory.Cache{
		MaxAge: time.Minute,
		Now:    func() time.Time { return now },
		Fetch: func(context.Context) (*inventory.Snapshot, error) {
			asked++
			return &inventory.Snapshot{}, nil
		},
	}
	for i, step := range []struct {
		do   func()
		want int
	}{
		{func() {}, 1},
		{func() { now = now.Add(59 * time.Second) }, 1},
		{func() { now = now.Add(time.Second) }, 2},
		{cache.Invalidate, 3},
	} {
		step.do()
		if _, err := cache.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		if asked != step.want {
			t.Errorf("step %d: asked %d times, want %d", i, asked, step.want)
		}
	}
}

func TestAnErrorIsNotKept(t *testing.T) {
	t.Parallel()
	fail := errors.New("gone")
	errs := []error{fail, nil}
	cache := inventory.Cache{Fetch: func(context.Context) (*inventory.Snapshot, error) {
		err := errs[0]
		errs = errs[1:]
		return &inventory.Snapshot{}, err
	}}
	if _, err := cache.Get(t.Context()); !errors.Is(err, fail) {
		t.Errorf("got %v", err)
	}
	if _, err := cache.Get(t.Context()); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestAReaderThatGivesUpLeavesTheOthersTheirAnswer(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	cache := inventory.Cache{Fetch: func(ctx context.Context) (*inventory.Snapshot, error) {
		<-release
		return &inventory.Snapshot{}, ctx.Err()
	}}
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() { _, err := cache.Get(ctx); gaveUp <- err }()
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
	if _, err := cache.Get(t.Context()); err != nil {
		t.Errorf("got %v", err)
	}
}
