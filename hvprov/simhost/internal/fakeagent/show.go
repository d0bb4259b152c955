// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"math"
	"regexp"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// details are what virtual machines do not say of themselves, asked for all of them at once.
type details struct {
	disks map[string]hyperv.Disk // by path
	roles map[string]string      // of the cluster, by the machine's GUID

	secureBoot, tpm map[string]bool // by the machine's GUID
}

// details asks for them. What cannot be had is not known.
func (s *view) details(vms []hyperv.VM) details {
	var paths []string
	clustered := false
	for _, vm := range vms {
		clustered = clustered || vm.Clustered
		for _, drive := range vm.Drives {
			paths = append(paths, drive.Path)
		}
	}
	d := details{roles: map[string]string{}, disks: s.disks(paths)}
	d.secureBoot, d.tpm = s.security(vms)
	if clustered {
		roles, _ := s.store.GetClusterRoles(s.ctx)
		for _, role := range roles {
			d.roles[role.VMID] = role.Name
		}
	}
	return d
}

// show gives a virtual machine in the shape that clients read.
func (d details) show(vm hyperv.VM) job.VM {
	shown := job.VM{
		ID: vm.ID, Name: vm.Name, PowerState: powerState(vm.State), Generation: vm.Generation,
		MemoryGB: memoryGB(vm.MemoryStartupBytes), MemoryAssignedGB: memoryGB(vm.MemoryAssigned()),
		DynamicMemory: job.DynamicMemory{
			Enabled: vm.DynamicMemory, MinimumGB: memoryGB(vm.MemoryMinimumBytes), MaximumGB: memoryGB(vm.MemoryMaximumBytes),
		},
		ProcessorCount: vm.ProcessorCount, Notes: vm.Notes, Clustered: vm.Clustered,
		IPAddresses: []string{}, Disks: []string{}, Adapters: []job.Adapter{}, Drives: []job.Drive{},
		Heartbeat: snake(vm.HeartbeatStatus()), Integration: vm.IntegrationServices,
		CheckpointType: snake(vm.CheckpointType), StartAction: snake(vm.AutomaticStartAction), StopAction: snake(vm.AutomaticStopAction),
		Recorded: map[string]any{},
	}
	if vm.Clustered {
		shown.ClusterRole = d.roles[vm.ID]
	}
	if vm.DynamicMemory {
		least, most := exactGB(vm.MemoryMinimumBytes), exactGB(vm.MemoryMaximumBytes)
		shown.MemoryMinimumGB, shown.MemoryMaximumGB = &least, &most
	}
	if on, known := d.secureBoot[vm.ID]; known {
		shown.SecureBoot = &on
	}
	if has, known := d.tpm[vm.ID]; known {
		shown.TPM = &has
	}
	m := findManifest(vm)
	ours, _ := m.ours()
	shown.NetworkAdapters = showAdapters(vm, m)
	first := firstAdapter(vm.Adapters, ours)
	for i, a := range vm.Adapters {
		adapter := showAdapter(a)
		if i == first {
			shown.SwitchName, shown.VLANID, shown.MACAddress = adapter.SwitchName, adapter.VLANID, adapter.MACAddress
			shown.StaticMACAddress = staticMAC(a)
		}
		shown.IPAddresses = append(shown.IPAddresses, adapter.IPAddresses...)
		shown.Adapters = append(shown.Adapters, adapter)
	}
	for _, drive := range vm.Drives {
		shown.Disks = append(shown.Disks, drive.Path)
		shown.Drives = append(shown.Drives, d.showDrive(drive))
	}
	showOwnDisks(&shown, m)
	if m != nil {
		shown.JobID = m.JobID
		if recorded, ok := m.Recorded.(map[string]any); ok {
			shown.Recorded = recorded
		}
	}
	return shown
}

func showAdapter(a hyperv.Adapter) job.Adapter {
	adapter := job.Adapter{
		Name: a.Name, SwitchName: a.SwitchName, MACAddress: a.MACAddress, DynamicMAC: a.DynamicMAC, VLANID: vlanOf(a), IPAddresses: []string{},
	}
	if a.MACAddress == noMAC { // given at the first start
		adapter.MACAddress = ""
	}
	for _, address := range a.IPAddresses {
		if address != "" && !strings.HasPrefix(strings.ToLower(address), "fe80:") && !strings.HasPrefix(address, "169.254.") {
			adapter.IPAddresses = append(adapter.IPAddresses, address)
		}
	}
	return adapter
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

var wordBoundary = regexp.MustCompile(`([a-z])([A-Z])`)

// snake gives one of Hyper-V's names as clients read it.
func snake(name string) string {
	return strings.ToLower(wordBoundary.ReplaceAllString(name, "${1}_$2"))
}

func memoryGB(bytes int64) float64 { return math.Round(float64(bytes)/(1<<30)*1000) / 1000 }

func memoryBytes(gb float64) int64 { return int64(math.RoundToEven(gb * (1 << 30))) }

// vlanOf gives the VLAN of an adapter, 0 when it has none.
func vlanOf(a hyperv.Adapter) int {
	if a.VLANMode != "Access" {
		return 0
	}
	return a.VLANID
}
