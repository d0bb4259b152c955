// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// hello answers the request of that name.
func (v *view) hello(installed bool) (any, error) {
	host, err := v.hostState()
	if err != nil {
		return nil, err
	}
	build := host.OSVersion[strings.LastIndexByte(host.OSVersion, '.')+1:]
	return protocol.HelloResult{
		Agent: agent.Version, PowerShell: "5.1." + build + ".1", OS: host.OSVersion, HyperV: host.HyperVVersion,
		Host: host.Name, Cluster: v.clusterName(), Installed: installed, Lacks: []job.Finding{},
		Schemas:   []protocol.SchemaSupport{{ID: schemaID, Versions: schemaVersions}},
		ImagePath: imageFolder(host, nil), VMPath: vmFolder(host, nil),
	}, nil
}

// inventory answers the request of that name. It asks the cluster about wanted virtual machines that are not on the host.
func (v *view) inventory(settings *protocol.Settings, wanted []string) (any, error) {
	start := time.Now()
	result, err := v.readInventory(settings, wanted)
	if err != nil {
		return nil, err
	}
	result.ReadMS = time.Since(start).Milliseconds()
	return result, nil
}

func (v *view) readInventory(settings *protocol.Settings, wanted []string) (*protocol.InventoryResult, error) {
	host, err := v.hostState()
	if err != nil {
		return nil, err
	}
	vms, err := v.listVMs()
	if err != nil {
		return nil, err
	}
	images := imageFolder(host, settings)
	result := &protocol.InventoryResult{VMs: make([]job.VM, len(vms)), Host: job.Host{
		Name: host.Name, LogicalProcessors: host.LogicalProcessors, MemoryBytes: host.MemoryBytes, MemoryAvailableBytes: v.memoryAvailable(),
		VirtualHardDiskPath: host.VirtualHardDiskPath, VMPath: vmFolder(host, settings), ImagePath: images,
		Images: listFiles(images, imageExtension), Media: listFiles(images, mediaExtension),
	}}
	if host.FreeBytes > 0 {
		result.Host.FreeBytes = &host.FreeBytes
	}
	for i, vm := range vms {
		result.VMs[i] = showVM(vm, host, len(vms) <= fewVMs)
	}
	if err := v.omitDisks(result); err != nil {
		return nil, err
	}
	if len(wanted) == 0 {
		return result, nil
	}
	result.VMs = slices.DeleteFunc(result.VMs, func(vm job.VM) bool {
		return !slices.ContainsFunc(wanted, func(id string) bool { return strings.EqualFold(id, vm.ID) })
	})
	for _, id := range wanted {
		if slices.ContainsFunc(result.VMs, func(vm job.VM) bool { return strings.EqualFold(id, vm.ID) }) {
			continue
		}
		node, err := v.clusterOwner(id)
		if err != nil {
			return nil, err
		}
		if node != "" {
			result.Elsewhere = append(result.Elsewhere, protocol.Elsewhere{ID: id, Node: node})
		}
	}
	return result, nil
}

// switches returns the virtual switches.
func (v *view) switches() (any, error) {
	if _, err := v.hostState(); err != nil {
		return nil, err
	}
	result := protocol.SwitchesResult{Switches: []job.Switch{}}
	err := v.cmdlet("Get-VMSwitch", false, func(s *hyperv.State) error {
		for _, sw := range s.Switches {
			result.Switches = append(result.Switches, showSwitch(sw))
		}
		return nil
	})
	return result, err
}

// omitDisks removes the sizes of disks from an inventory if the host is to answer so.
func (v *view) omitDisks(result *protocol.InventoryResult) error {
	state, err := v.store.Read()
	if err != nil || state.Behaviour.UnreadDisks == "" {
		return err
	}
	result.Partial = []string{state.Behaviour.UnreadDisks}
	for i := range result.VMs {
		vm := &result.VMs[i]
		vm.DiskSizeGB, vm.DataDisks = nil, nil
		for n := range vm.Drives {
			vm.Drives[n].SizeGB, vm.Drives[n].FileGB = nil, nil
		}
	}
	return nil
}

// clusterName returns the name of the host's failover cluster; empty: there is none.
func (v *view) clusterName() (name string) {
	_ = v.cmdlet("Get-Cluster", false, func(s *hyperv.State) error { name = s.Host.Cluster; return nil })
	return name
}

// clusterOwner returns the name of the other cluster node that owns a virtual machine; empty: there is none.
func (v *view) clusterOwner(id string) (node string, err error) {
	if v.clusterName() == "" {
		return "", nil
	}
	state, err := v.store.Read()
	if err != nil {
		return "", err
	}
	return state.ClusterOwner(id)
}

// vmOf returns a virtual machine, which must be on the host.
func (v *view) vmOf(host hyperv.Host, id string) (hyperv.VM, error) {
	vm, found, err := v.findVM(id)
	if err == nil && !found {
		if err = v.checkElsewhere(id, host); err == nil {
			err = fail("vm_not_found", "", "id", id, "host", host.Name)
		}
	}
	return vm, err
}

// checkElsewhere returns an error if another cluster node owns a virtual machine that is not on the host.
func (v *view) checkElsewhere(id string, host hyperv.Host) error {
	node, err := v.clusterOwner(id)
	if err != nil || node == "" {
		return err
	}
	return fail("vm_elsewhere", "", "id", id, "host", host.Name, "node", node)
}

// memoryAvailable returns the memory in bytes that the host can assign; nil: unknown.
func (v *view) memoryAvailable() *int64 {
	var available int64
	if err := v.cmdlet("Get-VMHostNumaNode", false, func(s *hyperv.State) error { available = memoryAvailable(s) >> 20 << 20; return nil }); err != nil {
		return nil
	}
	return &available
}

