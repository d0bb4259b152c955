// SPDX-License-Identifier: MPL-2.0

package hyperv_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func open(t *testing.T, path string) *hyperv.Store {
	t.Helper()
	store, err := hyperv.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func read(t *testing.T, store *hyperv.Store) *hyperv.State {
	t.Helper()
	state, err := store.Read()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestOpenCreatesAHost(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "below", "state.json")
	store := open(t, path)
	state := read(t, store)
	if state.Host.Name != "SIMHOST" || len(state.Switches) != 1 || state.Switches[0].Name != "External" || len(state.VMs) != 0 {
		t.Errorf("new host is %+v", state)
	}
	for _, name := range hyperv.SeedImages {
		text, err := os.ReadFile(filepath.Join(state.Host.VirtualHardDiskPath, "Images", name+".vhdx"))
		if err != nil || !strings.HasPrefix(string(text), "vhdxfile") || len(text) != 2<<20 {
			t.Errorf("image %s: %d bytes, %v", name, len(text), err)
		}
	}
	if err := store.Update(func(s *hyperv.State) error { s.Host.Name = "OTHER"; return nil }); err != nil {
		t.Fatal(err)
	}
	if name := read(t, open(t, path)).Host.Name; name != "OTHER" {
		t.Errorf("reopened host is %s", name)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), "null") {
		t.Errorf("a list is written as null: %v\n%s", err, text)
	}
}

func TestOpenRejectsAnUnreadableFile(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"no JSON": "{", "another format": `{"format":2}`} {
		path := filepath.Join(t.TempDir(), "state.json")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := hyperv.Open(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFailedUpdateChangesNothing(t *testing.T) {
	t.Parallel()
	store := open(t, filepath.Join(t.TempDir(), "state.json"))
	want := errors.New("no")
	if err := store.Update(func(s *hyperv.State) error { s.Host.Name = "X"; return want }); err != want { //nolint:errorlint // the error itself
		t.Errorf("error %v", err)
	}
	if name := read(t, store).Host.Name; name != "SIMHOST" {
		t.Errorf("host name is %s", name)
	}
}

func TestConcurrentUpdatesAreNotLost(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.json")
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			store, err := hyperv.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			for n := range 10 {
				err := store.Update(func(s *hyperv.State) error {
					s.VMs = append(s.VMs, hyperv.VM{Name: fmt.Sprintf("vm-%d-%d", worker, n), Adapters: make([]hyperv.Adapter, 1)})
					s.NextMAC++
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	state := read(t, open(t, path))
	names, ids := map[string]bool{}, map[string]bool{}
	for _, vm := range state.VMs {
		names[vm.Name], ids[vm.Adapters[0].ID] = true, true
	}
	if len(names) != 40 || len(ids) != 40 || state.NextMAC != 41 {
		t.Errorf("%d names, %d adapter ids, next is %d", len(names), len(ids), state.NextMAC)
	}
}

func TestCallsReturnsTheRecordedCalls(t *testing.T) {
	t.Parallel()
	store := open(t, filepath.Join(t.TempDir(), "state.json"))
	if calls, err := store.Calls(); err != nil || len(calls) != 0 {
		t.Errorf("%v, %v", calls, err)
	}
	if err := os.WriteFile(store.Path()+".calls", []byte("Get-VM\nGet-VMHost\nGet-VM\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if calls, err := store.Calls(); err != nil || len(calls) != 2 || calls["Get-VM"] != 2 {
		t.Errorf("%v, %v", calls, err)
	}
}

func TestCreateSeedsVirtualMachines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.json")
	store, err := hyperv.Create(path, hyperv.Seed{Name: "HV01", Number: 1, VMs: 4})
	if err != nil {
		t.Fatal(err)
	}
	state := read(t, store)
	if vm := state.VMs[0]; state.Host.Name != "HV01" || len(state.VMs) != 4 || vm.State != "Running" || vm.Adapters[0].IPAddresses[0] != "192.0.2.107" ||
		state.VMs[3].State != "Off" || len(state.VMs[3].Adapters[0].IPAddresses) > 0 {
		t.Errorf("seeded host is %+v", state)
	}
	if _, err := hyperv.Create(path, hyperv.Seed{}); err == nil {
		t.Error("Create replaced an existing file")
	}
}
