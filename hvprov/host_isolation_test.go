// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// TestAnUnhealthyHostDoesNotAffectOthers runs jobs on hosts that are healthy, slow, losing connections, or dead: the outcome of each
// job depends on its own host only.
func TestAnUnhealthyHostDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	const vms, each = 5, 4
	health := []simhost.Health{simhost.Healthy, simhost.Flapping, simhost.Refusing, simhost.Slow, simhost.Silent}
	dead := map[int]bool{2: true, 4: true}
	settings := fleetSettings{Hosts: 10, VMs: vms, Health: health}
	settings.Each.Seed, settings.Each.CutOneIn, settings.Each.SlowBy = 7, 12, 50*time.Millisecond
	hosts := startFleet(t, settings)
	setConnectTimeout(hosts, 5*time.Minute) // this computer may be under load
	for i := range settings.Hosts {
		if name := simhost.FleetName(i); dead[i%len(health)] {
			setConnectTimeout(hosts, 100*time.Millisecond, name)
		}
	}
	service, err := hvprov.New(context.Background(), hvprov.Options{Hosts: hosts, InventoryMaxAge: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for i, host := range service.Hosts() {
		for n := range each {
			running.Go(func() {
				j, err := service.Submit(t.Context(), hvprov.Submission{
					Host: host, Operation: job.OperationProvision, Values: values(fmt.Sprintf("new-%d", n)),
				})
				var result *job.Result
				if err == nil {
					result, err = j.Wait(t.Context())
				}
				switch {
				case dead[i%len(health)]:
					if !errors.Is(err, hvprov.ErrHostUnreachable) {
						t.Errorf("job %d on dead host %s: %v", n, host, err)
					}
				case err != nil || result.VM == nil:
					t.Errorf("job %d on %s: %+v, %v", n, host, result, err)
				}
			})
		}
	}
	running.Wait()
	for i, host := range service.Hosts() {
		if dead[i%len(health)] {
			continue
		}
		snapshot, err := service.HostInventory(t.Context(), host)
		if err != nil {
			t.Error(err)
			continue
		}
		created := 0
		for _, vm := range snapshot.VMs {
			if strings.HasPrefix(vm.Name, "new-") {
				created++
			}
		}
		if created != each || len(snapshot.VMs) != vms+each {
			t.Errorf("host %s has %d virtual machines, of which %d are new", host, len(snapshot.VMs), created)
		}
	}
	if err := service.Close(context.Background()); err != nil {
		t.Errorf("close: %v", err)
	}
}
