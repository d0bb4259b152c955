// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// checkpointResource implements the resource `hypervvm_checkpoint`.
type checkpointResource struct{ jobs vmResource }

var (
	_ resource.ResourceWithConfigure      = (*checkpointResource)(nil)
	_ resource.ResourceWithValidateConfig = (*checkpointResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*checkpointResource)(nil)
	_ resource.ResourceWithImportState    = (*checkpointResource)(nil)
	_ resource.ResourceWithIdentity       = (*checkpointResource)(nil)
)

type checkpointState struct {
	vmTarget
	ID         types.String `tfsdk:"id"`
	Name       types.String `tfsdk:"name"`
	ParentID   types.String `tfsdk:"parent_id"`
	CreatedAt  types.String `tfsdk:"created_at"`
	PowerState types.String `tfsdk:"power_state"`
}

// checkpointIdentity is the identity of a checkpoint in Terraform 1.12 and later. It has no host: virtual machines move.
type checkpointIdentity struct {
	VMID types.String `tfsdk:"vm_id"`
	ID   types.String `tfsdk:"id"`
}

// IdentitySchema returns the attributes of the identity.
func (*checkpointResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"vm_id": identityschema.StringAttribute{RequiredForImport: true, Description: "GUID of the virtual machine."},
		"id":    identityschema.StringAttribute{RequiredForImport: true, Description: "GUID of the checkpoint."},
	}}
}

// Metadata sets the type name of the resource.
func (*checkpointResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = typeName + "_checkpoint"
}

// Schema returns the attributes of the resource.
func (*checkpointResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	fixed := []planmodifier.String{stringplanmodifier.UseStateForUnknown()}
	replaces := []planmodifier.String{stringplanmodifier.RequiresReplace()}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A checkpoint of a virtual machine: taken when the resource is created, and removed when it is destroyed, whereupon the host merges its disks. To return a virtual machine to it, " +
			"use the action `hypervvm_checkpoint`. A checkpoint that no longer exists is taken again by the next apply.\n\n" +
			"While a virtual machine has checkpoints, its disks cannot be expanded or detached. Its attribute `checkpoint_type` must not be `disabled`.",
		Attributes: map[string]schema.Attribute{
			"vm_id":       schema.StringAttribute{Required: true, MarkdownDescription: vmIDText + " Forces replacement.", PlanModifiers: replaces},
			"host":        schema.StringAttribute{Optional: true, MarkdownDescription: targetHostText},
			"name":        schema.StringAttribute{Required: true, MarkdownDescription: "Name of the checkpoint. Forces replacement.", PlanModifiers: replaces},
			"timeout":     schema.StringAttribute{Optional: true, MarkdownDescription: timeoutText},
			"id":          schema.StringAttribute{Computed: true, MarkdownDescription: "GUID of the checkpoint.", PlanModifiers: fixed},
			"parent_id":   schema.StringAttribute{Computed: true, MarkdownDescription: "GUID of the checkpoint before it. Null if there is none."},
			"created_at":  schema.StringAttribute{Computed: true, MarkdownDescription: "When it was taken, in UTC.", PlanModifiers: fixed},
			"power_state": schema.StringAttribute{Computed: true, MarkdownDescription: "Power state of the virtual machine after the checkpoint was applied: `off`, or `saved` with its memory.", PlanModifiers: fixed},
		},
	}
}

// Configure receives the connection that [Provider.Configure] made.
func (c *checkpointResource) Configure(ctx context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	c.jobs.Configure(ctx, req, resp)
}

// ValidateConfig validates the configuration without a host.
func (*checkpointResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var s checkpointState
	resp.Diagnostics.Append(req.Config.Get(ctx, &s)...)
	s.validate(&resp.Diagnostics)
}

// ModifyPlan checks that the virtual machine of a new checkpoint exists and allows checkpoints.
func (c *checkpointResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var s checkpointState
	resp.Diagnostics.Append(req.Plan.Get(ctx, &s)...)
	if s.ID.IsUnknown() {
		_, vm := c.jobs.planTarget(ctx, s.vmTarget, "take a checkpoint of", &resp.Diagnostics)
		warnDisabled(vm, &resp.Diagnostics)
	}
}

// Create takes the checkpoint.
func (c *checkpointResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var s checkpointState
	resp.Diagnostics.Append(req.Plan.Get(ctx, &s)...)
	result := c.run(ctx, s.vmTarget, "take a checkpoint of", map[string]any{"checkpoint_action": "take", "checkpoint_name": s.Name.ValueString()}, &resp.Diagnostics)
	if result == nil || result.Checkpoint == nil {
		return
	}
	s.set(result.Checkpoint)
	resp.Diagnostics.Append(resp.State.Set(ctx, s)...)
	resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, checkpointIdentity{s.VMID, s.ID})...)
}

