// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// ownAttributes are those that the provider itself adds; jobschema keeps their names from fields.
func ownAttributes(ctx context.Context) map[string]schema.Attribute {
	keep := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	return map[string]schema.Attribute{
		"id": schema.StringAttribute{
			MarkdownDescription: "GUID of the virtual machine.",
			Computed:            true, PlanModifiers: keep,
		},
		"host": schema.StringAttribute{
			MarkdownDescription: "Name of the Hyper-V host, one of the provider's `hosts`. It may be left out where the provider has only one. Another host makes another virtual machine.",
			Optional:            true, Computed: true,
			PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown(), replaceOnChange{}},
		},
		"job_id": schema.StringAttribute{
			MarkdownDescription: "Id of the job that made the virtual machine, and name of its log file. Null for one that was imported and made otherwise.",
			Computed:            true, PlanModifiers: keep,
		},
		"state": schema.StringAttribute{
			MarkdownDescription: "What the host last said of the virtual machine: `running`, `off`, `paused`, `saved`, `starting`, `stopping` or `other`.",
			Computed:            true,
		},
		"ip_addresses": schema.ListAttribute{
			MarkdownDescription: "IP addresses that the guest reports, without link-local ones. Empty until its integration services run.",
			ElementType:         types.StringType, Computed: true,
		},
		"allow_power_cycle": schema.BoolAttribute{
			MarkdownDescription: "Whether a running virtual machine may be shut down and started for a change that needs it. Without it such a change is an error of the plan. Default: `false`.",
			Optional:            true, Computed: true, Default: booldefault.StaticBool(false),
		},
		"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
			Create: true, CreateDescription: "Time for making the virtual machine, such as `45m`; then the job is cancelled and undone. Default: `30m`.",
			Read: true, ReadDescription: "Time for asking the host. Default: `2m`.",
			Update: true, UpdateDescription: "Time for changing it. Default: `30m`.",
			Delete: true, DeleteDescription: "Time for removing it. Default: `15m`.",
		}),
	}
}

// resourceAttributes gives all attributes of the resource.
func resourceAttributes(ctx context.Context, s *jobschema.Schema) map[string]schema.Attribute {
	attributes := fieldAttributes(s, s.Fields)
	maps.Copy(attributes, ownAttributes(ctx))
	return attributes
}
