// SPDX-License-Identifier: MPL-2.0

package hyperv_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
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

func TestOpenMakesAHostWhenThereIsNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "below", "state.json")
	store := open(t, path)
	state := read(t, store)
	if state.Host.Name != "SIMHOST" || len(state.Switches) != 1 || state.Switches[0].Name != "External" || len(state.VMs) != 0 {
		t.Errorf("the new host is %+v", state)
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
		t.Errorf("opened again, the host is %s", name)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), "null") {
		t.Errorf("a list is written as null, which is none for PowerShell: %v\n%s", err, text)
	}
}

func TestOpenRefusesWhatItCannotRead(t *testing.T) {
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

func TestUpdateThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	store := open(t, filepath.Join(t.TempDir(), "state.json"))
	want := errors.New("no")
	if err := store.Update(func(s *hyperv.State) error { s.Host.Name = "X"; return want }); err != want { //nolint:errorlint // as it is
		t.Errorf("error %v", err)
	}
	if name := read(t, store).Host.Name; name != "SIMHOST" {
		t.Errorf("the host is %s", name)
	}
}

func TestManyAtOnceLoseNothing(t *testing.T) {
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
				if _, err := store.NewVM(t.Context(), fmt.Sprintf("vm-%d-%d", worker, n), 1<<30, ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	state := read(t, open(t, path))
	ids, addresses := map[string]bool{}, map[string]bool{}
	for _, vm := range state.VMs {
		ids[vm.ID], addresses[vm.Adapters[0].MACAddress] = true, true
	}
	if len(state.VMs) != 40 || len(ids) != 40 || len(addresses) != 40 || state.NextMAC != 41 {
		t.Errorf("%d machines, %d ids, %d addresses, next is %d", len(state.VMs), len(ids), len(addresses), state.NextMAC)
	}
}

func TestBehaviourDelaysAndFailsACall(t *testing.T) {
	t.Parallel()
	store := open(t, filepath.Join(t.TempDir(), "state.json"))
	var waited []time.Duration
	store.Wait = func(_ context.Context, d time.Duration) error { waited = append(waited, d); return nil }
	err := store.Update(func(s *hyperv.State) error {
		s.Behaviour.Calls = map[string]hyperv.Call{
			"New-VM":     {DelayMS: 70, Fail: "no room", Times: 2},
			"Get-VMHost": {Fail: "gone"},
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		_, err := store.NewVM(t.Context(), "a", 1<<30, "")
		var failed *hyperv.CmdletError
		if n < 2 && (!errors.As(err, &failed) || failed.Cmdlet != "New-VM" || failed.Message != "no room") || n == 2 && err != nil {
			t.Errorf("call %d: %v", n+1, err)
		}
		if _, err := store.GetVMHost(t.Context()); err == nil {
			t.Error("Get-VMHost did not fail")
		}
	}
	if len(waited) != 2 || waited[0] != 70*time.Millisecond {
		t.Errorf("it waited %v", waited)
	}
}

func TestTheEndOfAProcessEndsADelay(t *testing.T) {
	t.Parallel()
	store := open(t, filepath.Join(t.TempDir(), "state.json"))
	err := store.Update(func(s *hyperv.State) error {
		s.Behaviour.Calls = map[string]hyperv.Call{"New-VM": {DelayMS: 3_600_000}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	usual := store.Wait
	store.Wait = func(ctx context.Context, d time.Duration) error { stop(); return usual(ctx, d) }
	if _, err := store.NewVM(ctx, "a", 1<<30, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if n := len(read(t, store).VMs); n != 0 {
		t.Errorf("%d machines were made", n)
	}
}

func TestAMachinesLife(t *testing.T) {
	t.Parallel()
	ctx, store := t.Context(), open(t, filepath.Join(t.TempDir(), "state.json"))
	vm, err := store.NewVM(ctx, "web", 60<<30, "")
	if err != nil {
		t.Fatal(err)
	}
	fails := func(what, want string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	works := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = store.AddVMHardDiskDrive(ctx, vm.ID, filepath.Join(t.TempDir(), "none.vhdx"))
	fails("attach what is not there", "was not found", err)
	works("connect", store.ConnectVMNetworkAdapter(ctx, vm.ID, vm.Adapters[0].ID, "External"))
	works("start", store.StartVM(ctx, vm.ID))
	fails("processors of a running machine", "while it is Running", store.SetVMProcessor(ctx, vm.ID, 2))
	fails("memory of a running machine", "while it is Running", store.SetVMMemory(ctx, vm.ID, hyperv.MemorySettings{StartupBytes: 1 << 30}))
	fails("remove a running machine", "it is Running", store.RemoveVM(ctx, vm.ID))
	running, err := store.GetVM(ctx, vm.ID)
	works("get", err)
	if got := running.Adapters[0].IPAddresses; len(got) != 1 || got[0] != "192.0.2.11" {
		t.Errorf("addresses %v", got)
	}
	other, err := store.NewVM(ctx, "db", 5<<30, "")
	works("another", err)
	fails("more memory than there is", "not enough memory", store.StartVM(ctx, other.ID))
	works("stop", store.StopVM(ctx, vm.ID, false))
	stopped, err := store.GetVM(ctx, vm.ID)
	works("get", err)
	if len(stopped.Adapters[0].IPAddresses) != 0 {
		t.Errorf("addresses of a machine that is off: %v", stopped.Adapters[0].IPAddresses)
	}
	works("remove", store.RemoveVM(ctx, vm.ID))
	_, err = store.GetVM(ctx, vm.ID)
	if !errors.Is(err, hyperv.ErrVMNotFound) {
		t.Errorf("get what was removed: %v", err)
	}
	fails("join a cluster that is not", "cluster service is not running", store.AddClusterVirtualMachineRole(ctx, other.ID))
}

func TestWhatAHostHasLeft(t *testing.T) {
	t.Parallel()
	ctx, store := t.Context(), open(t, filepath.Join(t.TempDir(), "state.json"))
	available := func() int64 {
		t.Helper()
		nodes, err := store.GetVMHostNumaNode(ctx)
		if err != nil || len(nodes) != 1 || nodes[0].MemoryTotal != 64<<10 {
			t.Fatalf("%+v, %v", nodes, err)
		}
		return nodes[0].MemoryAvailable
	}
	set := func(change func(*hyperv.State)) {
		t.Helper()
		if err := store.Update(func(s *hyperv.State) error { change(s); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	set(func(s *hyperv.State) {
		s.VMs = []hyperv.VM{
			{ID: "a", State: "Running", MemoryStartupBytes: 4 << 30},
			{ID: "b", State: "Running", MemoryStartupBytes: 4 << 30, MemoryAssignedBytes: 10 << 30},
			{ID: "c", State: "Off", MemoryStartupBytes: 4 << 30, MemoryAssignedBytes: 10 << 30},
		}
	})
	if got := available(); got != 50<<10 {
		t.Errorf("%d MiB are available", got)
	}
	set(func(s *hyperv.State) { s.VMs[0].MemoryAssignedBytes = 100 << 30 })
	if got := available(); got != 0 {
		t.Errorf("%d MiB are available", got)
	}
	set(func(s *hyperv.State) { s.Host.MemoryAvailableBytes = 5<<20 + 1 })
	if got := available(); got != 5 {
		t.Errorf("%d MiB are available", got)
	}
	if free, ok := hyperv.FreeSpace(filepath.Join(t.TempDir(), "not", "there")); runtime.GOOS == "linux" && (!ok || free <= 0) {
		t.Errorf("%d bytes are free, %t", free, ok)
	}
}

func TestCallsAreCountedWhenAskedFor(t *testing.T) {
	t.Parallel()
	ctx, store := t.Context(), open(t, filepath.Join(t.TempDir(), "state.json"))
	call := func() {
		t.Helper()
		if _, err := store.ListVMs(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := store.GetVM(ctx, "none"); !errors.Is(err, hyperv.ErrVMNotFound) {
			t.Fatal(err)
		}
	}
	call()
	if calls, err := store.Calls(); err != nil || len(calls) != 0 {
		t.Errorf("%v, %v", calls, err)
	}
	if err := store.Update(func(s *hyperv.State) error { s.Behaviour.RecordCalls = true; return nil }); err != nil {
		t.Fatal(err)
	}
	call()
	if calls, err := store.Calls(); err != nil || len(calls) != 1 || calls["Get-VM"] != 2 {
		t.Errorf("%v, %v", calls, err)
	}
}
