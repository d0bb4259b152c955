// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// TestTheLimitOfAWaitCountsItsPauses replaces the clock, so that only the pauses pass time.
func TestTheLimitOfAWaitCountsItsPauses(t *testing.T) {
	t.Parallel()
	store, err := hyperv.Open(filepath.Join(t.TempDir(), "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Update(func(s *hyperv.State) error { s.Behaviour.Guest.AddressAfter = -1; return nil }); err != nil {
		t.Fatal(err)
	}
	host := NewHost(store)
	defer host.Close()
	j, err := host.newJob(protocol.Request{Job: "a0000000-0000-4000-8000-000000000001", Definition: []byte(`{"schema":{"id":"vm-provisioning","version":1},
		"operation":"provision","fields":{"vm_name":"a","image_name":"ubuntu-24.04","gb_ram":1,"cpu_cores":1,"wait_for":"address"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	var pauses []time.Duration
	j.view.sleep = func(_ context.Context, d time.Duration) error {
		pauses = append(pauses, d)
		return nil
	}
	var f *failure
	if err := j.perform(operations[job.OperationProvision]); !errors.As(err, &f) || f.Field != "wait_for" {
		t.Errorf("got %v", err)
	}
	var sum time.Duration
	for _, pause := range pauses {
		sum += pause
	}
	if sum != 600*time.Second || pauses[0] != firstPause || pauses[1] <= firstPause || pauses[len(pauses)-2] != lastPause {
		t.Errorf("pauses of %v: %v", sum, pauses)
	}
	percent := -1
	for _, e := range j.events {
		if e.Kind != job.KindProgress || e.Step != "wait" {
			continue
		}
		if e.Percent < percent || e.Percent > 99 {
			t.Errorf("progress of %d%% after %d%%", e.Percent, percent)
		}
		percent = e.Percent
	}
	if percent < 95 {
		t.Errorf("last progress is %d%%", percent)
	}
}
