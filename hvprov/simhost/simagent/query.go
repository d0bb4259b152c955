// SPDX-License-Identifier: MPL-2.0

package simagent

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/hostagent/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// host gives the host, or says why it is not ready.
func (s *view) host() (hyperv.Host, error) {
	host, err := s.store.GetVMHost(s.ctx)
	if err != nil {
		return host, fail(job.CodeHostNotReady, err.Error(), "",
			"see whether the service vmms (Hyper-V Virtual Machine Management) runs on the host")
	}
	return host, nil
}

// view is how a session, or a job, looks at the host.
type view struct {
	ctx   context.Context
	store *hyperv.Store

	clusterOnce sync.Once
	cluster     string
}

// clusterName gives the name of the host's cluster, or nothing. It is looked up once a session.
func (s *view) clusterName() string {
	s.clusterOnce.Do(func() {
		if name, err := s.store.GetCluster(s.ctx); err == nil {
			s.cluster = name
		}
	})
	return s.cluster
}

func (s *view) hello() (any, error) {
	host, err := s.host()
	if err != nil {
		return nil, err
	}
	build := host.OSVersion[strings.LastIndexByte(host.OSVersion, '.')+1:]
	return protocol.HelloResult{
		Agent: agent.Version, PowerShell: "5.1." + build + ".1", OS: host.OSVersion, HyperV: host.HyperVVersion,
		Host: host.Name, Cluster: s.clusterName(),
		Schemas:   []protocol.SchemaSupport{{ID: schemaID, Versions: []int{schemaVersion}}},
		ImagePath: imageFolder(host, nil), VMPath: machineFolder(host, nil),
	}, nil
}

func (s *view) inventory() (any, error) {
	host, err := s.host()
	if err != nil {
		return nil, err
	}
	vms, err := s.store.ListVMs(s.ctx)
	if err != nil {
		return nil, err
	}
	result := protocol.InventoryResult{
		Host: protocol.HostInfo{
			Name: host.Name, LogicalProcessors: host.LogicalProcessors, MemoryBytes: host.MemoryBytes,
			VirtualHardDiskPath: host.VirtualHardDiskPath,
		},
		VMs: make([]job.VM, len(vms)),
	}
	for i, vm := range vms {
		result.VMs[i] = show(vm)
	}
	return result, nil
}

// show gives a virtual machine in the shape that clients read.
func show(vm hyperv.VM) job.VM {
	shown := job.VM{
		ID: vm.ID, Name: vm.Name, PowerState: powerState(vm.State), Generation: vm.Generation,
		MemoryGB: memoryGB(vm.MemoryStartupBytes), ProcessorCount: vm.ProcessorCount, Notes: vm.Notes,
		Clustered: vm.Clustered, IPAddresses: []string{}, Disks: []string{}, Recorded: map[string]any{},
	}
	for i, a := range vm.Adapters {
		if i == 0 {
			shown.SwitchName, shown.VLANID = a.SwitchName, vlanOf(vm)
			if a.MACAddress != "000000000000" { // given at the first start
				shown.MACAddress = a.MACAddress
			}
		}
		for _, address := range a.IPAddresses {
			if address != "" && !strings.HasPrefix(strings.ToLower(address), "fe80:") && !strings.HasPrefix(address, "169.254.") {
				shown.IPAddresses = append(shown.IPAddresses, address)
			}
		}
	}
	for _, drive := range vm.Drives {
		shown.Disks = append(shown.Disks, drive.Path)
	}
	if m := findManifest(vm); m != nil {
		shown.JobID = m.JobID
		if recorded, ok := m.Recorded.(map[string]any); ok {
			shown.Recorded = recorded
		}
	}
	return shown
}

func powerState(state string) string {
	switch state {
	case "Running", "Off", "Paused", "Saved", "Starting", "Stopping":
		return strings.ToLower(state)
	case "FastSaved":
		return "saved"
	case "Resuming":
		return "starting"
	}
	return "other"
}

func memoryGB(bytes int64) float64 { return math.Round(float64(bytes)/(1<<30)*1000) / 1000 }

func memoryBytes(gb float64) int64 { return int64(math.RoundToEven(gb * (1 << 30))) }

// vlanOf gives the VLAN of the first adapter, 0 when it has none.
func vlanOf(vm hyperv.VM) int {
	if len(vm.Adapters) == 0 || vm.Adapters[0].VLANMode != "Access" {
		return 0
	}
	return vm.Adapters[0].VLANID
}

// find gives the virtual machine of that GUID; ok is false when the host has none.
func (s *view) find(id string) (vm hyperv.VM, ok bool, err error) {
	vm, err = s.store.GetVM(s.ctx, id)
	if !errors.Is(err, hyperv.ErrVMNotFound) {
		return vm, err == nil, err
	}
	// The same error of the real cmdlet has other causes: only a look at all machines tells that this one is gone.
	vms, err := s.store.ListVMs(s.ctx)
	for _, vm := range vms {
		if vm.ID == id {
			return vm, true, nil
		}
	}
	return hyperv.VM{}, false, err
}
