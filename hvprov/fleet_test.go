// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// fleetSettings are what a fleet in another process is to be like.
type fleetSettings struct {
	Hosts, VMs int
	Health     []simhost.Health // of the i-th host: the i-th of these, over and over; none: all are healthy
	Each       struct {         // the part of simhost.Options that can travel
		Seed     uint64
		CutOneIn int
		SlowBy   time.Duration
	}
}

// fleetInfo is how it is reached.
type fleetInfo struct {
	Username, Password string
	CACert             []byte
	Ports              []int
}

// serveFleet serves until its input ends.
func serveFleet(settings string, in io.Reader, out io.Writer) error {
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
	var info fleetInfo
	for _, host := range fleet.Hosts() {
		info.Username, info.Password, info.CACert = host.Username(), host.Password(), host.CACertPEM()
		info.Ports = append(info.Ports, host.Port())
	}
	if err := json.NewEncoder(out).Encode(info); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, in)
	return fleet.Close()
}

// startFleet starts hosts in a process of their own, which ends with the test, and gives how a service reaches them.
func startFleet(t *testing.T, settings fleetSettings) map[string]hvprov.Host {
	t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), program) // it ends with its input
	cmd.Env = append(os.Environ(), roleVariable+"=fleet", roleVariable+"_SETTINGS="+string(text))
	cmd.Stderr = os.Stderr
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
			t.Errorf("the simulated hosts: %v", err)
		}
	})
	var info fleetInfo
	if err := json.NewDecoder(out).Decode(&info); err != nil {
		t.Fatal(err)
	}
	hosts := map[string]hvprov.Host{}
	for i, port := range info.Ports {
		hosts[simhost.FleetName(i)] = hvprov.Host{WinRM: winrm.Config{
			Address: "127.0.0.1", Port: port, TLS: true, CACert: info.CACert, Username: info.Username, Password: info.Password,
		}}
	}
	return hosts
}

// connectWithin says how long a connection to some hosts, or to all, may take.
func connectWithin(hosts map[string]hvprov.Host, limit time.Duration, names ...string) {
	if len(names) == 0 {
		names = slices.Collect(maps.Keys(hosts))
	}
	for _, name := range names {
		host := hosts[name]
		host.WinRM.ConnectTimeout = limit
		hosts[name] = host
	}
}
