// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

const onlyHostText = "Name of the host in the provider configuration. Required when the provider has several hosts."

// hostDataSources returns the data sources about hosts.
func hostDataSources() []func() datasource.DataSource {
	host := schema.StringAttribute{Optional: true, Computed: true, MarkdownDescription: onlyHostText}
	vm := vmDataAttributes()
	vm["host"] = schema.StringAttribute{Optional: true, Computed: true, MarkdownDescription: "Name of the host in the provider configuration. Defaults to a search of all hosts by `id`; " +
		"with `name`, it is required when the provider has several hosts. Shows the host that has the virtual machine."}
	vm["id"] = schema.StringAttribute{Optional: true, Computed: true, MarkdownDescription: "GUID of the virtual machine. Conflicts with `name`."}
	vm["name"] = schema.StringAttribute{Optional: true, Computed: true, MarkdownDescription: "Name of the virtual machine, in any letter case. A name that several virtual machines share is an error. Conflicts with `id`."}
	all := []hostData{
		{
			name: "host", text: "A host: its versions, capacity and folders, and what the agent reports about it.",
			attributes: merged(hostDataAttributes(), map[string]schema.Attribute{"host": host}), read: readHost,
		},
		{
			name: "hosts", text: "All hosts of the provider configuration. A host that cannot be read is listed with the error.",
			attributes: map[string]schema.Attribute{"hosts": dataObjects("The hosts, sorted by name.", merged(hostDataAttributes(), map[string]schema.Attribute{
				"host":  dataText("Name of the host in the provider configuration."),
				"error": dataText("Why the host could not be read. Null if it was; otherwise the other attributes are null."),
			}))},
			read: readHosts,
		},
		{
			name: "images", text: "The disk images and ISO files in the image folder of a host, which `image_name` and `media_name` of the resource refer to.",
			attributes: map[string]schema.Attribute{
				"host": host, "image_path": dataText("Folder of the images on the host."),
				"images": fileListAttribute("The disk images (`.vhdx`), sorted by name."), "media": fileListAttribute("The ISO files, sorted by name."),
			},
			read: readImages,
		},
		{
			name: "switches", text: "The virtual switches of a host, which `switch_name` of the resource refers to.",
			attributes: map[string]schema.Attribute{
				"host": host, "switches": dataObjects("The virtual switches, sorted by name. Hyper-V allows several of one name.", map[string]schema.Attribute{
					"id": dataText("GUID of the virtual switch."), "name": dataText("Name."), "type": dataText("`external`, `internal` or `private`."),
					"notes": dataText("Notes."), "allow_management_os": dataFlag("Whether the host has a virtual network adapter on it."),
					"net_adapter_names": dataTexts("Names of the physical network adapters of an external virtual switch. Null if the account may not read them."),
				}),
			},
			read: readSwitches,
		},
		{
			name: "checkpoints", text: "The checkpoints of a virtual machine, also those that Terraform does not manage.",
			attributes: map[string]schema.Attribute{
				"vm_id": schema.StringAttribute{Required: true, MarkdownDescription: vmIDText},
				"host": schema.StringAttribute{Optional: true, Computed: true, MarkdownDescription: "Name of the host in the provider configuration. Defaults to a search of all hosts. " +
					"Shows the host that has the virtual machine."},
				"checkpoints": dataObjects("The checkpoints, the oldest first.", map[string]schema.Attribute{
					"id": dataText("GUID of the checkpoint."), "name": dataText("Name. Several checkpoints may have the same."),
					"parent_id": dataText("GUID of the checkpoint before it. Null if there is none."), "created_at": dataText("When it was taken, in UTC."),
					"power_state": dataText("Power state of the virtual machine after the checkpoint was applied: `off`, or `saved` with its memory."),
					"automatic":   dataFlag("Whether Hyper-V took it when the virtual machine started."), "current": dataFlag("Whether the virtual machine continues from it."),
				}),
			},
			read: readCheckpoints,
		},
		{name: "vm", text: "A virtual machine by its name or GUID, also one that Terraform does not manage.", attributes: vm, read: readVM},
		{
			name: "vms", text: "Virtual machines of the hosts, also those that Terraform does not manage.",
			attributes: map[string]schema.Attribute{
				"host":           schema.StringAttribute{Optional: true, MarkdownDescription: filterHostText},
				"name_regex":     schema.StringAttribute{Optional: true, MarkdownDescription: filterNameText},
				"state":          schema.StringAttribute{Optional: true, MarkdownDescription: filterStateText},
				"unmanaged_only": schema.BoolAttribute{Optional: true, MarkdownDescription: unmanagedText},
				"vms":            dataObjects("The virtual machines, sorted by host and name.", vmDataAttributes()),
			},
			read: readVMs,
		},
	}
	sources := make([]func() datasource.DataSource, len(all))
	for i := range all {
		sources[i] = func() datasource.DataSource { d := all[i]; return &d }
	}
	return sources
}

