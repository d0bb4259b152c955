// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// TestAMachineOfGeneration1HasADriveForAnISOFile puts an ISO file into one, and takes it out again while that runs.
func TestAMachineOfGeneration1HasADriveForAnISOFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	host, err := NewHost(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	vm, err := host.store.NewVM(t.Context(), "old", 1<<30, "")
	if err != nil {
		t.Fatal(err)
	}
	iso := filepath.Join(dir, "seed.iso")
	if err := os.WriteFile(iso, []byte("CD001"), 0o600); err != nil {
		t.Fatal(err)
	}
	onHost := func(change func(vm *hyperv.VM)) {
		t.Helper()
		if err := host.store.Update(func(s *hyperv.State) error { change(&s.VMs[0]); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	onHost(func(vm *hyperv.VM) {
		vm.Generation, vm.DVDs = 1, []hyperv.DVD{{ControllerType: "IDE", ControllerNumber: 1}}
	})
	r := &run{view: &view{ctx: t.Context(), store: host.store}, vmID: vm.ID, generation: 1, steps: []string{"media", "eject"}, more: make(chan struct{})}
	if err := r.attachMedia(plan{media: iso}, hyperv.Drive{}); err != nil {
		t.Fatal(err)
	}
	onHost(func(vm *hyperv.VM) {
		if len(vm.DVDs) != 1 || vm.DVDs[0].Path != iso || !slices.Equal(vm.StartupOrder, []string{"IDE", "CD", "LegacyNetworkAdapter", "Floppy"}) {
			t.Errorf("with the file in it: %+v", vm)
		}
		vm.State = "Running"
	})
	if err := r.ejectMedia(plan{media: iso}); err != nil {
		t.Fatal(err)
	}
	onHost(func(vm *hyperv.VM) {
		if len(vm.DVDs) != 1 || vm.DVDs[0].Path != "" {
			t.Errorf("without it: %+v", vm)
		}
	})
}
