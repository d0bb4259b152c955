// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func TestAChangeOfTheInventoryIsPublishedOncePerSnapshot(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	service := newService(t, server, func(o *hvprov.Options) { o.InventoryMaxAge = time.Nanosecond })
	events := service.Subscribe(notify.Filter{Kinds: []notify.Kind{notify.KindHostState, notify.KindInventory}})
	defer events.Close()
	read := func() {
		t.Helper()
		if _, err := service.HostInventory(t.Context(), "hv01"); err != nil {
			t.Fatal(err)
		}
	}
	next := func(kind notify.Kind, state string) {
		t.Helper()
		for {
			e, err := events.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == kind && e.State == state && e.Host == "hv01" {
				return
			}
			if e.Kind == notify.KindInventory {
				t.Fatalf("got %+v, want %s %s", e, kind, state)
			}
		}
	}
	read()
	next(notify.KindHostState, "connected")
	read() // shows no change
	updateHost(t, server, func(s *hyperv.State) {
		s.VMs = append(s.VMs, hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "a", State: "Off"}, hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e12", Name: "b", State: "Off"})
	})
	read() // shows two
	next(notify.KindInventory, "")
	if err := service.RemoveHost(t.Context(), "hv01"); err != nil {
		t.Fatal(err)
	}
	if err := service.AddHost(t.Context(), "hv01", hvprov.Host{WinRM: server.WinRM()}); err != nil {
		t.Fatal(err)
	}
	read()
	next(notify.KindHostState, "connected") // not a second change of the inventory
}
