// SPDX-License-Identifier: MPL-2.0

package inventorycache_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

func TestConcurrentReadersShareOneRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int32
		proceed := make(chan struct{})
		c := newCache(t, inventorycache.Options{Fetch: func(context.Context, string) (*inventory.Snapshot, error) {
			requests.Add(1)
			<-proceed
			vms := make([]job.VM, 100)
			for i := range vms {
				vms[i].ID = fmt.Sprint("vm-", i)
			}
			return &inventory.Snapshot{VMs: vms}, nil
		}}, "hv01")
		var readers sync.WaitGroup
		for i := range 100 {
			readers.Go(func() {
				snapshot, err := c.Get(t.Context(), []string{"hv01", "HV01"}[i%2])
				if err != nil {
					t.Error(err)
					return
				}
				if _, ok := snapshot.ByID(fmt.Sprint("VM-", i)); !ok {
					t.Errorf("virtual machine %d is missing", i)
				}
			})
		}
		synctest.Wait() // until all readers wait for the request
		close(proceed)
		readers.Wait()
		if n := requests.Load(); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}

func TestASnapshotServesReadersUntilItIsOldOrInvalidated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		c := newCache(t, inventorycache.Options{MaxAge: time.Minute, Fetch: func(context.Context, string) (*inventory.Snapshot, error) {
			requests++
			return &inventory.Snapshot{}, nil
		}}, "hv01")
		start := time.Now()
		for _, step := range []struct {
			name string
			do   func()
			want int
		}{
			{"first read", func() {}, 1},
			{"just before MaxAge", func() { time.Sleep(59 * time.Second) }, 1},
			{"at MaxAge", func() { time.Sleep(time.Second) }, 2},
			{"after Invalidate", func() { c.Invalidate("HV01") }, 3},
			{"after Invalidate of another host", func() { c.Invalidate("hv02") }, 3},
		} {
			step.do()
			snapshot := get(t, c, "hv01")
			if requests != step.want || snapshot.Seq != uint64(step.want) {
				t.Errorf("%s: %d requests and snapshot %d, want %d", step.name, requests, snapshot.Seq, step.want)
			}
			if snapshot.Seq == 1 && !snapshot.TakenAt.Equal(start) {
				t.Errorf("%s: TakenAt is %v, want %v", step.name, snapshot.TakenAt, start)
			}
		}
	})
}

func TestAnErrorIsNotCached(t *testing.T) {
	t.Parallel()
	unreachable := errors.New("unreachable")
	errs := []error{unreachable, nil}
	c := newCache(t, inventorycache.Options{Fetch: func(context.Context, string) (*inventory.Snapshot, error) {
		err := errs[0]
		errs = errs[1:]
		return &inventory.Snapshot{}, err
	}}, "hv01")
	if _, err := c.Get(t.Context(), "hv01"); !errors.Is(err, unreachable) {
		t.Errorf("got %v, want %v", err, unreachable)
	}
	get(t, c, "hv01")
}

func TestARequestContinuesWhenItsFirstReaderGivesUp(t *testing.T) {
	t.Parallel()
	fetch, requests := controlledFetch()
	c := newCache(t, inventorycache.Options{Fetch: fetch}, "hv01")
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() { _, err := c.Get(ctx, "hv01"); gaveUp <- err }()
	r := <-requests
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	r.succeed(job.VM{ID: "a"})
	if s := get(t, c, "hv01"); len(s.VMs) != 1 || s.Seq != 1 {
		t.Errorf("got %+v, want the answer to request 1", s)
	}
}

func TestASlowHostDelaysNoOther(t *testing.T) {
	t.Parallel()
	fetch, requests := controlledFetch()
	c := newCache(t, inventorycache.Options{Fetch: fetch}, "slow", "quick")
	slow := make(chan error)
	go func() { _, err := c.Get(t.Context(), "slow"); slow <- err }()
	pending := <-requests
	go func() { (<-requests).succeed(job.VM{ID: "a"}) }()
	if got := get(t, c, "quick"); len(got.VMs) != 1 {
		t.Errorf("got %+v, want one virtual machine", got)
	}
	pending.succeed()
	if err := <-slow; err != nil {
		t.Error(err)
	}
}

func TestAHostReceivesAtMostTwoRequestsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetch, requests := controlledFetch()
		c := newCache(t, inventorycache.Options{Fetch: fetch}, "hv01")
		var seqs [30]uint64
		var readers sync.WaitGroup
		for i := range seqs {
			readers.Go(func() { seqs[i] = get(t, c, "hv01").Seq })
			synctest.Wait()
			c.Invalidate("hv01")
		}
		first, second := <-requests, <-requests
		synctest.Wait()
		if len(requests) > 0 {
			t.Errorf("%d more requests in progress, want none", len(requests))
		}
		second.succeed()
		synctest.Wait()
		(<-requests).succeed() // shared by all other readers
		first.succeed()
		readers.Wait()
		for i, seq := range seqs {
			if want := uint64(min(i+1, 3)); seq < want {
				t.Errorf("reader %d received the answer to request %d, want %d or later", i, seq, want)
			}
		}
		if len(requests) > 0 {
			t.Errorf("%d more requests were sent, want none", len(requests))
		}
	})
}

func TestAnUnsentRequestServesLaterReaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetch, requests := controlledFetch()
		freeWorker := make(chan struct{})
		c := newCache(t, inventorycache.Options{
			Fetch: fetch,
			Run: func(ctx context.Context, _ string, fetch func(context.Context) error) error {
				<-freeWorker
				return fetch(ctx)
			},
		}, "hv01")
		var readers sync.WaitGroup
		for range 10 {
			readers.Go(func() { get(t, c, "hv01") })
			synctest.Wait()
			c.Invalidate("hv01") // a request that was not sent yet cannot be out of date
		}
		close(freeWorker)
		(<-requests).succeed()
		readers.Wait()
		if len(requests) > 0 {
			t.Errorf("%d more requests were sent, want none", len(requests))
		}
	})
}

func TestErrorsOfThePoolReachTheReader(t *testing.T) {
	t.Parallel()
	poolClosed, timedOut := errors.New("pool is closed"), errors.New("timed out")
	synctest.Test(t, func(t *testing.T) {
		fetch, requests := controlledFetch()
		var run func(ctx context.Context, fetch func(context.Context) error) error
		c := newCache(t, inventorycache.Options{
			Fetch: fetch,
			Run: func(ctx context.Context, _ string, fetch func(context.Context) error) error {
				return run(ctx, fetch)
			},
		}, "hv01")
		run = func(context.Context, func(context.Context) error) error { return poolClosed }
		if _, err := c.Get(t.Context(), "hv01"); !errors.Is(err, poolClosed) {
			t.Errorf("got %v, want %v", err, poolClosed)
		}
		if v := cached(t, c, "hv01"); v.State != inventory.StateUnknown {
			t.Errorf("state is %s without a request to the host, want unknown", v.State)
		}
		run = func(context.Context, func(context.Context) error) error { return nil }
		if _, err := c.Get(t.Context(), "hv01"); err == nil {
			t.Error("Get succeeded although the pool did not call fetch")
		}

		var abandoned sync.WaitGroup
		run = func(ctx context.Context, fetch func(context.Context) error) error {
			abandoned.Go(func() { _ = fetch(ctx) })
			synctest.Wait()
			return timedOut
		}
		if _, err := c.Get(t.Context(), "hv01"); !errors.Is(err, timedOut) {
			t.Errorf("got %v, want %v", err, timedOut)
		}
		if v := cached(t, c, "hv01"); v.State != inventory.StateDisconnected {
			t.Errorf("state is %s, want disconnected", v.State)
		}
		<-(<-requests).ctx.Done() // the abandoned request is cancelled
		abandoned.Wait()
	})
}

func TestCloseCancelsRequests(t *testing.T) {
	t.Parallel()
	fetch, requests := controlledFetch()
	c := inventorycache.New(inventorycache.Options{Fetch: fetch, RefreshEvery: time.Hour})
	addHost(t, c, "hv01")
	failed := make(chan error)
	go func() { _, err := c.Get(t.Context(), "hv01"); failed <- err }()
	r := <-requests
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, cause.ErrClosed) {
		t.Errorf("waiting reader: got %v, want ErrClosed", err)
	}
	if r.ctx.Err() == nil {
		t.Error("the request was not cancelled")
	}
	if _, err := c.Get(t.Context(), "hv01"); !errors.Is(err, cause.ErrClosed) {
		t.Errorf("Get: got %v, want ErrClosed", err)
	}
	if err := c.AddHost("hv02"); !errors.Is(err, cause.ErrClosed) {
		t.Errorf("AddHost: got %v, want ErrClosed", err)
	}
	if err := c.RemoveHost("hv01"); !errors.Is(err, cause.ErrClosed) {
		t.Errorf("RemoveHost: got %v, want ErrClosed", err)
	}
}
