// SPDX-License-Identifier: MPL-2.0

package inventory_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

func TestReadsOfAHundredMachinesAreOneRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		release := make(chan struct{})
		s := newStore(t, inventory.Options{Fetch: func(context.Context, string) (*inventory.Snapshot, error) {
			asked.Add(1)
			<-release
			vms := make([]job.VM, 100)
			for i := range vms {
				vms[i].ID = fmt.Sprint("vm-", i)
			}
			return &inventory.Snapshot{VMs: vms}, nil
		}}, "hv01")
		var readers sync.WaitGroup
		for i := range 100 {
			readers.Go(func() {
				snapshot, err := s.Get(t.Context(), []string{"hv01", "HV01"}[i%2])
				if err != nil {
					t.Error(err)
					return
				}
				if vm, ok := snapshot.ByID(fmt.Sprint("VM-", i)); !ok {
					t.Errorf("machine %d: %v", i, vm)
				}
			})
		}
		synctest.Wait() // all of them wait
		close(release)
		readers.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("the host was asked %d times", n)
		}
	})
}

func TestASnapshotServesUntilItIsOldOrInvalid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := newStore(t, inventory.Options{MaxAge: time.Minute, Fetch: func(context.Context, string) (*inventory.Snapshot, error) {
			asked++
			return &inventory.Snapshot{}, nil
		}}, "hv01")
		begin := time.Now()
		for i, step := range []struct {
			do   func()
			want int
		}{
			{func() {}, 1},
			{func() { time.Sleep(59 * time.Second) }, 1},
			{func() { time.Sleep(time.Second) }, 2},
			{func() { s.Invalidate("HV01") }, 3},
			{func() { s.Invalidate("hv02") }, 3},
		} {
			step.do()
			snapshot := get(t, s, "hv01")
			if asked != step.want || snapshot.Seq != uint64(step.want) {
				t.Errorf("step %d: asked %d times, want %d; the snapshot is number %d", i, asked, step.want, snapshot.Seq)
			}
			if i == 1 && !snapshot.Taken.Equal(begin) {
				t.Errorf("it was taken at %v, want %v", snapshot.Taken, begin)
			}
		}
	})
}

func TestAnErrorIsNotKept(t *testing.T) {
	t.Parallel()
	fail := errors.New("gone")
	errs := []error{fail, nil}
	s := newStore(t, inventory.Options{Fetch: func(context.Context, string) (*inventory.Snapshot, error) {
		err := errs[0]
		errs = errs[1:]
		return &inventory.Snapshot{}, err
	}}, "hv01")
	if _, err := s.Get(t.Context(), "hv01"); !errors.Is(err, fail) {
		t.Errorf("got %v", err)
	}
	get(t, s, "hv01")
}

func TestAReaderThatGivesUpLeavesTheOthersTheirAnswer(t *testing.T) {
	t.Parallel()
	fetch, questions := asking()
	s := newStore(t, inventory.Options{Fetch: fetch}, "hv01")
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() { _, err := s.Get(ctx, "hv01"); gaveUp <- err }()
	q := <-questions
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	q.say(job.VM{ID: "a"})
	if s := get(t, s, "hv01"); len(s.VMs) != 1 || s.Seq != 1 {
		t.Errorf("got %+v", s)
	}
}

func TestASlowHostHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	fetch, questions := asking()
	s := newStore(t, inventory.Options{Fetch: fetch}, "slow", "quick")
	slow := make(chan error)
	go func() { _, err := s.Get(t.Context(), "slow"); slow <- err }()
	held := <-questions
	go func() { (<-questions).say(job.VM{ID: "a"}) }()
	if got := get(t, s, "quick"); len(got.VMs) != 1 {
		t.Errorf("got %+v", got)
	}
	held.say()
	if err := <-slow; err != nil {
		t.Error(err)
	}
}

func TestAHostIsAskedTwiceAtOnceAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetch, questions := asking()
		s := newStore(t, inventory.Options{Fetch: fetch}, "hv01")
		var seqs [30]uint64
		var readers sync.WaitGroup
		for i := range seqs {
			readers.Go(func() { seqs[i] = get(t, s, "hv01").Seq })
			synctest.Wait()
			s.Invalidate("hv01")
		}
		first, second := <-questions, <-questions
		synctest.Wait()
		if len(questions) > 0 {
			t.Errorf("%d more requests are under way", len(questions))
		}
		second.say()
		synctest.Wait()
		(<-questions).say() // the one that all others share
		first.say()
		readers.Wait()
		for i, seq := range seqs {
			if want := uint64(min(i+1, 3)); seq < want {
				t.Errorf("reader %d has the answer to request %d, want %d", i, seq, want)
			}
		}
		if len(questions) > 0 {
			t.Errorf("%d more requests were made", len(questions))
		}
	})
}

func TestARequestThatWaitsForAPlaceServesThoseWhoComeMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetch, questions := asking()
		place := make(chan struct{})
		s := newStore(t, inventory.Options{
			Fetch: fetch,
			Run: func(ctx context.Context, _ string, fetch func(context.Context) error) error {
				<-place
				return fetch(ctx)
			},
		}, "hv01")
		var readers sync.WaitGroup
		for range 10 {
			readers.Go(func() { get(t, s, "hv01") })
			synctest.Wait()
			s.Invalidate("hv01") // what was not asked yet is not out of date
		}
		close(place)
		(<-questions).say()
		readers.Wait()
		if len(questions) > 0 {
			t.Errorf("%d more requests were made", len(questions))
		}
	})
}

func TestWhatThePoolSaysOfARequestIsTold(t *testing.T) {
	t.Parallel()
	full, slow := errors.New("the pool is closed"), errors.New("the limit has passed")
	synctest.Test(t, func(t *testing.T) {
		fetch, questions := asking()
		var run func(ctx context.Context, fetch func(context.Context) error) error
		s := newStore(t, inventory.Options{
			Fetch: fetch,
			Run: func(ctx context.Context, _ string, fetch func(context.Context) error) error {
				return run(ctx, fetch)
			},
		}, "hv01")
		run = func(context.Context, func(context.Context) error) error { return full }
		if _, err := s.Get(t.Context(), "hv01"); !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
		if v := peek(t, s, "hv01"); v.State != inventory.Unasked {
			t.Errorf("the host is %s, though it was not asked", v.State)
		}
		run = func(context.Context, func(context.Context) error) error { return nil }
		if _, err := s.Get(t.Context(), "hv01"); err == nil {
			t.Error("a pool that did nothing is no error")
		}

		var left sync.WaitGroup
		run = func(ctx context.Context, fetch func(context.Context) error) error {
			left.Go(func() { _ = fetch(ctx) })
			synctest.Wait()
			return slow
		}
		if _, err := s.Get(t.Context(), "hv01"); !errors.Is(err, slow) {
			t.Errorf("got %v", err)
		}
		if v := peek(t, s, "hv01"); v.State != inventory.Disconnected {
			t.Errorf("the host is %s", v.State)
		}
		(<-questions).ctx.Done() // its context has ended: what was given up is not left running
		left.Wait()
	})
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	fetch, questions := asking()
	s := inventory.New(inventory.Options{Fetch: fetch, RefreshEvery: time.Hour})
	setHosts(t, s, "hv01")
	failed := make(chan error)
	go func() { _, err := s.Get(t.Context(), "hv01"); failed <- err }()
	q := <-questions
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, inventory.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if q.ctx.Err() == nil {
		t.Error("the request goes on")
	}
	if _, err := s.Get(t.Context(), "hv01"); !errors.Is(err, inventory.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if err := s.SetHosts(nil); !errors.Is(err, inventory.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
