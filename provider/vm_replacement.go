// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// warnReplacement names what is deleted with a virtual machine that the plan replaces. Terraform tells a provider neither of -replace nor
// of replace_triggered_by, so that such a replacement has no warning.
func (r *vmResource) warnReplacement(c comparison, resp *resource.ModifyPlanResponse) {
	var because []string
	if c.hostReplaced {
		because = append(because, "host")
	}
	for i := range r.schema.Fields {
		if f := &r.schema.Fields[i]; f.Change == jobschema.ChangeReplace && c.differs(f) {
			because = append(because, f.ID)
		}
	}
	disks := "Its virtual hard disk is deleted with it, and so are all checkpoints, and disks that were detached from it."
	if names := r.dataDisks(c); len(names) > 0 {
		disks = fmt.Sprintf("Its virtual hard disk and its data disks are deleted with it: %s. So are all checkpoints, and disks that were detached from it.",
			strings.Join(names, ", "))
	}
	resp.Diagnostics.AddWarning("Virtual machine "+r.displayName(c.state)+" is replaced",
		fmt.Sprintf("A change of %s requires another virtual machine. %s Disks that no job created are kept. Back up what you need before you apply the plan.",
			strings.Join(because, ", "), disks))
}

// dataDisks returns the data disks of the state: names and sizes.
func (r *vmResource) dataDisks(c comparison) (names []string) {
	f, ok := r.observedField("data_disks")
	if !ok || f.Items == nil {
		return nil
	}
	part := func(property string) string {
		i := slices.IndexFunc(f.Items.Fields, func(p jobschema.Field) bool { return p.ObservedPart() == property })
		if i < 0 {
			return ""
		}
		return f.Items.Fields[i].ID
	}
	for _, item := range items(attribute(c.state, f.ID)) {
		name := stringOf(attribute(item, part("name")))
		if size, err := fromTerraform(attribute(item, part("size_gb"))); err == nil && size != nil {
			name += fmt.Sprintf(" (%v GiB)", size)
		}
		names = append(names, name)
	}
	return names
}