// run runs a checkpoint job, as soon as no other job works on the virtual machine. The result is nil after an error.
func (c *checkpointResource) run(ctx context.Context, t vmTarget, verb string, values map[string]any, diags *diag.Diagnostics) *job.Result {
	limit := t.limit(diags)
	summary := errorSummary(verb, t.VMID.ValueString())
	if !c.jobs.ready() {
		addNotReady(diags, summary)
	}
	if diags.HasError() {
		return nil
	}
	host, vm, err := c.jobs.findTarget(ctx, t)
	var result *job.Result
	if err == nil {
		summary = errorSummary(verb, vm.Name)
		sub := hvprov.Submission{Host: host, Operation: job.OperationCheckpoint, VMID: vm.ID, Values: values, Limit: limit, SkipInventoryCheck: true}
		result, err = c.jobs.runWhenFree(ctx, sub, vm.Name, diags, func(string) {})
	}
	if errors.Is(err, hvprov.ErrVMNotFound) && values["checkpoint_action"] == "remove" {
		return nil // its checkpoints are gone with it
	}
	if err != nil {
		addErrorAt(diags, summary, err, map[string]string{"checkpoint_action": "vm_id", "checkpoint_name": "name", "checkpoint_id": "id"})
		return nil
	}
	return result
}

func (s *checkpointState) set(c *job.Checkpoint) {
	s.ID, s.Name, s.CreatedAt, s.PowerState = types.StringValue(c.ID), types.StringValue(c.Name), types.StringValue(c.CreatedAt), types.StringValue(c.PowerState)
	s.ParentID = types.StringNull()
	if c.ParentID != "" {
		s.ParentID = types.StringValue(c.ParentID)
	}
}

// Read reads the checkpoint. One that is gone, or whose virtual machine is, leaves the state.
func (c *checkpointResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var s checkpointState
	resp.Diagnostics.Append(req.State.Get(ctx, &s)...)
	resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, checkpointIdentity{s.VMID, s.ID})...)
	if resp.Diagnostics.HasError() || !c.jobs.ready() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	host, _, err := c.jobs.findTarget(ctx, s.vmTarget)
	var all []job.Checkpoint
	if err == nil {
		all, err = c.jobs.conn.service.Checkpoints(ctx, host, s.VMID.ValueString())
	}
	if err != nil && !errors.Is(err, hvprov.ErrVMNotFound) {
		addError(&resp.Diagnostics, "Unable to read checkpoint "+s.Name.ValueString(), err)
		return
	}
	i := slices.IndexFunc(all, func(k job.Checkpoint) bool { return strings.EqualFold(k.ID, s.ID.ValueString()) })
	if i < 0 {
		resp.State.RemoveResource(ctx)
		return
	}
	s.set(&all[i])
	resp.Diagnostics.Append(resp.State.Set(ctx, s)...)
}

// Update records the host and the time limit: all else forces replacement.
func (*checkpointResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var s, before checkpointState
	resp.Diagnostics.Append(req.Plan.Get(ctx, &s)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &before)...)
	s.ParentID = before.ParentID
	resp.Diagnostics.Append(resp.State.Set(ctx, s)...)
	resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, checkpointIdentity{s.VMID, s.ID})...)
}

// Delete removes the checkpoint. One that does not exist is not an error.
func (c *checkpointResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var s checkpointState
	resp.Diagnostics.Append(req.State.Get(ctx, &s)...)
	c.run(ctx, s.vmTarget, "remove a checkpoint of", map[string]any{"checkpoint_action": "remove", "checkpoint_id": s.ID.ValueString()}, &resp.Diagnostics)
}

// ImportState imports a checkpoint by the GUIDs of its virtual machine and its own.
func (c *checkpointResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	vm, id, _ := strings.Cut(req.ID, "/")
	if req.ID == "" && req.Identity != nil && !req.Identity.Raw.IsFullyNull() {
		var identity checkpointIdentity
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
		vm, id = identity.VMID.ValueString(), identity.ID.ValueString()
	}
	if uuid.Validate(vm) != nil || uuid.Validate(id) != nil {
		resp.Diagnostics.AddError("Unable to import a checkpoint", "The import id must be the GUID of the virtual machine and the GUID of the checkpoint, separated by a slash. "+
			"The data source hypervvm_checkpoints lists the checkpoints of a virtual machine.")
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("vm_id"), strings.ToLower(vm))...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), strings.ToLower(id))...)
	resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, checkpointIdentity{types.StringValue(strings.ToLower(vm)), types.StringValue(strings.ToLower(id))})...)
}
