// SPDX-License-Identifier: MPL-2.0

package inventory_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// answer is what a host with 50 ordinary machines sends.
func answer(host int) []byte {
	vms := make([]job.VM, 50)
	for i := range vms {
		size := 40.0
		n := host*len(vms) + i
		mac, address := fmt.Sprintf("00155D%06X", n), fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255)
		name := fmt.Sprintf("web-%05d", n)
		path := fmt.Sprintf(`C:\ClusterStorage\Volume1\%s\%s.vhdx`, name, name)
		vms[i] = job.VM{
			ID: fmt.Sprintf("6f2d1c5e-6a1e-4c39-9d0b-%012x", n), Name: name, PowerState: "running", Generation: 2, MemoryGB: 4, MemoryAssignedGB: 4,
			DynamicMemory: job.DynamicMemory{MinimumGB: 0.5, MaximumGB: 1024}, ProcessorCount: 2, SwitchName: "External", VLANID: 20,
			Clustered: true, ClusterRole: name, IPAddresses: []string{address}, MACAddress: mac, Disks: []string{path},
			Adapters:  []job.Adapter{{Name: "Network Adapter", SwitchName: "External", MACAddress: mac, DynamicMAC: true, VLANID: 20, IPAddresses: []string{address}}},
			Drives:    []job.Drive{{Path: path, SizeGB: &size, Controller: "SCSI 0:0"}},
			Heartbeat: "ok_applications_healthy", CheckpointType: "production", StartAction: "start_if_running", StopAction: "save",
			JobID: fmt.Sprintf("0b5d1c5e-6a1e-4c39-9d0b-%012x", n),
			Recorded: map[string]any{
				"vm_name": name, "image_name": "ubuntu-24.04", "os_family": "linux", "gb_ram": 4, "cpu_cores": 2, "switch_name": "External", "vlan_id": 20,
				"guest_la_uid": "ops", "vm_clustered": true,
			},
		}
	}
	text, err := json.Marshal(vms)
	if err != nil {
		panic(err)
	}
	return text
}

func liveHeap() uint64 {
	var stats runtime.MemStats
	for range 2 { // what a finalizer or a pool holds goes with the second
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// It is not parallel: what it measures is its own.
func TestTenThousandMachinesTakeLittleMemory(t *testing.T) { //nolint:paralleltest // see above
	const hosts, vms = 200, 10_000
	read := func(host string) (*inventory.Snapshot, error) {
		var n int
		if _, err := fmt.Sscanf(host, "hv%d", &n); err != nil {
			return nil, err
		}
		snapshot := &inventory.Snapshot{Host: host}
		return snapshot, json.Unmarshal(answer(n), &snapshot.VMs)
	}
	names := make([]string, hosts)
	for i := range names {
		names[i] = fmt.Sprintf("hv%03d", i)
	}
	s := newStore(t, inventory.Options{Fetch: func(_ context.Context, host string) (*inventory.Snapshot, error) { return read(host) }}, names...)
	before := liveHeap()
	for _, name := range names {
		get(t, s, name)
	}
	kept := liveHeap()
	var plain []*inventory.Snapshot
	for _, name := range names {
		snapshot, err := read(name)
		if err != nil {
			t.Fatal(err)
		}
		plain = append(plain, snapshot)
	}
	inStore, asRead := (kept-before)/vms, (liveHeap()-kept)/vms
	t.Logf("a virtual machine takes %d bytes, %d as it was read; its host sends %d", inStore, asRead, len(answer(0))/50)
	if inStore > asRead*9/10 || inStore > 4000 {
		t.Errorf("a virtual machine takes %d bytes, %d as it was read", inStore, asRead)
	}
	runtime.KeepAlive(s)
	runtime.KeepAlive(plain)
}

func TestASnapshotIsKeptAsItIs(t *testing.T) {
	t.Parallel()
	read := func() (vms []job.VM) {
		if err := json.Unmarshal(answer(1), &vms); err != nil {
			t.Fatal(err)
		}
		vms[1].Adapters, vms[1].Drives, vms[1].Recorded, vms[1].Disks = nil, nil, nil, []string{}
		vms[2].Recorded = map[string]any{
			"none": nil, "list": []any{"a", 1.5, map[string]any{"deep": []any{true, nil}}, []any{}}, "no list": []any(nil), "no map": map[string]any(nil),
		}
		return vms
	}
	given := read()
	s := newStore(t, inventory.Options{Fetch: holding(given...)}, "hv01")
	kept := get(t, s, "hv01")
	if !reflect.DeepEqual(kept.VMs, read()) {
		t.Error("what is kept is not what was given")
	}
	given[0].Disks[0], given[2].Recorded["none"], given[0].Adapters[0].IPAddresses[0] = "changed", "changed", "changed"
	if !reflect.DeepEqual(kept.VMs, read()) {
		t.Error("what is kept changes with what was given")
	}
}
