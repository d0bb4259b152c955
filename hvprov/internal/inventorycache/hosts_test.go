// SPDX-License-Identifier: MPL-2.0

package inventorycache_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

func TestARemovedHostLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetch, requests := controlledFetch()
		changes := &changeLog{}
		contexts := make(chan context.Context, 2)
		c := newCache(t, inventorycache.Options{
			OnChange: changes.add,
			Fetch: func(ctx context.Context, host string) (*inventory.Snapshot, error) {
				contexts <- ctx
				return fetch(context.WithoutCancel(ctx), host) // the host may answer after the cancellation
			},
		}, "hv01", "hv02")
		go func() { (<-requests).succeed(job.VM{ID: "a", Name: "web"}) }()
		get(t, c, "hv01")
		release, err := c.Reserve(inventorycache.Reservation{Host: "hv01", Name: "new", Operation: job.OperationProvision, JobID: "1"})
		if err != nil {
			t.Fatal(err)
		}
		c.Invalidate("hv01")
		failed := make(chan error, 1)
		go func() { _, err := c.Get(t.Context(), "hv01"); failed <- err }()
		late := <-requests
		<-contexts

		removeHost(t, c, "HV01")
		if err := <-failed; !errors.Is(err, cause.ErrHostUnknown) || !strings.Contains(err.Error(), `"hv01" is not configured; configured hosts: hv02`) {
			t.Errorf("waiting reader: got %v, want ErrHostUnknown", err)
		}
		if ctx := <-contexts; ctx.Err() == nil {
			t.Error("the request of a removed host was not cancelled")
		}
		if _, err := c.Cached("hv01"); !errors.Is(err, cause.ErrHostUnknown) {
			t.Errorf("Cached: got %v, want ErrHostUnknown", err)
		}
		if err := c.RemoveHost("hv01"); !errors.Is(err, cause.ErrHostUnknown) {
			t.Errorf("second removal: got %v, want ErrHostUnknown", err)
		}
		if all := c.CachedAll(); len(all) != 1 || all[0].Host != "hv02" {
			t.Errorf("remaining hosts: %+v, want hv02", all)
		}

		addHost(t, c, "hv01")
		late.succeed(job.VM{ID: "b", Name: "late"})
		release()
		synctest.Wait()
		if v := cached(t, c, "hv01"); v.Snapshot != nil || v.State != inventory.StateUnknown || len(v.VMs) > 0 {
			t.Errorf("a host that was added again has state of before: %+v", v)
		}
		if got, want := changes.drain(), []string{"hv01 host_connected", "hv01 host_removed"}; !slices.Equal(got, want) {
			t.Errorf("changes are %q, want %q", got, want)
		}
	})
}

func TestInvalidHostNamesAreRejected(t *testing.T) {
	t.Parallel()
	c := newCache(t, inventorycache.Options{Fetch: fixedInventory()}, "hv01")
	for _, name := range []string{"hv01", "HV01", " ", ""} {
		if err := c.AddHost(name); err == nil {
			t.Errorf("AddHost(%q) succeeded", name)
		}
	}
	if all := c.CachedAll(); len(all) != 1 || all[0].Host != "hv01" {
		t.Errorf("hosts: %+v, want hv01", all)
	}
}
