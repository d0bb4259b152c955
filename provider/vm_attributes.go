// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// vmAttributes returns all attributes of the resource: the fields of the schema and those that the provider adds.
func vmAttributes(ctx context.Context, s *jobschema.Schema) map[string]schema.Attribute {
	attributes := fieldAttributes(s, s.Fields)
	maps.Copy(attributes, builtinAttributes(ctx))
	return attributes
}

// builtinAttributes returns the attributes that do not come from the schema. Their names are reserved: no field may have one.
func builtinAttributes(ctx context.Context) map[string]schema.Attribute {
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	attributes := map[string]schema.Attribute{
		"id": schema.StringAttribute{
			MarkdownDescription: "GUID of the virtual machine.",
			Computed:            true, PlanModifiers: keep,
		},
		"host": schema.StringAttribute{
			MarkdownDescription: "Name of the Hyper-V host: one of the keys of `hosts` in the provider configuration. Required when the provider has several hosts. " +
				"A virtual machine that moved to another of the hosts is followed: it is read, updated and deleted there, and the plan shows the move as a change in place. " +
				"Changing `host` to the host that has the virtual machine, or to another name of it, changes nothing on it; any other change forces replacement.",
			Optional: true, Computed: true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown(), keepSpelling{}}, // ModifyPlan decides whether it replaces,
		},
		"job_id": schema.StringAttribute{
			MarkdownDescription: "ID of the job that created the virtual machine, and name of its log file in `job_log_dir`. Null for an imported virtual machine that no job created.",
			Computed:            true, PlanModifiers: keep,
		},
		"allow_power_cycle": schema.BoolAttribute{
			MarkdownDescription: "Whether a running virtual machine may be shut down and started again to apply a change that requires it. If `false`, planning such a change fails, and a difference that came about outside of Terraform is a warning: then applying the plan fails for this virtual machine. Defaults to `false`.",
			Optional:            true, Computed: true, Default: booldefault.StaticBool(false),
		},
		adoptAttribute: schema.BoolAttribute{
			MarkdownDescription: "Whether creating this virtual machine may adopt an existing one of the same name instead, which an earlier run created completely and did not " +
				"record because it was killed: a job of this provider must have created it with the same values, secrets aside, and no resource of this run may have it. " +
				"It is not changed: later plans show differences. Otherwise the error shows how to import it. See the guide \"Terraform was killed\". Defaults to `false`.",
			Optional: true,
		},
		guestChangeAttribute: schema.StringAttribute{
			MarkdownDescription: "What a changed setting of the guest does to this virtual machine. A guest is set up once, when its virtual machine is created. `ignore` records the new value, " +
				"and the plan warns that the guest is not changed. `replace` forces replacement, and the plan names the disks that are deleted; a changed password is recorded only. " +
				"Must be `ignore` or `replace`. Defaults to `ignore`.",
			Optional: true,
		},
		"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
			Create: true, CreateDescription: "Time limit for creating the virtual machine, for example `45m`. When it is exceeded, the job is cancelled and rolled back. Defaults to `30m`, and the time limit of `wait_for` in addition.",
			Read: true, ReadDescription: "Time limit for reading the virtual machine, and for checking a plan on the host. A host with hundreds of virtual machines that are all managed may need minutes. Defaults to `5m`.",
			Update: true, UpdateDescription: "Time limit for updating the virtual machine. Defaults to `30m`.",
			Delete: true, DeleteDescription: "Time limit for deleting the virtual machine. Defaults to `15m`.",
		}),
	}
	addComputedAttributes(attributes)
	return attributes
}

// readTimeouts reads the `timeouts` attribute.
func readTimeouts(ctx context.Context, from attributeGetter, diags *diag.Diagnostics) (v timeouts.Value) {
	diags.Append(from.GetAttribute(ctx, path.Root("timeouts"), &v)...)
	return v
}