// hostOrEmpty returns the host, without an error of a cmdlet: it only completes what is shown.
func (v *view) hostOrEmpty() hyperv.Host {
	state, err := v.store.Read()
	if err != nil {
		return hyperv.Host{}
	}
	return state.Host
}

// showVM returns a virtual machine of a host, which may be in a cluster, in the format of clients. few is whether few are shown.
func showVM(vm hyperv.VM, host hyperv.Host, few bool) job.VM {
	secureBoot, tpm := vm.Generation == 2 && vm.SecureBoot == "On", vm.Generation == 2 && vm.TPM
	shown := job.VM{
		ID: vm.ID, Name: vm.Name, OwnerNode: host.Name, PowerState: powerState(vm.State), Generation: vm.Generation, SecureBoot: &secureBoot, TPM: &tpm,
		MemoryGB: exactGB(vm.MemoryStartupBytes), MemoryAssignedGB: memoryGB(memoryAssigned(vm)),
		DynamicMemory: job.DynamicMemory{
			Enabled: vm.DynamicMemory, MinimumGB: memoryGB(vm.MemoryMinimumBytes), MaximumGB: memoryGB(vm.MemoryMaximumBytes),
		},
		ProcessorCount: vm.ProcessorCount, Notes: vm.Notes, Clustered: vm.Clustered, Heartbeat: heartbeat(vm), Integration: vm.IntegrationServices,
		IPAddresses: []string{}, Disks: []string{}, Adapters: []job.Adapter{}, Drives: []job.Drive{}, Recorded: map[string]any{},
		CheckpointType: snakeCase(vm.CheckpointType), StartAction: snakeCase(vm.AutomaticStartAction), StopAction: snakeCase(vm.AutomaticStopAction),
	}
	if vm.Clustered && host.Cluster != "" {
		shown.ClusterRole = cmp.Or(vm.ClusterRole, vm.Name)
	}
	if vm.DynamicMemory {
		least, most := exactGB(vm.MemoryMinimumBytes), exactGB(vm.MemoryMaximumBytes)
		shown.MemoryMinimumGB, shown.MemoryMaximumGB = &least, &most
	}
	m := findManifest(vm)
	if m == nil && few {
		showSettings(&shown, vm, nil, true)
	}
	for i, a := range vm.Adapters {
		adapter := showAdapter(a)
		if i == 0 {
			shown.SwitchName, shown.VLANID, shown.MACAddress, shown.StaticMACAddress = adapter.SwitchName, adapter.VLANID, adapter.MACAddress, staticMAC(a)
			if m != nil && slices.Contains(m.AssignedMACs, a.MACAddress) {
				shown.StaticMACAddress = ""
			}
		}
		shown.IPAddresses = append(shown.IPAddresses, adapter.IPAddresses...)
		shown.Adapters = append(shown.Adapters, adapter)
	}
	if m != nil {
		shown.JobID = m.JobID
		maps.Copy(shown.Recorded, m.Recorded)
		showSettings(&shown, vm, m.Recorded, false)
		shown.DataDisks = showDataDisks(vm, m)
		if !m.Recorded.has("network_adapters") { // those of the real agent are not known
			shown.NetworkAdapters = []job.NetworkAdapter{}
		}
	}
	for _, drive := range vm.Drives {
		item := job.Drive{Path: drive.Path, Controller: fmt.Sprintf("%s %d:%d", drive.ControllerType, drive.ControllerNumber, drive.ControllerLocation)}
		if disk, err := hyperv.ReadDisk(drive.Path); err == nil {
			size, file := memoryGB(disk.SizeBytes), memoryGB(disk.FileBytes)
			item.SizeGB, item.FileGB, item.Type, item.Parent = &size, &file, strings.ToLower(disk.Type), disk.Parent
		}
		if m != nil && pathKey(belowCheckpoints(drive.Path)) == pathKey(m.Disk) || (m == nil || m.Disk == "") && len(vm.Drives) == 1 {
			shown.DiskSizeGB = item.SizeGB
		}
		shown.Disks, shown.Drives = append(shown.Disks, drive.Path), append(shown.Drives, item)
	}
	return shown
}

func showAdapter(a hyperv.Adapter) job.Adapter {
	adapter := job.Adapter{
		Name: a.Name, SwitchName: a.SwitchName, MACAddress: a.MACAddress, DynamicMAC: a.DynamicMAC, VLANID: vlanOf(a), IPAddresses: []string{},
	}
	if a.MACAddress == hyperv.NoMAC {
		adapter.MACAddress = ""
	}
	for _, address := range a.IPAddresses {
		if address != "" && !strings.HasPrefix(strings.ToLower(address), "fe80:") && !strings.HasPrefix(address, "169.254.") {
			adapter.IPAddresses = append(adapter.IPAddresses, address)
		}
	}
	return adapter
}

// powerState returns one of Hyper-V's states in the notation of clients.
func powerState(state string) string {
	switch state = strings.TrimSuffix(state, "Critical"); state {
	case "Running", "Off", "Paused", "Saved", "Starting", "Stopping":
		return strings.ToLower(state)
	case "FastSaved":
		return "saved"
	case "Resuming", "Reset", "ForceReboot":
		return "starting"
	case "ForceShutdown", "Saving", "FastSaving":
		return "stopping"
	}
	return "other"
}

var wordBoundary = regexp.MustCompile(`([a-z])([A-Z])`)

// snakeCase converts StartIfRunning to start_if_running, the notation of clients.
func snakeCase(name string) string {
	return strings.ToLower(wordBoundary.ReplaceAllString(name, "${1}_$2"))
}
