// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func TestTheHostsOfAFleetShareAccountAndCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opts := FleetOptions{
		Hosts: 5, VMs: 4, Dir: dir,
		Health: func(i int) Health { return []Health{Healthy, Silent}[i%2] },
	}
	fleet, err := StartFleet(opts)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	once := func(what string) {
		t.Helper()
		if seen[what] {
			t.Errorf("%s is not unique", what)
		}
		seen[what] = true
	}
	first := fleet.Hosts()[0]
	for i, s := range fleet.Hosts() {
		once(s.URL())
		if s.Password() != first.Password() || !bytes.Equal(s.CACertPEM(), first.CACertPEM()) {
			t.Errorf("host %d has another account or certificate", i)
		}
		if want := opts.Health(i); s.health.get() != want {
			t.Errorf("host %d is %v, want %v", i, s.health.get(), want)
		}
		state, err := s.Store().Read()
		if err != nil {
			t.Fatal(err)
		}
		if state.Host.Name != FleetName(i) || len(state.VMs) != 4 || state.VMs[0].State != "Running" || state.VMs[3].State != "Off" {
			t.Errorf("host %d is %+v", i, state)
		}
		for _, vm := range state.VMs {
			once(vm.ID)
			once(vm.Name)
			once(vm.Adapters[0].MACAddress)
			once(vm.Drives[0].Path)
		}
	}
	if err := first.Store().Update(func(s *hyperv.State) error { s.VMs = s.VMs[:1]; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := fleet.Close(); err != nil {
		t.Fatal(err)
	}
	if fleet, err = StartFleet(opts); err != nil {
		t.Fatal(err)
	}
	if state, err := fleet.Hosts()[0].Store().Read(); err != nil || len(state.VMs) != 1 {
		t.Errorf("after a restart in the same folder: %+v, %v", state, err)
	}
	if err := fleet.Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseOfAFleetRemovesItsFiles(t *testing.T) {
	t.Parallel()
	fleet, err := StartFleet(FleetOptions{Hosts: 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := fleet.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(fleet.Hosts()[0].StateFile()); !os.IsNotExist(err) {
		t.Errorf("a state file remains: %v", err)
	}
}

func TestInvalidFleetOptionsAreRejected(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, FleetName(1)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string]FleetOptions{
		"fewer than no hosts": {Hosts: -1},
		"one state file":      {Hosts: 2, Each: Options{StateFile: "state.json"}},
		"one address":         {Hosts: 2, Each: Options{Addr: "127.0.0.1:5986"}},
		"a file in the way":   {Hosts: 2, Dir: dir},
		"invalid options":     {Hosts: 2, Each: Options{Latency: -1}},
	} {
		if fleet, err := StartFleet(opts); err == nil {
			t.Errorf("%s was accepted", name)
			_ = fleet.Close()
		}
	}
}

func TestTheLogKeepsLogEntries(t *testing.T) {
	t.Parallel()
	s := start(t, basicAuth(Options{LogEntries: 4}))
	w := dial(t, s)
	for range 20 {
		if err := w.identify(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(s.Log()); n > 4 || n < 2 {
		t.Errorf("%d entries in the log", n)
	}
}
