// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// powerAction implements the action `hypervvm_power`.
type powerAction struct{ vmAction }

var (
	_ action.ActionWithConfigure      = (*powerAction)(nil)
	_ action.ActionWithValidateConfig = (*powerAction)(nil)
	_ action.ActionWithModifyPlan     = (*powerAction)(nil)
)

type powerConfig struct {
	vmTarget
	Operation   types.String `tfsdk:"operation"`
	ForceStop   types.Bool   `tfsdk:"force_stop"`
	WaitFor     types.String `tfsdk:"wait_for"`
	WaitSeconds types.Int64  `tfsdk:"wait_seconds"`
}

// Metadata sets the type name of the action.
func (*powerAction) Metadata(_ context.Context, _ action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = typeName + "_power"
}

// Schema returns the attributes of the action.
func (*powerAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Changes the power state of a virtual machine on request, as a job on its host with progress messages: it is queued, can be cancelled, and a restart that fails starts the " +
			"virtual machine again. An operation that changes nothing succeeds, so that an action can run twice.\n\n" +
			"An action does not change the Terraform state: the attribute `state` of the resource shows the new power state after the next refresh, and `power_state` of the resource stays the desired state, " +
			"which the next apply restores. When an action that a resource triggers fails, Terraform 1.14 does not run it again. Requires Terraform 1.14 or later.",
		Attributes: withTarget(map[string]schema.Attribute{
			"operation": schema.StringAttribute{Required: true, MarkdownDescription: "One of:\n" +
				"  - `start`: starts the virtual machine, resumes it if it is paused.\n" +
				"  - `shut_down`: shuts down the guest.\n" +
				"  - `turn_off`: turns the virtual machine off without shutting down the guest.\n" +
				"  - `restart`: shuts down the guest, and starts the virtual machine.\n" +
				"  - `reset`: restarts the virtual machine without shutting down the guest.\n" +
				"  - `save`: saves the state of the virtual machine to disk.\n" +
				"  - `pause`: pauses the virtual machine.\n" +
				"  - `resume`: resumes a paused virtual machine."},
			"force_stop": schema.BoolAttribute{Optional: true, MarkdownDescription: "Whether `shut_down` and `restart` turn the virtual machine off if the guest does not shut down. Defaults to `false`."},
			"wait_for": schema.StringAttribute{Optional: true, MarkdownDescription: "What to wait for after `start`, `restart`, `reset` and `resume`: `nothing`, a `heartbeat` of the integration services, " +
				"or an IP `address`. Defaults to `nothing`."},
			"wait_seconds": schema.Int64Attribute{Optional: true, MarkdownDescription: "How long to wait for it, in seconds. Must be between 1 and 7200. Defaults to `600`."},
		}),
	}
}

// ValidateConfig validates the configuration without a host.
func (*powerAction) ValidateConfig(ctx context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	var c powerConfig
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	c.validate(&resp.Diagnostics)
	checkOneOf("operation", c.Operation, job.PowerActions(), &resp.Diagnostics)
	checkOneOf("wait_for", c.WaitFor, []string{"nothing", "heartbeat", "address"}, &resp.Diagnostics)
	if n := c.WaitSeconds.ValueInt64(); !c.WaitSeconds.IsNull() && !c.WaitSeconds.IsUnknown() && (n < 1 || n > 7200) {
		resp.Diagnostics.AddAttributeError(path.Root("wait_seconds"), "Invalid wait_seconds", fmt.Sprintf("wait_seconds must be between 1 and 7200, but is %d.", n))
	}
	if c.waits() && slices.Contains([]string{"shut_down", "turn_off", "save", "pause"}, c.Operation.ValueString()) {
		resp.Diagnostics.AddAttributeError(path.Root("wait_for"), "Invalid wait_for", "After "+c.Operation.ValueString()+" the guest does not run. Remove wait_for.")
	}
}

func (c *powerConfig) waits() bool {
	return c.WaitFor.ValueString() != "" && c.WaitFor.ValueString() != "nothing"
}

// verb returns the operation for messages.
func (c *powerConfig) verb() string { return strings.ReplaceAll(c.Operation.ValueString(), "_", " ") }

// ModifyPlan checks that the virtual machine exists, as far as the configuration is known.
func (a *powerAction) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	var c powerConfig
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	a.planTarget(ctx, c.vmTarget, c.verb(), &resp.Diagnostics)
}

// Invoke runs one job, and reports its events as progress messages.
func (a *powerAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var c powerConfig
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	if resp.Diagnostics.HasError() {
		return
	}
	values := map[string]any{"power_action": c.Operation.ValueString(), "force_stop": c.ForceStop.ValueBool()}
	if c.waits() {
		values["wait_for"] = c.WaitFor.ValueString()
		if !c.WaitSeconds.IsNull() {
			values["wait_seconds"] = c.WaitSeconds.ValueInt64()
		}
	}
	a.invoke(ctx, resp, c.vmTarget, c.verb(), job.OperationPower, values, map[string]string{"power_action": "operation"})
}
