// SPDX-License-Identifier: MPL-2.0

package hyperv_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// TestWhatAMachineTakesWhileItRuns goes through what Hyper-V refuses, by the machine's generation and state.
func TestWhatAMachineTakesWhileItRuns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		generation     int
		state          string
		hot, addressed bool // it takes adapters and DVD drives; it takes another MAC address
	}{
		"generation 1, off":     {1, "Off", true, true},
		"generation 1, running": {1, "Running", false, false},
		"generation 2, off":     {2, "Off", true, true},
		"generation 2, running": {2, "Running", true, false},
		"generation 2, saved":   {2, "Saved", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, dir := t.Context(), t.TempDir()
			store, err := hyperv.Open(filepath.Join(dir, "state.json"))
			if err != nil {
				t.Fatal(err)
			}
			vm, err := store.NewVM(ctx, "web", 1<<30, "")
			if err != nil {
				t.Fatal(err)
			}
			iso := filepath.Join(dir, "seed.iso")
			if err := os.WriteFile(iso, []byte("CD001"), 0o600); err != nil {
				t.Fatal(err)
			}
			dvd, first := hyperv.DVD{ControllerType: "IDE", ControllerNumber: 1}, vm.Adapters[0].ID
			if err := store.Update(func(s *hyperv.State) error {
				s.VMs[0].Generation, s.VMs[0].State, s.VMs[0].DVDs = c.generation, c.state, []hyperv.DVD{dvd}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			takes := func(what string, want bool, err error) {
				t.Helper()
				if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "while it is "+c.state) {
					t.Errorf("%s: %v", what, err)
				}
			}
			takes("an ISO file", true, store.SetVMDvdDrive(ctx, vm.ID, dvd, iso))
			takes("none", true, store.SetVMDvdDrive(ctx, vm.ID, dvd, ""))
			takes("less a DVD drive", c.hot, store.RemoveVMDvdDrive(ctx, vm.ID, dvd))
			_, err = store.AddVMDvdDrive(ctx, vm.ID, iso)
			takes("a DVD drive", c.hot, err)
			takes("an address", c.addressed, store.SetVMNetworkAdapter(ctx, vm.ID, first, "00155D001020"))
			takes("an address of the host's choice", c.addressed, store.SetVMNetworkAdapter(ctx, vm.ID, first, ""))
			_, err = store.AddVMNetworkAdapter(ctx, vm.ID, "more", "")
			takes("an adapter", c.hot, err)
			takes("less an adapter", c.hot, store.RemoveVMNetworkAdapter(ctx, vm.ID, first))
		})
	}
}

// TestWhatIsNotThereIsRefused names files, drives and adapters that there are none of.
func TestWhatIsNotThereIsRefused(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	store, err := hyperv.Open(filepath.Join(t.TempDir(), "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	vm, err := store.NewVM(ctx, "web", 1<<30, "")
	if err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none.iso")
	_, added := store.AddVMDvdDrive(ctx, vm.ID, none)
	for what, err := range map[string]error{
		"was not found":     added,
		"no such DVD drive": store.RemoveVMDvdDrive(ctx, vm.ID, hyperv.DVD{}),
		"has no such DVD":   store.SetVMDvdDrive(ctx, vm.ID, hyperv.DVD{}, ""),
		"no such network":   store.RemoveVMNetworkAdapter(ctx, vm.ID, "x"),
		"such network ad":   store.SetVMNetworkAdapter(ctx, vm.ID, "x", ""),
		"not of generation": store.SetVMBios(ctx, vm.ID, nil),
	} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
