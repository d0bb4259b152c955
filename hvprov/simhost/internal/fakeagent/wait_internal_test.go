// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// TestAWaitLastsAsLongAsItsPauses has a clock that the pauses alone move on.
func TestAWaitLastsAsLongAsItsPauses(t *testing.T) {
	t.Parallel()
	host, err := NewHost(filepath.Join(t.TempDir(), "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	if err := host.store.Update(func(s *hyperv.State) error { s.Behaviour.Guest.AddressAfter = -1; return nil }); err != nil {
		t.Fatal(err)
	}
	var pauses []time.Duration
	host.store.Wait = func(_ context.Context, d time.Duration) error {
		pauses = append(pauses, d)
		return nil
	}
	r, err := host.newRun(protocol.Request{Job: "a0000000-0000-4000-8000-000000000001", Definition: []byte(`{"schema":{"id":"vm-provisioning","version":1},
		"operation":"provision","fields":{"vm_name":"a","image_name":"ubuntu-24.04","gb_ram":1,"cpu_cores":1,"wait_for":"address"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	err = r.provision()
	if err == nil || !strings.Contains(err.Error(), "no address came within 600 s; last seen: link-local addresses only") {
		t.Errorf("got %v", err)
	}
	var all time.Duration
	for _, pause := range pauses {
		all += pause
	}
	if all != 600*time.Second || pauses[0] != firstPause || pauses[1] <= firstPause || pauses[len(pauses)-2] != lastPause {
		t.Errorf("%v in pauses of %v", all, pauses)
	}
	percent := -1
	for _, e := range r.events {
		if e.Kind != job.KindProgress || e.Step != "wait" {
			continue
		}
		if e.Percent < percent || e.Percent > 99 {
			t.Errorf("%d%% after %d%%", e.Percent, percent)
		}
		percent = e.Percent
	}
	if percent < 95 {
		t.Errorf("the last progress is %d%%", percent)
	}
}
