// SPDX-License-Identifier: MPL-2.0

package inventorycache_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
)

func TestEachHostIsRefreshedOncePerInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const every = 100 * time.Second
		var mu sync.Mutex
		requests := map[string][]time.Duration{} // since the start, by host
		start := time.Now()
		fetch := func(ctx context.Context, host string) (*inventory.Snapshot, error) {
			mu.Lock()
			requests[host] = append(requests[host], time.Since(start))
			mu.Unlock()
			if host == "silent" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return &inventory.Snapshot{}, nil
		}
		hosts := []string{"silent"}
		for i := range 50 {
			hosts = append(hosts, fmt.Sprintf("hv%02d", i))
		}
		c := newCache(t, inventorycache.Options{RefreshEvery: every, MaxAge: time.Second, Timeout: 10 * every, Fetch: fetch}, hosts...)
		time.Sleep(5 * every)
		synctest.Wait()

		mu.Lock()
		first := map[time.Duration]bool{}
		for _, host := range hosts[1:] {
			times := requests[host]
			if len(times) < 4 || times[0] >= every {
				t.Fatalf("host %s: requests at %v, want the first within %v and at least 4 within %v", host, times, every, 5*every)
			}
			first[times[0].Truncate(every/10)] = true
			for i := 1; i < len(times); i++ {
				if gap := times[i] - times[i-1]; gap < every*9/10 || gap > every*11/10 {
					t.Errorf("host %s: %v between two requests, want %v ± 10%%", host, gap, every)
				}
			}
		}
		if len(first) < 5 { // 50 hosts in 10 slots; fewer than 5 used has a probability below 1e-12
			t.Errorf("the first requests fall into %d of 10 parts of the interval: %v", len(first), first)
		}
		if n := len(requests["silent"]); n != 1 {
			t.Errorf("silent host: %d requests while the first is in progress, want 1", n)
		}
		clear(requests)
		mu.Unlock()

		for _, host := range hosts[1:] {
			removeHost(t, c, host)
		}
		time.Sleep(3 * every)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(requests) > 0 {
			t.Errorf("requests after the hosts were removed: %v", requests)
		}
	})
}

func TestARefreshSkipsAHostWithAFreshSnapshot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int32
		c := newCache(t, inventorycache.Options{
			RefreshEvery: time.Minute, MaxAge: 10 * time.Second,
			Fetch: func(context.Context, string) (*inventory.Snapshot, error) {
				requests.Add(1)
				return &inventory.Snapshot{}, nil
			},
		}, "hv01")
		get(t, c, "hv01") // the first refresh comes at a random time, before the first read in the loop
		readers := int32(1)
		for range 120 { // reads keep the snapshot fresh for twenty minutes
			time.Sleep(9 * time.Second)
			c.Invalidate("hv01")
			get(t, c, "hv01")
			readers++
		}
		if n := requests.Load(); n != readers {
			t.Errorf("%d requests for %d readers, want no others", n, readers)
		}
	})
}
