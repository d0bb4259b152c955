// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
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
		Host: host.Name, Cluster: v.clusterName(), Installed: installed,
		Schemas:   []protocol.SchemaSupport{{ID: schemaID, Versions: []int{schemaVersion}}},
		ImagePath: imageFolder(host, nil), VMPath: vmFolder(host, nil),
	}, nil
}

// inventory answers the request of that name.
func (v *view) inventory(settings *protocol.Settings) (any, error) {
	host, err := v.hostState()
	if err != nil {
		return nil, err
	}
	vms, err := v.listVMs()
	if err != nil {
		return nil, err
	}
	images := imageFolder(host, settings)
	result := protocol.InventoryResult{VMs: make([]job.VM, len(vms)), Host: job.Host{
		Name: host.Name, LogicalProcessors: host.LogicalProcessors, MemoryBytes: host.MemoryBytes, MemoryAvailableBytes: v.memoryAvailable(),
		VirtualHardDiskPath: host.VirtualHardDiskPath, VMPath: vmFolder(host, settings), ImagePath: images,
		Images: listFiles(images, imageExtension), Media: listFiles(images, mediaExtension),
	}}
	details := v.details(vms)
	for i, vm := range vms {
		result.VMs[i] = details.show(vm)
	}
	return result, nil
}

// memoryAvailable returns the memory in bytes that the host can assign; nil: unknown.
func (v *view) memoryAvailable() *int64 {
	var available int64
	if err := v.cmdlet("Get-VMHostNumaNode", false, func(s *hyperv.State) error { available = memoryAvailable(s) >> 20 << 20; return nil }); err != nil {
		return nil
	}
	return &available
}

// details are properties of virtual machines that other cmdlets than Get-VM return, read once for all virtual machines.
type details struct {
	disks           map[string]hyperv.Disk // by path
	roles           map[string]string      // of the cluster, by id
	secureBoot, tpm map[string]bool        // by id
}

// details reads the details. What cannot be read is absent.
func (v *view) details(vms []hyperv.VM) details {
	var paths []string
	clustered := false
	for _, vm := range vms {
		clustered = clustered || vm.Clustered
		for _, drive := range vm.Drives {
			paths = append(paths, drive.Path)
		}
	}
	d := details{disks: v.disks(paths)}
	d.secureBoot, d.tpm = v.security(vms)
	if clustered {
		d.roles, _ = v.clusterRoles()
	}
	return d
}

