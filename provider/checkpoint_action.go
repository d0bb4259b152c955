// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// checkpointAction implements the action `hypervvm_checkpoint`.
type checkpointAction struct{ vmAction }

var (
	_ action.ActionWithConfigure      = (*checkpointAction)(nil)
	_ action.ActionWithValidateConfig = (*checkpointAction)(nil)
	_ action.ActionWithModifyPlan     = (*checkpointAction)(nil)
)

type checkpointConfig struct {
	vmTarget
	Operation    types.String `tfsdk:"operation"`
	Name         types.String `tfsdk:"name"`
	CheckpointID types.String `tfsdk:"checkpoint_id"`
	Children     types.Bool   `tfsdk:"include_children"`
	Start        types.Bool   `tfsdk:"start"`
}

// checkpointFields are the attributes of checkpoints by field of a checkpoint job.
var checkpointFields = map[string]string{"checkpoint_action": "operation", "checkpoint_name": "name", "checkpoint_id": "checkpoint_id"}

// Metadata sets the type name of the action.
func (*checkpointAction) Metadata(_ context.Context, _ action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = typeName + "_checkpoint"
}

// Schema returns the attributes of the action.
func (*checkpointAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Takes, applies or removes a checkpoint of a virtual machine on request, as a job on its host with progress messages. For a checkpoint that Terraform removes again, " +
			"use the resource `hypervvm_checkpoint`.\n\n" +
			"An action does not change the Terraform state. After an apply, the virtual machine has the settings and disks of the checkpoint, and the next plan shows the difference from the configuration. " +
			"Requires Terraform 1.14 or later.",
		Attributes: withTarget(map[string]schema.Attribute{
			"operation": schema.StringAttribute{Required: true, MarkdownDescription: "One of:\n" +
				"  - `take`: takes a checkpoint. The attribute `checkpoint_type` of the virtual machine decides whether it is a standard or a production checkpoint, and must not be `disabled`.\n" +
				"  - `apply`: returns the virtual machine to a checkpoint. A virtual machine that runs is turned off, and its state is lost.\n" +
				"  - `remove`: removes a checkpoint. The host merges its disks while the virtual machine goes on. A checkpoint that does not exist is no error."},
			"name": schema.StringAttribute{Optional: true, MarkdownDescription: "Name of the checkpoint. Required to take one. To apply or remove a checkpoint, set `name` or `checkpoint_id`; " +
				"a name that several checkpoints share is an error."},
			"checkpoint_id":    schema.StringAttribute{Optional: true, MarkdownDescription: "GUID of the checkpoint to apply or remove. Conflicts with `name`."},
			"include_children": schema.BoolAttribute{Optional: true, MarkdownDescription: "Whether `remove` also removes the checkpoints that were taken after it. Defaults to `false`."},
			"start": schema.BoolAttribute{Optional: true, MarkdownDescription: "Whether `apply` starts the virtual machine afterwards. Otherwise it is off, or saved if the checkpoint holds its memory. " +
				"Defaults to `false`."},
		}),
	}
}

// ValidateConfig validates the configuration without a host.
func (*checkpointAction) ValidateConfig(ctx context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	var c checkpointConfig
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	c.validate(&resp.Diagnostics)
	checkOneOf("operation", c.Operation, job.CheckpointActions(), &resp.Diagnostics)
	checkGUID("checkpoint_id", "a checkpoint", c.CheckpointID, &resp.Diagnostics)
	switch operation := c.Operation.ValueString(); {
	case c.Operation.IsUnknown() || c.Name.IsUnknown() || c.CheckpointID.IsUnknown():
	case operation == "take" && (c.Name.IsNull() || !c.CheckpointID.IsNull()):
		resp.Diagnostics.AddAttributeError(path.Root("name"), "Invalid checkpoint", "To take a checkpoint, set name and not checkpoint_id.")
	case operation != "take" && c.Name.IsNull() == c.CheckpointID.IsNull():
		resp.Diagnostics.AddAttributeError(path.Root("checkpoint_id"), "Invalid checkpoint", "To "+operation+" a checkpoint, set either checkpoint_id or name.")
	}
	if c.Start.ValueBool() && c.Operation.ValueString() != "apply" && !c.Operation.IsUnknown() {
		resp.Diagnostics.AddAttributeError(path.Root("start"), "Invalid start", "Only apply starts the virtual machine. Remove start.")
	}
	if c.Children.ValueBool() && c.Operation.ValueString() != "remove" && !c.Operation.IsUnknown() {
		resp.Diagnostics.AddAttributeError(path.Root("include_children"), "Invalid include_children", "Only remove removes further checkpoints. Remove include_children.")
	}
}

// verb returns the operation for messages.
func (c *checkpointConfig) verb() string {
	return map[string]string{"take": "take a checkpoint of", "apply": "apply a checkpoint of", "remove": "remove a checkpoint of"}[c.Operation.ValueString()]
}

// ModifyPlan checks that the virtual machine exists and allows checkpoints, as far as the configuration is known.
func (a *checkpointAction) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	var c checkpointConfig
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	_, vm := a.planTarget(ctx, c.vmTarget, c.verb(), &resp.Diagnostics)
	if c.Operation.ValueString() == "take" {
		warnDisabled(vm, &resp.Diagnostics)
	}
}

// warnDisabled warns about a virtual machine that allows no checkpoints. It is no error: the same apply may change that.
func warnDisabled(vm *job.VM, diags *diag.Diagnostics) {
	if vm != nil && vm.CheckpointType == "disabled" {
		diags.AddAttributeWarning(path.Root("vm_id"), "Checkpoints of virtual machine "+vm.Name+" are disabled",
			"The job fails unless checkpoint_type of the virtual machine is changed to production, production_only or standard before.")
	}
}

// Invoke runs one job, and reports its events as progress messages.
func (a *checkpointAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var c checkpointConfig
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	if resp.Diagnostics.HasError() {
		return
	}
	values := map[string]any{"checkpoint_action": c.Operation.ValueString()}
	if !c.Name.IsNull() {
		values["checkpoint_name"] = c.Name.ValueString()
	}
	if !c.CheckpointID.IsNull() {
		values["checkpoint_id"] = c.CheckpointID.ValueString()
	}
	if c.Children.ValueBool() {
		values["checkpoint_children"] = true
	}
	if c.Start.ValueBool() {
		values["checkpoint_start"] = true
	}
	a.invoke(ctx, resp, c.vmTarget, c.verb(), job.OperationCheckpoint, values, checkpointFields)
}