func merged(a, b map[string]schema.Attribute) map[string]schema.Attribute {
	a = maps.Clone(a)
	maps.Copy(a, b)
	return a
}

func hostDataAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"computer_name":       dataText("Computer name of the host."),
		"cluster":             dataText("Name of the failover cluster that the host is a node of. Null if there is none."),
		"os_version":          dataText("Version of Windows, for example `10.0.20348`."),
		"hyperv_version":      dataText("Version of the Hyper-V PowerShell module."),
		"powershell_version":  dataText("Version of PowerShell."),
		"agent_version":       dataText("Version of the agent."),
		"agent_installed":     dataFlag("Whether the files that jobs run from are on the host. The first job installs them."),
		"lacks":               dataTexts("What the account or the host lacks for some kinds of jobs, such as rights."),
		"logical_processors":  dataNumber("Number of logical processors."),
		"memory_gb":           dataNumber("Memory of the host in GiB."),
		"memory_available_gb": dataNumber("Memory in GiB that is available to further virtual machines. Null if it is unknown."),
		"vm_path":             dataText("Folder of new virtual machines."),
		"free_gb":             dataNumber("Free space in GiB on the volume of `vm_path`. Null if it is unknown."),
		"image_path":          dataText("Folder of the images."),
		"vm_count":            dataNumber("Number of virtual machines on the host."),
	}
}

func fileListAttribute(text string) schema.Attribute {
	return dataObjects(text, map[string]schema.Attribute{
		"name": dataText("Name without the file name extension."), "size_gb": dataNumber("Size of the file in GiB."),
	})
}

func vmDataAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"id": dataText("GUID of the virtual machine."), "host": dataText("Name of the host in the provider configuration."),
		"name":               dataText("Name of the virtual machine."),
		"state":              dataText("Power state: `running`, `off`, `paused`, `saved`, `starting`, `stopping` or `other`."),
		"generation":         dataNumber("Generation, 1 or 2."),
		"processor_count":    dataNumber("Number of virtual processors."),
		"memory_gb":          dataNumber("Startup memory in GiB."),
		"memory_assigned_gb": dataNumber("Memory in GiB that the host has assigned. `0` if the virtual machine is not running."),
		"memory_minimum_gb":  dataNumber("Minimum of dynamic memory in GiB. Null if the memory is not dynamic."),
		"memory_maximum_gb":  dataNumber("Maximum of dynamic memory in GiB. Null if the memory is not dynamic."),
		"secure_boot":        dataFlag("Whether secure boot is on. Null if it is unknown."),
		"tpm":                dataFlag("Whether it has a virtual TPM. Null if it is unknown."),
		"notes":              dataText("Notes."),
		"clustered":          dataFlag("Whether it is a role of a failover cluster."),
		"cluster_role":       dataText("Name of the cluster role. Null if there is none or it is unknown."),
		"owner_node":         dataText("Computer name of the host that has it."),
		"ip_addresses":       dataTexts("IP addresses that the guest reports, without link-local addresses."),
		"heartbeat":          dataText("Heartbeat of the guest, for example `ok_applications_healthy`. Null if there is none."),
		"checkpoint_type":    dataText("Type of checkpoints: `disabled`, `standard`, `production` or `production_only`."),
		"start_action":       dataText("What happens when the host starts: `nothing`, `start_if_running` or `start`."),
		"stop_action":        dataText("What happens when the host shuts down: `turn_off`, `save` or `shut_down`."),
		"job_id":             dataText("ID of the job of this provider that created it. Null if no job did."),
		"adapters": dataObjects("The network adapters.", map[string]schema.Attribute{
			"name": dataText("Name."), "mac_address": dataText("MAC address, for example `00-15-5D-00-10-20`. Null until the host assigns one."),
			"switch_name": dataText("Name of the virtual switch. Null if it is not connected."), "vlan_id": dataNumber("VLAN ID. Null if traffic is untagged."),
			"ip_addresses": dataTexts("IP addresses that the guest reports, without link-local addresses."),
		}),
		"hard_disks": dataObjects("The hard disks.", map[string]schema.Attribute{
			"path": dataText("Path of the file on the host."), "size_gb": dataNumber("Size in GiB. Null if the host cannot read it."),
			"type": dataText("`dynamic`, `fixed` or `differencing`. Null if the host cannot read it."), "controller": dataText("Controller with number and location, for example `SCSI 0:1`."),
		}),
	}
}

