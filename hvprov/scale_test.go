// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
)

// TestTheInventoryOfManyHosts reads the inventory of 40 hosts (of 200 in a full run) with 50 virtual machines each, over TLS and NTLM, beginning without sessions.
// It is not parallel because it measures memory.
func TestTheInventoryOfManyHosts(t *testing.T) { //nolint:paralleltest // see above
	if testing.Short() {
		t.Skip("starts many hosts")
	}
	const vms = 50
	hosts := 40
	if full {
		hosts = 200
	}
	fleet := startFleet(t, fleetSettings{Hosts: hosts, VMs: vms})
	setConnectTimeout(fleet, 5*time.Minute) // all connect at once, and this computer may be under load
	service, err := hvprov.New(context.Background(), hvprov.Options{Hosts: fleet, InventoryMaxAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	before := memory(t)
	begin := time.Now()
	var mu sync.Mutex
	ids := map[string]bool{}
	var reads sync.WaitGroup
	for _, name := range service.Hosts() {
		reads.Go(func() {
			snapshot, err := service.HostInventory(t.Context(), name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for i := range snapshot.VMs {
				ids[snapshot.VMs[i].ID] = true
			}
		})
	}
	reads.Wait()
	took := time.Since(begin)
	peak := memory(t)
	if len(ids) != hosts*vms {
		t.Errorf("%d virtual machines, want %d", len(ids), hosts*vms)
	}
	var requests int64
	for _, host := range service.Metrics().Hosts {
		requests += host.Traffic.Requests
	}
	t.Logf("%d virtual machines on %d hosts in %v, with %d HTTP requests; memory of this process: %s, before: %s",
		len(ids), hosts, took.Round(time.Millisecond), requests, peak, before)
	if peak.total > 512<<20 {
		t.Errorf("memory is %s, want at most 512 MiB", peak)
	}
	begin = time.Now()
	if err := service.Close(context.Background()); err != nil {
		t.Errorf("close: %v", err)
	}
	t.Logf("closed in %v", time.Since(begin).Round(time.Millisecond))
}

// usage is the memory of this process in bytes.
type usage struct {
	total    uint64 // memory that the Go runtime has obtained from the system
	live     uint64 // live heap
	resident uint64 // maximum resident set; 0 if the system does not report it
}

func (u usage) String() string {
	text := strconv.FormatUint(u.total>>20, 10) + " MiB from the system, " + strconv.FormatUint(u.live>>20, 10) + " MiB live"
	if u.resident > 0 {
		text += ", " + strconv.FormatUint(u.resident>>20, 10) + " MiB resident"
	}
	return text
}

func memory(t *testing.T) usage {
	t.Helper()
	var u usage
	if text, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(text)) {
			if value, found := strings.CutPrefix(line, "VmHWM:"); found {
				kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				u.resident = kib << 10
			}
		}
	}
	debug.FreeOSMemory()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	u.total, u.live = stats.Sys, stats.HeapAlloc
	return u
}
