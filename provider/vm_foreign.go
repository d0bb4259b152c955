// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// A virtual machine that no job created has no record of its data disks and additional network adapters. An item of a list stands for the
// one that exists and has its name: the file of a disk without extension, or the name of an adapter.

// addForeign adds all disks and additional adapters in the form of a definition. With a checkpoint, or a disk that cannot be read, those of
// the disks are unknown.
func (o observation) addForeign(vm *job.VM) {
	adapters, disks := []any{}, []any{}
	for i, a := range vm.Adapters {
		if i == 0 {
			continue // switch_name, vlan_id and mac_address are about it
		}
		item := map[string]any{"name": a.Name, "switch_name": textOrNil(a.SwitchName)}
		if a.VLANID != 0 {
			item["vlan_id"] = float64(a.VLANID)
		}
		if !a.DynamicMAC {
			item["mac_address"] = textOrNil(windowsMAC(a.MACAddress))
		}
		adapters = append(adapters, item)
	}
	o["network_adapters"] = adapters
	for _, d := range vm.Drives {
		if d.SizeGB == nil || d.Type == "differencing" {
			return
		}
		name := path.Base(strings.ReplaceAll(d.Path, `\`, "/"))
		disks = append(disks, map[string]any{"name": strings.TrimSuffix(name, path.Ext(name)), "size_gb": *d.SizeGB, "type": d.Type})
	}
	o["data_disks"] = disks
}

// named returns those objects of a list that the value before has, in its order: others are not managed. It reports false if there is no
// value before.
func named(f *jobschema.Field, before any, observed []any) (any, bool) {
	was, ok := before.([]any)
	if !ok || f.Validations.UniqueBy == "" {
		return nil, false
	}
	found := []any{}
	for _, one := range was {
		then, _ := one.(map[string]any)
		if now := sameObject(f, observed, then); now != nil {
			found = append(found, now)
		}
	}
	return found, true
}

// warnReleased reports disks and adapters of such a virtual machine that are removed from their lists: the host keeps them.
func (r *vmResource) warnReleased(c comparison, resp *resource.ModifyPlanResponse) {
	if stringOf(attribute(c.state, "job_id")) != "" {
		return
	}
	for _, property := range []string{"data_disks", "network_adapters"} {
		f, ok := r.observedField(property)
		if !ok || f.Validations.UniqueBy == "" {
			continue
		}
		names := func(list tftypes.Value) (names []string) {
			for _, item := range items(list) {
				names = append(names, stringOf(attribute(item, f.Validations.UniqueBy)))
			}
			return names
		}
		kept := names(attribute(c.plan, f.ID))
		left := slices.DeleteFunc(names(attribute(c.state, f.ID)), func(name string) bool {
			return slices.ContainsFunc(kept, func(other string) bool { return strings.EqualFold(name, other) })
		})
		if len(left) > 0 {
			resp.Diagnostics.AddAttributeWarning(attributePath(jobschema.Path{{Field: f.ID}}), fmt.Sprintf("Virtual machine %s keeps what is removed from %s", r.displayName(c.state), f.ID),
				fmt.Sprintf("No job created the virtual machine, so that nothing is taken from it. These stay as they are, and are not managed any more: %s.", strings.Join(left, ", ")))
		}
	}
}
