// SPDX-License-Identifier: MPL-2.0

package inventory_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

func TestChangesAreToldOnce(t *testing.T) {
	t.Parallel()
	web := job.VM{ID: "a", Name: "web", PowerState: "running"}
	webOff, webShouted := web, web
	webOff.PowerState, webShouted.ID = "off", "A"
	other := job.VM{ID: "b", Name: "web", PowerState: "off"}
	lost := errors.New("lost")
	synctest.Test(t, func(t *testing.T) {
		fetch, questions := asking()
		told := &teller{}
		s := newStore(t, inventory.Options{Fetch: fetch, OnChange: told.tell}, "hv01")
		for _, step := range []struct {
			name string
			vms  []job.VM
			err  error
			want []string
		}{
			{"a host that fails at once is disconnected", nil, lost, []string{"hv01 host_disconnected lost"}},
			{"and is so still", nil, lost, nil},
			{"its first snapshot connects it, and its machines are not new", []job.VM{web}, nil, []string{"hv01 host_connected"}},
			{"the same says nothing", []job.VM{webShouted}, nil, nil},
			{"a machine is switched off", []job.VM{webOff}, nil, []string{"hv01 vm_state_changed web running off"}},
			{"a failure keeps what was known", nil, lost, []string{"hv01 host_disconnected lost"}},
			{"what changed meanwhile is told", []job.VM{other}, nil, []string{"hv01 vm_disappeared web", "hv01 vm_appeared web", "hv01 host_connected"}},
			{"the last machine goes", nil, nil, []string{"hv01 vm_disappeared web"}},
		} {
			go func() { (<-questions).answer <- reply{step.vms, step.err} }()
			s.Invalidate("hv01")
			if _, err := s.Get(t.Context(), "hv01"); !errors.Is(err, step.err) {
				t.Errorf("%s: got %v", step.name, err)
			}
			synctest.Wait()
			if got := told.take(); !slices.Equal(got, step.want) {
				t.Errorf("%s: told was %q, want %q", step.name, got, step.want)
			}
		}
	})
}

func TestTroubleTellsSinceWhenAndKeepsTheSnapshot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetch, questions := asking()
		s := newStore(t, inventory.Options{Fetch: fetch}, "hv01")
		ask := func(r reply) {
			go func() { (<-questions).answer <- r }()
			s.Invalidate("hv01")
			_, _ = s.Get(t.Context(), "hv01")
		}
		ask(reply{vms: []job.VM{{ID: "a"}}})
		began := time.Now()
		ask(reply{err: errors.New("first")})
		time.Sleep(time.Minute)
		last := errors.New("second")
		ask(reply{err: last})
		v := peek(t, s, "hv01")
		if v.State != inventory.Disconnected || *v.Trouble != (inventory.Trouble{Since: began, Err: last, Failures: 2}) {
			t.Errorf("got %s, %+v", v.State, v.Trouble)
		}
		if v.Snapshot == nil || v.Snapshot.Seq != 1 || len(v.VMs) != 1 {
			t.Errorf("its snapshot is %+v", v.Snapshot)
		}
		ask(reply{})
		if v := peek(t, s, "hv01"); v.State != inventory.Connected || v.Trouble != nil {
			t.Errorf("got %s, %+v", v.State, v.Trouble)
		}
	})
}

// A late answer to an early request tells less than the failure of a later one, and the late failure of an early one nothing.
func TestAnOldOutcomeDoesNotChangeTheStateOfAHost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		first, second reply // the second comes first
		want          inventory.HostState
		vms           int
	}{
		{"an old failure after a new answer", reply{err: errors.New("lost")}, reply{vms: []job.VM{{ID: "a"}}}, inventory.Connected, 1},
		{"an old answer after a new failure", reply{vms: []job.VM{{ID: "a"}}}, reply{err: errors.New("lost")}, inventory.Disconnected, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				fetch, questions := asking()
				s := newStore(t, inventory.Options{Fetch: fetch}, "hv01")
				var readers sync.WaitGroup
				readers.Go(func() { _, _ = s.Get(t.Context(), "hv01") })
				first := <-questions
				s.Invalidate("hv01")
				readers.Go(func() { _, _ = s.Get(t.Context(), "hv01") })
				(<-questions).answer <- c.second
				synctest.Wait()
				first.answer <- c.first
				readers.Wait()
				if v := peek(t, s, "hv01"); v.State != c.want || len(v.VMs) != c.vms {
					t.Errorf("it is %s with %d machines", v.State, len(v.VMs))
				}
			})
		})
	}
}

func TestWhoIsSlowToBeToldHoldsUpNoReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		told := &teller{}
		vms := []job.VM{{ID: "a", Name: "web", PowerState: "off"}}
		s := newStore(t, inventory.Options{
			OnChange: func(c inventory.Change) { <-free; told.tell(c) },
			Fetch: func(context.Context, string) (*inventory.Snapshot, error) {
				return &inventory.Snapshot{VMs: slices.Clone(vms)}, nil
			},
		}, "hv01")
		get(t, s, "hv01")
		for _, state := range []string{"running", "off"} {
			vms[0].PowerState = state
			s.Invalidate("hv01")
			if got := get(t, s, "hv01").VMs[0].PowerState; got != state {
				t.Errorf("it is %s, want %s", got, state)
			}
		}
		close(free)
		synctest.Wait()
		want := []string{"hv01 host_connected", "hv01 vm_state_changed web off running", "hv01 vm_state_changed web running off"}
		if got := told.take(); !slices.Equal(got, want) {
			t.Errorf("told was %q, want %q", got, want)
		}
	})
}
