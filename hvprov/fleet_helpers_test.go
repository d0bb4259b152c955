// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// fleetSettings configures a fleet of simulated hosts in another process.
type fleetSettings struct {
	Hosts, VMs int
	Health     []simhost.Health // assigned to the hosts in turn; empty: all hosts are healthy
	Each       struct {         // the part of simhost.Options that can be encoded
		Seed     uint64
		CutOneIn int
		SlowBy   time.Duration
	}
}

// runFleet runs a fleet until its input ends.
func runFleet(settings string, in io.Reader, out io.Writer) error {
	var s fleetSettings
	if err := json.Unmarshal([]byte(settings), &s); err != nil {
		return err
	}
	fleet, err := simhost.StartFleet(simhost.FleetOptions{
		Hosts: s.Hosts, VMs: s.VMs, Each: simhost.Options{Seed: s.Each.Seed, CutOneIn: s.Each.CutOneIn, SlowBy: s.Each.SlowBy},
		Health: func(i int) simhost.Health {
			if len(s.Health) == 0 {
				return simhost.Healthy
			}
			return s.Health[i%len(s.Health)]
		},
	})
	if err != nil {
		return err
	}
	var hosts []connectionInfo
	for _, host := range fleet.Hosts() {
		hosts = append(hosts, newConnectionInfo(host))
	}
	if err := json.NewEncoder(out).Encode(hosts); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, in)
	return fleet.Close()
}

// startFleet starts simulated hosts in another process, which ends with the test, and returns their configurations.
func startFleet(t *testing.T, settings fleetSettings) map[string]hvprov.Host {
	t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	cmd := processInRole(context.Background(), t, "fleet", string(text)) // it ends with its input
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("process of the simulated hosts: %v", err)
		}
	})
	var info []connectionInfo
	if err := json.NewDecoder(out).Decode(&info); err != nil {
		t.Fatal(err)
	}
	hosts := map[string]hvprov.Host{}
	for i, r := range info {
		hosts[simhost.FleetName(i)] = hvprov.Host{WinRM: r.config()}
	}
	return hosts
}

// setConnectTimeout sets the time limit for connections to some hosts, or to all.
func setConnectTimeout(hosts map[string]hvprov.Host, limit time.Duration, names ...string) {
	if len(names) == 0 {
		names = slices.Collect(maps.Keys(hosts))
	}
	for _, name := range names {
		host := hosts[name]
		host.WinRM.ConnectTimeout = limit
		hosts[name] = host
	}
}
