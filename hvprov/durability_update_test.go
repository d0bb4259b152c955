// SPDX-License-Identifier: MPL-2.0

package hvprov_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simtest"
)

// TestAnUpdateOfAdaptersIsRolledBackWhenItsWorkerDies kills the worker between the calls that create an adapter.
func TestAnUpdateOfAdaptersIsRolledBackWhenItsWorkerDies(t *testing.T) {
	t.Parallel()
	opts := withPowerShell(t)
	dir := t.TempDir()
	opts.StateFile = filepath.Join(dir, "state.json")
	s := &fixture{T: t, server: startHost(t, opts), hold: filepath.Join(dir, "hold")}
	service := newSharedHostService(t, s.server, nil)
	created, err := provision(t, service, "web-01", nil)
	s.must(err)
	s.must(os.WriteFile(s.hold, nil, 0o600))
	updateHost(t, s.server, func(state *hyperv.State) {
		state.VMs[0].Adapters = append(state.VMs[0].Adapters, hyperv.Adapter{Name: "foreign", MACAddress: "00155D001098"})
		state.Behaviour.Calls = map[string]hyperv.Call{"Connect-VMNetworkAdapter": {Hold: s.hold}}
	})
	wanted := values("web-01")
	wanted["network_adapters"] = []any{map[string]any{"name": "storage", "switch_name": "External"}}
	j, err := service.Submit(t.Context(), hvprov.Submission{
		Host: "hv01", Operation: job.OperationUpdate, VMID: created.VM.ID, Values: wanted, Changed: []string{"network_adapters"}, JobID: fixedJobID,
	})
	s.must(err)
	ctx, stop := context.WithTimeout(t.Context(), deadlockGuard)
	defer stop()
	simtest.WaitFor(ctx, t, "update is held", func() bool {
		_, err := os.Stat(s.hold + ".reached")
		return err == nil
	})
	s.must(s.server.KillWorker(j.ID()))
	s.must(os.Remove(s.hold))
	var died *hvprov.JobError
	if _, err := j.Wait(t.Context()); !errors.As(err, &died) || died.Failure.Code != job.CodeWorkerDied || len(died.Result.Undone) != 1 {
		t.Errorf("got %v", err)
	}
	state, err := s.server.Store().Read()
	s.must(err)
	if len(state.VMs) != 1 || len(state.VMs[0].Adapters) != 2 || state.VMs[0].Adapters[1].Name != "foreign" || state.VMs[0].State != "Running" {
		t.Errorf("virtual machines are %+v", state.VMs)
	}
}
