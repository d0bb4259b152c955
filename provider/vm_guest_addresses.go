// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// warnAddresses reports static addresses of the state that the guest does not have: it reports others. A guest that reports no address of
// the same kind does not run, is starting, or has no integration services.
func (r *vmResource) warnAddresses(diags *diag.Diagnostics, state tftypes.Value, vm *job.VM) {
	if id := r.fieldOf(roleSetup); id != "" && stringOf(attribute(state, id)) == "none" {
		return
	}
	check := func(at path.Path, name string, v tftypes.Value, reported []string) {
		want, err := netip.ParseAddr(stringOf(v))
		if err != nil {
			return
		}
		has := slices.DeleteFunc(slices.Clone(reported), func(s string) bool {
			a, err := netip.ParseAddr(s)
			return err != nil || a.Is4() != want.Is4()
		})
		if len(has) == 0 || slices.ContainsFunc(has, func(s string) bool { return netip.MustParseAddr(s) == want }) {
			return
		}
		diags.AddAttributeWarning(at, "The guest of virtual machine "+r.displayName(state)+" has another address",
			fmt.Sprintf("%s is %s, and the guest reports %s. Nothing changes the addresses of a guest after its virtual machine was created: correct the guest, or %[1]s.",
				name, want, strings.Join(has, ", ")))
	}
	for i := range r.schema.Fields {
		f := &r.schema.Fields[i]
		if isAddress(r.agents.role(f.ID)) && len(vm.Adapters) > 0 {
			check(path.Root(f.ID), f.ID, attribute(state, f.ID), vm.Adapters[0].IPAddresses)
		}
		if f.Items == nil || f.Observed != "network_adapters" {
			continue
		}
		for n, item := range items(attribute(state, f.ID)) {
			for j := range f.Items.Fields {
				part := &f.Items.Fields[j]
				if isAddress(r.agents.role(f.ID + "." + part.ID)) {
					check(path.Root(f.ID).AtListIndex(n), fmt.Sprintf("%s[%d].%s", f.ID, n, part.ID), attribute(item, part.ID), reportedBy(vm, adapterName(f, item)))
				}
			}
		}
	}
}

func isAddress(role string) bool { return role == "ipv4_address" || role == "ipv6_address" }

// adapterName returns the name of a network adapter in a list of the state.
func adapterName(f *jobschema.Field, item tftypes.Value) string {
	for i := range f.Items.Fields {
		if part := &f.Items.Fields[i]; part.ObservedPart() == "name" {
			return stringOf(attribute(item, part.ID))
		}
	}
	return ""
}

// reportedBy returns the addresses that the guest reports for a network adapter other than the first.
func reportedBy(vm *job.VM, name string) []string {
	for i, a := range vm.Adapters {
		if i > 0 && strings.EqualFold(a.Name, name) {
			return a.IPAddresses
		}
	}
	return nil
}
