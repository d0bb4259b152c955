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
	text := "Its virtual hard disk is deleted with it"
	deleted, kept, existing := r.dataDisks(c.state)
	if len(deleted) > 0 {
		text = "Its virtual hard disk and these data disks are deleted with it: " + strings.Join(deleted, ", ")
	}
	text += ". So are all checkpoints, and disks that were detached from it without keep_on_destroy. Disks that no job created are kept."
	if len(kept) > 0 {
		text += " These data disks are kept on the host, and the new virtual machine gets new ones: " + strings.Join(kept, ", ") + "."
	}
	if len(existing) > 0 {
		text += " These data disks existed before, and stay: " + strings.Join(existing, ", ") + "."
	}
	return text
}

// warnKeptFiles names the files that remain when a virtual machine is destroyed: those of data disks to keep, or all of one that no job
// created.
func (r *vmResource) warnKeptFiles(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if readIdentity(ctx, req.State, &resp.Diagnostics).jobID.ValueString() != "" {
		if _, kept, _ := r.dataDisks(req.State.Raw); len(kept) > 0 {
			resp.Diagnostics.AddWarning("Data disks of virtual machine "+r.displayName(req.State.Raw)+" are kept",
				"keep_on_destroy is set for these data disks, whose files stay on the host: "+strings.Join(kept, ", ")+".")
		}
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

// dataDisks returns the data disks of a state, with names and sizes or paths: those that are deleted with the virtual machine, those that are
// kept, and those that existed before they were attached.
func (r *vmResource) dataDisks(state tftypes.Value) (deleted, kept, existing []string) {
	f, ok := r.observedField("data_disks")
	if !ok || f.Items == nil {
		return nil, nil, nil
	}
	part := func(property string) string {
		i := slices.IndexFunc(f.Items.Fields, func(p jobschema.Field) bool { return p.ObservedPart() == property })
		if i < 0 {
			return ""
		}
		return f.Items.Fields[i].ID
	}
	for _, item := range items(attribute(state, f.ID)) {
		name := stringOf(attribute(item, part("name")))
		if file := stringOf(attribute(item, part("path"))); file != "" {
			existing = append(existing, name+" ("+file+")")
			continue
		}
		if size, err := fromTerraform(attribute(item, part("size_gb"))); err == nil && size != nil {
			name += fmt.Sprintf(" (%v GiB)", size)
		}
		if keep, err := fromTerraform(attribute(item, part("keep_on_destroy"))); err == nil && keep == true {
			kept = append(kept, name)
		} else {
			deleted = append(deleted, name)
		}
	}
	return deleted, kept, existing
}
