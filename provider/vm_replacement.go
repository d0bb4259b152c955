// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

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
	because = append(because, c.guestReplaced...)
	resp.Diagnostics.AddWarning("Virtual machine "+r.displayName(c.state)+" is replaced",
		fmt.Sprintf("A change of %s requires another virtual machine. %s Back up what you need before you apply the plan.",
			strings.Join(because, ", "), r.deletedDisks(c)))
}

// deletedDisks returns what is deleted with a virtual machine that is replaced.
func (r *vmResource) deletedDisks(c comparison) string {
	if stringOf(attribute(c.state, "job_id")) == "" {
		return "No job created it: " + keptFiles(c.state)
	}
	if names := r.dataDisks(c); len(names) > 0 {
		return fmt.Sprintf("Its virtual hard disk and its data disks are deleted with it: %s. So are all checkpoints, and disks that were detached from it. Disks that no job created are kept.",
			strings.Join(names, ", "))
	}
	return "Its virtual hard disk is deleted with it, and so are all checkpoints, and disks that were detached from it. Disks that no job created are kept."
}

// warnKeptFiles names the files that remain when a virtual machine is destroyed that no job created.
func (r *vmResource) warnKeptFiles(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if readIdentity(ctx, req.State, &resp.Diagnostics).jobID.ValueString() != "" {
		return
	}
	resp.Diagnostics.AddWarning("Files of virtual machine "+r.displayName(req.State.Raw)+" are kept",
		"No job created it. Destroying it removes it from Hyper-V; "+keptFiles(req.State.Raw))
}

// keptFiles describes the files of a virtual machine that no job created.
func keptFiles(state tftypes.Value) string {
	var paths []string
	for _, disk := range items(attribute(state, "hard_disks")) {
		paths = append(paths, stringOf(attribute(disk, "path")))
	}
	if len(paths) == 0 {
		return "its files are kept."
	}
	return "the files of its disks are kept: " + strings.Join(paths, ", ") + "."
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
