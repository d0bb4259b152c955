// SPDX-License-Identifier: MPL-2.0

package inventorycache_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

func TestEachChangeIsReportedOnce(t *testing.T) {
	t.Parallel()
	web := job.VM{ID: "a", Name: "web", PowerState: "running"}
	webOff, webUpperCase := web, web
	webOff.PowerState, webUpperCase.ID = "off", "A"
	other := job.VM{ID: "b", Name: "web", PowerState: "off"}
	lost := errors.New("lost")
	synctest.Test(t, func(t *testing.T) {
		fetch, requests := controlledFetch()
		changes := &changeLog{}
		c := newCache(t, inventorycache.Options{Fetch: fetch, OnChange: changes.add}, "hv01")
		for _, step := range []struct {
			name string
			vms  []job.VM
			err  error
			want []string
		}{
			{"first request fails", nil, lost, []string{"hv01 host_disconnected lost"}},
			{"second request fails too", nil, lost, nil},
			{"first snapshot connects the host without new machines", []job.VM{web}, nil, []string{"hv01 host_connected"}},
			{"same snapshot, id in upper case", []job.VM{webUpperCase}, nil, nil},
			{"power state changes", []job.VM{webOff}, nil, []string{"hv01 vm_state_changed web running off"}},
			{"request fails after a snapshot", nil, lost, []string{"hv01 host_disconnected lost"}},
			{"changes during the failure", []job.VM{other}, nil, []string{"hv01 vm_disappeared web", "hv01 vm_appeared web", "hv01 host_connected"}},
			{"last machine disappears", nil, nil, []string{"hv01 vm_disappeared web"}},
		} {
			go func() { (<-requests).reply <- reply{step.vms, step.err} }()
			c.Invalidate("hv01")
			if _, err := c.Get(t.Context(), "hv01"); !errors.Is(err, step.err) {
				t.Errorf("%s: Get returned %v", step.name, err)
			}
			synctest.Wait()
			if got := changes.drain(); !slices.Equal(got, step.want) {
				t.Errorf("%s: changes are %q, want %q", step.name, got, step.want)
			}
		}
	})
}

func TestAFailureHasItsStartAndCountAndKeepsTheSnapshot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetch, requests := controlledFetch()
		c := newCache(t, inventorycache.Options{Fetch: fetch}, "hv01")
		refresh := func(r reply) {
			go func() { (<-requests).reply <- r }()
			c.Invalidate("hv01")
			_, _ = c.Get(t.Context(), "hv01")
		}
		refresh(reply{vms: []job.VM{{ID: "a"}}})
		since := time.Now()
		refresh(reply{err: errors.New("first")})
		time.Sleep(time.Minute)
		last := errors.New("second")
		refresh(reply{err: last})
		v := cached(t, c, "hv01")
		want := inventory.HostFailure{Since: since, Count: 2, Err: last, Message: "second"}
		if v.State != inventory.StateDisconnected || *v.Failure != want {
			t.Errorf("state is %s with failure %+v, want %+v", v.State, v.Failure, want)
		}
		if v.Snapshot == nil || v.Snapshot.Seq != 1 || len(v.VMs) != 1 {
			t.Errorf("snapshot is %+v, want that of request 1", v.Snapshot)
		}
		refresh(reply{})
		if v := cached(t, c, "hv01"); v.State != inventory.StateConnected || v.Failure != nil {
			t.Errorf("state is %s with failure %+v, want connected without one", v.State, v.Failure)
		}
	})
}

// The host's state follows the latest request, not the latest answer.
func TestALateOutcomeDoesNotChangeTheStateOfAHost(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name          string
		first, second reply // the second arrives first
		want          inventory.HostState
		vms           int
	}{
		{"an old failure after a new answer", reply{err: errors.New("lost")}, reply{vms: []job.VM{{ID: "a"}}}, inventory.StateConnected, 1},
		{"an old answer after a new failure", reply{vms: []job.VM{{ID: "a"}}}, reply{err: errors.New("lost")}, inventory.StateDisconnected, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				fetch, requests := controlledFetch()
				c := newCache(t, inventorycache.Options{Fetch: fetch}, "hv01")
				var readers sync.WaitGroup
				readers.Go(func() { _, _ = c.Get(t.Context(), "hv01") })
				first := <-requests
				c.Invalidate("hv01")
				readers.Go(func() { _, _ = c.Get(t.Context(), "hv01") })
				(<-requests).reply <- tc.second
				synctest.Wait()
				first.reply <- tc.first
				readers.Wait()
				if v := cached(t, c, "hv01"); v.State != tc.want || len(v.VMs) != tc.vms {
					t.Errorf("state is %s with %d machines, want %s with %d", v.State, len(v.VMs), tc.want, tc.vms)
				}
			})
		})
	}
}

func TestASlowOnChangeDelaysNoReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan struct{})
		changes := &changeLog{}
		vms := []job.VM{{ID: "a", Name: "web", PowerState: "off"}}
		c := newCache(t, inventorycache.Options{
			OnChange: func(change inventorycache.Change) { <-proceed; changes.add(change) },
			Fetch: func(context.Context, string) (*inventory.Snapshot, error) {
				return &inventory.Snapshot{VMs: slices.Clone(vms)}, nil
			},
		}, "hv01")
		get(t, c, "hv01")
		for _, state := range []string{"running", "off"} {
			vms[0].PowerState = state
			c.Invalidate("hv01")
			if got := get(t, c, "hv01").VMs[0].PowerState; got != state {
				t.Errorf("power state is %s, want %s", got, state)
			}
		}
		close(proceed)
		synctest.Wait()
		want := []string{"hv01 host_connected", "hv01 vm_state_changed web off running", "hv01 vm_state_changed web running off"}
		if got := changes.drain(); !slices.Equal(got, want) {
			t.Errorf("changes are %q, want %q", got, want)
		}
	})
}

func TestOnChangeMayUseTheCache(t *testing.T) {
	t.Parallel()
	var c *inventorycache.Cache
	states := make(chan inventory.HostState, 1)
	c = newCache(t, inventorycache.Options{
		Fetch: fixedInventory(),
		OnChange: func(change inventorycache.Change) {
			v, err := c.Cached(change.Host)
			if err != nil {
				t.Error(err)
			}
			states <- v.State
		},
	}, "hv01")
	get(t, c, "hv01")
	if got := <-states; got != inventory.StateConnected {
		t.Errorf("state is %s, want connected", got)
	}
}
