// SPDX-License-Identifier: MPL-2.0

package inventory_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

func TestAHostThatIsRemovedGoesWithAllThatIsKnownOfIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetch, questions := asking()
		told := &teller{}
		contexts := make(chan context.Context, 2)
		s := newStore(t, inventory.Options{
			OnChange: told.tell,
			Fetch: func(ctx context.Context, host string) (*inventory.Snapshot, error) {
				contexts <- ctx
				return fetch(context.WithoutCancel(ctx), host) // a host may answer all the same
			},
		}, "hv01", "hv02")
		go func() { (<-questions).say(job.VM{ID: "a", Name: "web"}) }()
		get(t, s, "hv01")
		release, err := s.Reserve(inventory.Reservation{Host: "hv01", Name: "new", Operation: job.OperationProvision, JobID: "1"})
		if err != nil {
			t.Fatal(err)
		}
		s.Invalidate("hv01")
		failed := make(chan error, 1)
		go func() { _, err := s.Get(t.Context(), "hv01"); failed <- err }()
		late := <-questions
		<-contexts

		setHosts(t, s, "HV02")
		if err := <-failed; !errors.Is(err, inventory.ErrHostUnknown) || !strings.Contains(err.Error(), "hv01") {
			t.Errorf("its reader got %v", err)
		}
		if ctx := <-contexts; ctx.Err() == nil {
			t.Error("its request goes on")
		}
		if _, err := s.Peek("hv01"); !errors.Is(err, inventory.ErrHostUnknown) {
			t.Errorf("got %v", err)
		}
		if all := s.All(); len(all) != 1 || all[0].Host != "HV02" {
			t.Errorf("left are %+v", all)
		}

		setHosts(t, s, "hv01", "hv02")
		late.say(job.VM{ID: "b", Name: "late"})
		release()
		synctest.Wait()
		if v := peek(t, s, "hv01"); v.Snapshot != nil || v.State != inventory.Unasked || len(v.VMs) > 0 {
			t.Errorf("added again, it is %+v", v)
		}
		if got, want := told.take(), []string{"hv01 host_connected", "hv01 host_removed"}; !slices.Equal(got, want) {
			t.Errorf("told was %q, want %q", got, want)
		}
	})
}

func TestHostsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	s := newStore(t, inventory.Options{Fetch: holding()}, "hv01")
	for _, names := range [][]string{{"hv02", "HV02"}, {"hv02", " "}} {
		if err := s.SetHosts(names); err == nil {
			t.Errorf("%q were taken", names)
		}
	}
	if all := s.All(); len(all) != 1 || all[0].Host != "hv01" {
		t.Errorf("the hosts are %+v", all)
	}
}

// visit is a request by the time since the start.
type visit struct {
	at   time.Duration
	host string
}

func TestHostsAreRefreshedInTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var mu sync.Mutex
		var visits []visit
		seen := func() []visit {
			mu.Lock()
			defer mu.Unlock()
			defer func() { visits = nil }()
			return visits
		}
		s := newStore(t, inventory.Options{
			RefreshEvery: 80 * time.Second, MaxAge: time.Second,
			Fetch: func(ctx context.Context, host string) (*inventory.Snapshot, error) {
				mu.Lock()
				visits = append(visits, visit{time.Since(begin), host})
				mu.Unlock()
				if host == "hv03" { // is silent, and must hold up nobody
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return &inventory.Snapshot{}, nil
			},
		}, "hv01", "hv02", "hv03", "hv04")
		time.Sleep(239 * time.Second)
		synctest.Wait()
		// The order is that of the names' hashes. The silent host is not asked again while it is being asked: for two minutes.
		var want []visit
		order := []string{"hv04", "hv02", "hv03", "hv01"}
		for i := range 12 {
			if host := order[i%4]; host != "hv03" || i/4 != 1 {
				want = append(want, visit{time.Duration(i) * 20 * time.Second, host})
			}
		}
		if got := seen(); !slices.Equal(got, want) {
			t.Errorf("visits were\n%v, want\n%v", got, want)
		}
		if v := peek(t, s, "hv03"); v.State != inventory.Disconnected || v.Trouble.Failures != 1 || v.Trouble.Since.Sub(begin) != 160*time.Second {
			t.Errorf("the silent host is %+v", v)
		}

		setHosts(t, s, "hv01", "hv02")
		time.Sleep(80 * time.Second) // up to 5:19
		synctest.Wait()
		if got, want := seen(), []visit{{240 * time.Second, "hv02"}, {280 * time.Second, "hv01"}}; !slices.Equal(got, want) {
			t.Errorf("of two hosts, visits were %v, want %v", got, want)
		}
		setHosts(t, s)
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := seen(); len(got) > 0 {
			t.Errorf("without hosts, visits were %v", got)
		}
	})
}

func TestARefreshLeavesAHostAloneThatHasJustAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		s := newStore(t, inventory.Options{
			RefreshEvery: time.Minute, MaxAge: 10 * time.Second,
			Fetch: func(context.Context, string) (*inventory.Snapshot, error) {
				asked.Add(1)
				return &inventory.Snapshot{}, nil
			},
		}, "hv01")
		time.Sleep(55 * time.Second) // its turns are at 0:00, 1:00 …
		get(t, s, "hv01")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := asked.Load(); n != 2 {
			t.Errorf("it was asked %d times by 1:05, want 2", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := asked.Load(); n != 3 {
			t.Errorf("it was asked %d times by 2:05, want 3", n)
		}
	})
}

func TestTurnsAreKeptHoweverOftenTheHostsAreSet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		s := newStore(t, inventory.Options{
			RefreshEvery: time.Minute, MaxAge: time.Second,
			Fetch: func(context.Context, string) (*inventory.Snapshot, error) {
				asked.Add(1)
				return &inventory.Snapshot{}, nil
			},
		}, "hv01", "hv02")
		for range 600 { // ten minutes
			time.Sleep(time.Second)
			setHosts(t, s, "hv01", "hv02")
		}
		synctest.Wait()
		if n := asked.Load(); n < 20 || n > 21 {
			t.Errorf("in ten minutes, two hosts were asked %d times", n)
		}
	})
}
