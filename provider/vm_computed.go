// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// computed is an attribute that only shows what the host reports of a virtual machine. It can change by itself.
type computed struct {
	attribute schema.Attribute
	value     func(vm *job.VM) any // as toTerraform takes it
	// affected are the observed properties whose change can change the value. A power cycle, and a change of the power state, can change
	// all that is marked as powered.
	affected []string
	powered  bool
}

var (
	networkProperties = []string{"switch_name", "vlan_id", "mac_address", "static_mac_address", "network_adapters"}
	diskProperties    = []string{"disk_size_gb", "data_disks"}
)

// computedAttributes are the attributes of this kind by name.
var computedAttributes = map[string]computed{
	"state": {
		schema.StringAttribute{Computed: true, MarkdownDescription: "Power state at the last refresh: `running`, `off`, `paused`, `saved`, `starting`, `stopping` or `other`."},
		func(vm *job.VM) any { return textOrNil(vm.PowerState) }, nil, true,
	},
	"ip_addresses": {
		schema.ListAttribute{Computed: true, MarkdownDescription: "IP addresses that the guest reports through the integration services, without link-local addresses. Empty until the guest reports any.", ElementType: types.StringType},
		func(vm *job.VM) any { return textList(vm.IPAddresses) }, networkProperties, true,
	},
	"adapters": {
		objectList("All network adapters of the virtual machine as the host reports them, in the host's order, with the MAC addresses that the host assigned and the IP addresses of the guest.", map[string]schema.Attribute{
			"name":         schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the network adapter."},
			"mac_address":  schema.StringAttribute{Computed: true, MarkdownDescription: "MAC address, static or assigned by the host, for example `00-15-5D-00-10-20`. Null until the host assigns one, at the first start."},
			"switch_name":  schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the virtual switch. Null if the network adapter is not connected."},
			"vlan_id":      schema.Int64Attribute{Computed: true, MarkdownDescription: "VLAN ID. Null if traffic is untagged."},
			"ip_addresses": schema.ListAttribute{Computed: true, MarkdownDescription: "IP addresses that the guest reports, without link-local addresses.", ElementType: types.StringType},
		}),
		adapterValues, networkProperties, true,
	},
	"hard_disks": {
		objectList("All hard disks of the virtual machine as the host reports them, in the host's order.", map[string]schema.Attribute{
			"path":       schema.StringAttribute{Computed: true, MarkdownDescription: "Path of the file on the host. With a checkpoint it is that of the checkpoint's disk."},
			"size_gb":    schema.Float64Attribute{Computed: true, MarkdownDescription: "Size in GiB. Null if the host cannot read it."},
			"type":       schema.StringAttribute{Computed: true, MarkdownDescription: "`dynamic`, `fixed` or `differencing`. Null if the host cannot read it."},
			"controller": schema.StringAttribute{Computed: true, MarkdownDescription: "Controller with number and location, for example `SCSI 0:1`."},
		}),
		diskValues, diskProperties, false,
	},
	"memory_assigned_gb": {
		schema.Float64Attribute{Computed: true, MarkdownDescription: "Memory in GiB that the host has assigned to the virtual machine at the last refresh: with dynamic memory it changes by itself. `0` if it is not running."},
		func(vm *job.VM) any { return vm.MemoryAssignedGB }, nil, true,
	},
	"owner_node": {
		schema.StringAttribute{Computed: true, MarkdownDescription: "Computer name of the host that has the virtual machine: of a cluster, the node that owns its role."},
		func(vm *job.VM) any { return textOrNil(vm.OwnerNode) }, nil, false,
	},
}

func adapterValues(vm *job.VM) any {
	values := make([]any, len(vm.Adapters))
	for i, a := range vm.Adapters {
		value := map[string]any{
			"name": a.Name, "mac_address": textOrNil(windowsMAC(a.MACAddress)), "switch_name": textOrNil(a.SwitchName), "ip_addresses": textList(a.IPAddresses),
		}
		if a.VLANID != 0 {
			value["vlan_id"] = float64(a.VLANID)
		}
		values[i] = value
	}
	return values
}

func diskValues(vm *job.VM) any {
	values := make([]any, len(vm.Drives))
	for i, d := range vm.Drives {
		value := map[string]any{"path": d.Path, "type": textOrNil(d.Type), "controller": d.Controller}
		if d.SizeGB != nil {
			value["size_gb"] = *d.SizeGB
		}
		values[i] = value
	}
	return values
}

// windowsMAC returns the twelve digits of a MAC address in the notation of Windows. Other text is not changed.
func windowsMAC(digits string) string {
	if len(digits) != 12 {
		return digits
	}
	return strings.Join([]string{digits[:2], digits[2:4], digits[4:6], digits[6:8], digits[8:10], digits[10:]}, "-")
}

func textOrNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func textList(list []string) any {
	values := make([]any, len(list))
	for i, s := range list {
		values[i] = s
	}
	return values
}

func objectList(description string, attributes map[string]schema.Attribute) schema.Attribute {
	return schema.ListNestedAttribute{Computed: true, MarkdownDescription: description, NestedObject: schema.NestedAttributeObject{Attributes: attributes}}
}

// addComputedAttributes adds these attributes to those of the resource.
func addComputedAttributes(attributes map[string]schema.Attribute) {
	for name, c := range computedAttributes {
		attributes[name] = c.attribute
	}
}

// computedValues returns the values of these attributes. What the host could not read keeps its value before.
func computedValues(before tftypes.Value, vm *job.VM) (map[string]tftypes.Value, error) {
	was, err := object(before)
	if err != nil {
		return nil, err
	}
	values := make(map[string]tftypes.Value, len(computedAttributes))
	for name, c := range computedAttributes {
		if name == "hard_disks" && len(vm.Partial) > 0 && isKnownValue(was[name]) && slices.ContainsFunc(vm.Drives, func(d job.Drive) bool { return d.SizeGB == nil }) {
			continue
		}
		if values[name], err = toTerraform(was[name].Type(), c.value(vm)); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// calmAttributes returns the names of these attributes that a change of some fields cannot affect.
func (r *vmResource) calmAttributes(changed []string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(computedAttributes)), func(name string) bool {
		c := computedAttributes[name]
		return slices.ContainsFunc(changed, func(id string) bool {
			f, ok := r.schema.Field(id)
			return !ok || c.powered && (f.Change == jobschema.ChangePowerCycle || f.Observed == "power_state") || slices.Contains(c.affected, f.Observed)
		})
	})
}

// keepComputed returns a copy of a raw object with some of these attributes from another, where that one has known values. The framework
// marks all of them as unknown when any attribute changes: what depends on them must not change with the notes of a virtual machine.
func keepComputed(raw, from tftypes.Value, names []string) (tftypes.Value, error) {
	known := map[string]tftypes.Value{}
	for _, name := range names {
		if v := attribute(from, name); isKnownValue(v) {
			known[name] = v
		}
	}
	return withAttributes(raw, known)
}