// show returns a virtual machine in the format of clients.
func (d details) show(vm hyperv.VM) job.VM {
	shown := job.VM{
		ID: vm.ID, Name: vm.Name, PowerState: powerState(vm.State), Generation: vm.Generation,
		MemoryGB: memoryGB(vm.MemoryStartupBytes), MemoryAssignedGB: memoryGB(memoryAssigned(vm)),
		DynamicMemory: job.DynamicMemory{
			Enabled: vm.DynamicMemory, MinimumGB: memoryGB(vm.MemoryMinimumBytes), MaximumGB: memoryGB(vm.MemoryMaximumBytes),
		},
		ProcessorCount: vm.ProcessorCount, Notes: vm.Notes, Clustered: vm.Clustered, Heartbeat: heartbeat(vm), Integration: vm.IntegrationServices,
		IPAddresses: []string{}, Disks: []string{}, Adapters: []job.Adapter{}, Drives: []job.Drive{}, Recorded: map[string]any{},
		CheckpointType: snakeCase(vm.CheckpointType), StartAction: snakeCase(vm.AutomaticStartAction), StopAction: snakeCase(vm.AutomaticStopAction),
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
	if m != nil {
		shown.JobID = m.JobID
		maps.Copy(shown.Recorded, m.Recorded)
	}
	showAdapters(&shown, vm, m)
	d.showDisks(&shown, vm, m)
	return shown
}

func showAdapters(shown *job.VM, vm hyperv.VM, m *manifest) {
	recorded := m.recordedAdapters()
	first := firstAdapter(vm.Adapters, recorded)
	for i, a := range vm.Adapters {
		adapter := showAdapter(a)
		if i == first {
			shown.SwitchName, shown.VLANID, shown.MACAddress, shown.StaticMACAddress = adapter.SwitchName, adapter.VLANID, adapter.MACAddress, staticMAC(a)
		}
		shown.IPAddresses = append(shown.IPAddresses, adapter.IPAddresses...)
		shown.Adapters = append(shown.Adapters, adapter)
	}
	if m == nil {
		return
	}
	shown.NetworkAdapters = []job.NetworkAdapter{}
	for _, spec := range recorded {
		a := adapterOf(vm.Adapters, first, spec.name)
		if a == nil {
			continue
		}
		item := job.NetworkAdapter{Name: spec.name}
		if a.SwitchName != "" {
			item.SwitchName = &a.SwitchName
			if strings.EqualFold(a.SwitchName, spec.switchName) {
				item.SwitchName = &spec.switchName
			}
		}
		if vlan := vlanOf(*a); vlan != 0 {
			item.VLANID = &vlan
		}
		if mac := staticMAC(*a); mac != "" {
			item.MACAddress = &mac
		}
		shown.NetworkAdapters = append(shown.NetworkAdapters, item)
	}
}

func showAdapter(a hyperv.Adapter) job.Adapter {
	adapter := job.Adapter{
		Name: a.Name, SwitchName: a.SwitchName, MACAddress: a.MACAddress, DynamicMAC: a.DynamicMAC, VLANID: vlanOf(a), IPAddresses: []string{},
	}
	if a.MACAddress == noMAC {
		adapter.MACAddress = ""
	}
	for _, address := range a.IPAddresses {
		if address != "" && !strings.HasPrefix(strings.ToLower(address), "fe80:") && !strings.HasPrefix(address, "169.254.") {
			adapter.IPAddresses = append(adapter.IPAddresses, address)
		}
	}
	return adapter
}

// showDisks adds the drives, the size of the disk of the image, and the data disks that are attached.
func (d details) showDisks(shown *job.VM, vm hyperv.VM, m *manifest) {
	for _, drive := range vm.Drives {
		item := job.Drive{Path: drive.Path, Controller: fmt.Sprintf("%s %d:%d", drive.ControllerType, drive.ControllerNumber, drive.ControllerLocation)}
		if disk, known := d.disks[drive.Path]; known {
			size, file := memoryGB(disk.SizeBytes), memoryGB(disk.FileBytes)
			item.SizeGB, item.FileGB, item.Type, item.Parent = &size, &file, strings.ToLower(disk.Type), disk.Parent
		}
		shown.Disks, shown.Drives = append(shown.Disks, drive.Path), append(shown.Drives, item)
	}
	find := func(path string) *job.Drive {
		for i := range shown.Drives {
			if isDriveOf(shown.Drives[i], path) {
				return &shown.Drives[i]
			}
		}
		return nil
	}
	var image *job.Drive
	if m != nil && m.Disk != "" {
		image = find(m.Disk)
	} else if len(shown.Drives) == 1 {
		image = &shown.Drives[0]
	}
	if image != nil {
		shown.DiskSizeGB = image.SizeGB
	}
	if m == nil {
		return
	}
	disks := []job.DataDisk{}
	for _, recorded := range m.DataDisks {
		drive := find(recorded.Path)
		if drive == nil {
			continue
		}
		if drive.SizeGB == nil {
			return // the data disks are not known
		}
		kind := recorded.Type
		if drive.Type == "dynamic" || drive.Type == "fixed" {
			kind = drive.Type
		}
		disks = append(disks, job.DataDisk{Name: recorded.Name, SizeGB: *drive.SizeGB, Type: kind})
	}
	shown.DataDisks = disks
}

var checkpointSuffix = regexp.MustCompile(`_[0-9A-Fa-f-]{36}$`)

// isDriveOf reports whether a drive has a disk, or the disk of a checkpoint above it, which Hyper-V names after the disk and a GUID.
func isDriveOf(drive job.Drive, path string) bool {
	if strings.EqualFold(drive.Path, path) {
		return true
	}
	return isCheckpointDisk(drive.Path) &&
		(strings.EqualFold(drive.Parent, path) || strings.EqualFold(checkpointSuffix.ReplaceAllString(baseName(drive.Path), ""), baseName(path)))
}

// powerState returns one of Hyper-V's states in the notation of clients.
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