// vmData returns the values of a virtual machine.
func vmData(host string, vm *job.VM) map[string]any {
	values := map[string]any{
		"id": vm.ID, "host": host, "name": vm.Name, "state": vm.PowerState, "generation": float64(vm.Generation), "processor_count": float64(vm.ProcessorCount),
		"memory_gb": vm.MemoryGB, "memory_assigned_gb": vm.MemoryAssignedGB, "memory_minimum_gb": pointed(vm.MemoryMinimumGB), "memory_maximum_gb": pointed(vm.MemoryMaximumGB),
		"secure_boot": pointed(vm.SecureBoot), "tpm": pointed(vm.TPM), "notes": vm.Notes, "clustered": vm.Clustered, "cluster_role": textOrNil(vm.ClusterRole),
		"owner_node": textOrNil(vm.OwnerNode), "ip_addresses": textList(vm.IPAddresses), "heartbeat": textOrNil(vm.Heartbeat), "checkpoint_type": textOrNil(vm.CheckpointType),
		"start_action": textOrNil(vm.StartAction), "stop_action": textOrNil(vm.StopAction), "job_id": textOrNil(vm.JobID),
		"adapters": adapterValues(vm), "hard_disks": diskValues(vm),
	}
	return values
}

// pointed returns the value of a pointer, or nil.
func pointed[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

// gibibytes converts bytes, or returns nil.
func gibibytes(bytes *int64) any {
	if bytes == nil {
		return nil
	}
	return inGiB(*bytes)
}

// hostValues returns the values of a host.
func (c *connection) hostValues(ctx context.Context, host string, snapshot *inventory.Snapshot) (map[string]any, error) {
	about, err := c.service.HostInfo(ctx, host)
	if err != nil {
		return nil, err
	}
	lacks := make([]string, len(about.Lacks))
	for i, f := range about.Lacks {
		lacks[i] = strings.TrimSpace(f.Message + "; " + f.Remedy)
	}
	info := snapshot.Info
	return map[string]any{
		"host": host, "computer_name": about.Host, "cluster": textOrNil(about.Cluster), "os_version": about.OS, "hyperv_version": about.HyperV,
		"powershell_version": about.PowerShell, "agent_version": about.Agent, "agent_installed": about.Installed, "lacks": textList(lacks),
		"logical_processors": float64(info.LogicalProcessors), "memory_gb": gibibytes(&info.MemoryBytes), "memory_available_gb": gibibytes(info.MemoryAvailableBytes),
		"vm_path": info.VMPath, "free_gb": gibibytes(info.FreeBytes), "image_path": info.ImagePath, "vm_count": float64(len(snapshot.VMs)),
	}, nil
}

func readHost(ctx context.Context, d *hostData, config tftypes.Value, diags *diag.Diagnostics) map[string]any {
	host := d.host(config, diags)
	if host == "" {
		return nil
	}
	snapshot, err := d.conn.service.HostInventory(ctx, host)
	var values map[string]any
	if err == nil {
		values, err = d.conn.hostValues(ctx, host, snapshot)
	}
	if err != nil {
		addError(diags, "Unable to read host "+host, err)
		return nil
	}
	return values
}

func readHosts(ctx context.Context, d *hostData, _ tftypes.Value, diags *diag.Diagnostics) map[string]any {
	hosts := []any{}
	for answer := range d.conn.inventories(ctx, d.conn.service.Hosts()) {
		var values map[string]any
		err := answer.err
		if err == nil {
			values, err = d.conn.hostValues(ctx, answer.host, answer.snapshot)
		}
		if err != nil {
			values = map[string]any{"host": answer.host, "error": sentence(err)}
		}
		hosts = append(hosts, values)
	}
	if err := ctx.Err(); err != nil {
		addError(diags, "Unable to read the hosts", err)
	}
	return map[string]any{"hosts": hosts}
}

func readImages(ctx context.Context, d *hostData, config tftypes.Value, diags *diag.Diagnostics) map[string]any {
	host := d.host(config, diags)
	if host == "" {
		return nil
	}
	snapshot, err := d.conn.service.HostInventory(ctx, host)
	if err != nil {
		addError(diags, "Unable to read the images of host "+host, err)
		return nil
	}
	files := func(images []job.Image) []any {
		values := make([]any, len(images))
		for i, image := range images {
			values[i] = map[string]any{"name": image.Name, "size_gb": gibibytes(&image.SizeBytes)}
		}
		return values
	}
	return map[string]any{"host": host, "image_path": snapshot.Info.ImagePath, "images": files(snapshot.Info.Images), "media": files(snapshot.Info.Media)}
}

func readSwitches(ctx context.Context, d *hostData, config tftypes.Value, diags *diag.Diagnostics) map[string]any {
	host := d.host(config, diags)
	if host == "" {
		return nil
	}
	switches, err := d.conn.service.HostSwitches(ctx, host)
	if err != nil {
		addError(diags, "Unable to read the virtual switches of host "+host, err)
		return nil
	}
	values := make([]any, len(switches))
	for i, s := range switches {
		var adapters any // null
		if s.NetAdapterNames != nil {
			adapters = textList(s.NetAdapterNames)
		}
		values[i] = map[string]any{
			"id": s.ID, "name": s.Name, "type": s.Type, "notes": s.Notes, "allow_management_os": s.AllowManagementOS, "net_adapter_names": adapters,
		}
	}
	return map[string]any{"host": host, "switches": values}
}

func readCheckpoints(ctx context.Context, d *hostData, config tftypes.Value, diags *diag.Diagnostics) map[string]any {
	target := vmTarget{Host: types.StringValue(stringOf(attribute(config, "host"))), VMID: types.StringValue(stringOf(attribute(config, "vm_id")))}
	checkGUID("vm_id", "a virtual machine", target.VMID, diags)
	if diags.HasError() {
		return nil
	}
	host, vm, err := d.findTarget(ctx, target)
	var all []job.Checkpoint
	if err == nil {
		all, err = d.conn.service.Checkpoints(ctx, host, vm.ID)
	}
	if err != nil {
		addError(diags, errorSummary("read the checkpoints of", target.VMID.ValueString()), err)
		return nil
	}
	values := make([]any, len(all))
	for i, c := range all {
		values[i] = map[string]any{
			"id": c.ID, "name": c.Name, "parent_id": textOrNil(c.ParentID), "created_at": c.CreatedAt, "power_state": c.PowerState, "automatic": c.Automatic, "current": c.Current,
		}
	}
	return map[string]any{"host": host, "checkpoints": values}
}

func readVM(ctx context.Context, d *hostData, config tftypes.Value, diags *diag.Diagnostics) map[string]any {
	id, name, host := stringOf(attribute(config, "id")), stringOf(attribute(config, "name")), stringOf(attribute(config, "host"))
	switch {
	case (id == "") == (name == ""):
		diags.AddAttributeError(path.Root("id"), "Invalid virtual machine", "Set either id or name.")
	case id != "" && uuid.Validate(id) != nil:
		diags.AddAttributeError(path.Root("id"), "Invalid id", "id must be the GUID of a virtual machine. To look up a virtual machine by its name, set name.")
	case name != "" || host != "":
		host = d.host(config, diags)
	}
	if diags.HasError() {
		return nil
	}
	wanted := id + name
	found, vm, err := d.conn.lookup(ctx, host, wanted)
	if err != nil {
		addError(diags, errorSummary("read", wanted), err)
		return nil
	}
	d.conn.addPartial(diags, found, vm.Partial)
	return vmData(found, vm)
}

func readVMs(ctx context.Context, d *hostData, config tftypes.Value, diags *diag.Diagnostics) map[string]any {
	filter := vmFilter{
		Host: types.StringValue(stringOf(attribute(config, "host"))), NameRegex: types.StringValue(stringOf(attribute(config, "name_regex"))),
		State: types.StringValue(stringOf(attribute(config, "state"))), UnmanagedOnly: types.BoolValue(isTrue(attribute(config, "unmanaged_only"))),
	}
	filter.validate(diags)
	hosts := slices.Clone(filter.hosts(d.conn, diags))
	if diags.HasError() {
		return nil
	}
	vms := []any{}
	for answer := range d.conn.inventories(ctx, hosts) {
		if answer.err != nil {
			addError(diags, "Unable to read the virtual machines of host "+answer.host, answer.err)
			continue
		}
		for _, vm := range filter.selected(answer.snapshot) {
			vms = append(vms, vmData(answer.host, vm))
		}
	}
	return map[string]any{"vms": vms}
}

// isTrue reports whether a value is true.
func isTrue(v tftypes.Value) (b bool) {
	return isKnownValue(v) && v.As(&b) == nil && b
}
