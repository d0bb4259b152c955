// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// ModifyPlan asks the host whether a plan could be carried out: whether it is there, the name is free, and it has what
// the plan names. It changes nothing anywhere.
func (r *vmResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || r.schema == nil {
		return
	}
	resp.Diagnostics.Append(checkSchema(ctx, r.schema, req.Private, summary("plan", r.about(req.State.Raw)))...)
	if resp.Diagnostics.HasError() || !r.ready() {
		return
	}
	host, ok := r.planHost(ctx, req, resp)
	if !ok || resp.Diagnostics.HasError() {
		return
	}
	values, err := fieldValues(r.schema, resp.Plan.Raw, req.Config.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Unable to read the plan", sentence(err))
		return
	}
	id, _, _ := own(ctx, req.State, &resp.Diagnostics)
	compared := newComparison(ctx, r.schema, req.State.Raw, resp.Plan.Raw, req.Config.Raw, req.Private)
	replaced := compared.replaced(r.schema)
	r.planName(host, resp, values, claim{vmID: id.ValueString(), config: req.Config.Raw, doomed: replaced})

	sub := hvprov.Submission{Host: host, Operation: job.OperationProvision, Values: values}
	switch {
	case replaced:
		return // it is planned once more, as a machine that is to be made
	case !req.State.Raw.IsNull():
		r.planSecrets(compared, resp)
		changed := compared.changed(r.schema)
		if len(changed) == 0 {
			return
		}
		r.planPowerCycle(ctx, req, resp, changed)
		var allow types.Bool
		resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("allow_power_cycle"), &allow)...)
		sub.Operation, sub.VMID, sub.Changed = job.OperationUpdate, id.ValueString(), changed
		sub.AllowPowerCycle = allow.ValueBool() || allow.IsUnknown()
	}
	if !resp.Diagnostics.HasError() {
		r.planCheck(ctx, sub, resp)
	}
}

// planHost settles on which host the machine is to be, and says so in the plan.
func (r *vmResource) planHost(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) (string, bool) {
	at := path.Root("host")
	var configured, planned types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, at, &configured)...)
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, at, &planned)...)
	if resp.Diagnostics.HasError() || configured.IsUnknown() {
		return "", false
	}
	known := r.conn.service.Hosts()
	switch name := configured.ValueString(); {
	case !configured.IsNull():
		if !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
			resp.Diagnostics.AddAttributeError(at, "Unknown host "+name,
				fmt.Sprintf("It is not among the provider's hosts. Use one of: %s.", strings.Join(known, ", ")))
			return "", false
		}
	case planned.IsUnknown() && len(known) == 1:
		planned = types.StringValue(known[0])
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, at, planned)...)
	case planned.IsUnknown():
		resp.Diagnostics.AddAttributeError(at, "Missing host",
			fmt.Sprintf("The provider has several hosts, so that one must be named: %s.", strings.Join(known, ", ")))
		return "", false
	}
	return r.conn.resolve(planned.ValueString()), true
}

// planName claims the machine's name for this resource.
func (r *vmResource) planName(host string, resp *resource.ModifyPlanResponse, values map[string]any, c claim) {
	if c.vmID != "" {
		r.conn.names.manage(c.vmID)
	}
	f, ok := r.observedField(observedName)
	if !ok {
		return
	}
	name, ok := values[f.ID].(string)
	if !ok || r.conn.names.claim(host, name, c) {
		return
	}
	resp.Diagnostics.AddAttributeError(path.Root(f.ID), summary("plan", name),
		fmt.Sprintf("This configuration gives the name %q twice on host %s; letter case does not tell names apart. Choose another name.", name, host))
}

// planSecrets refuses secrets whose difference Terraform would not see.
func (r *vmResource) planSecrets(c comparison, resp *resource.ModifyPlanResponse) {
	for _, at := range c.overlooked(r.schema) {
		id := at[len(at)-1].Field
		resp.Diagnostics.AddAttributeError(attributePath(at), summary("plan", r.about(c.state)),
			fmt.Sprintf("The virtual machine was made without %s, and Terraform does not see that it has one now. "+
				"Set %s_version beside it, to any number.", at, id))
	}
}

// planPowerCycle refuses a change that would stop a running machine, unless its owner allows it.
func (r *vmResource) planPowerCycle(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse, changed []string) {
	var state types.String
	var allow types.Bool
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("state"), &state)...)
	resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("allow_power_cycle"), &allow)...)
	if allow.ValueBool() || allow.IsUnknown() || state.ValueString() == "off" {
		return
	}
	for _, fieldID := range changed {
		if f, ok := r.schema.Field(fieldID); ok && f.Change == jobschema.ChangePowerCycle {
			resp.Diagnostics.AddAttributeError(path.Root(fieldID), summary("plan", r.about(req.State.Raw)),
				fmt.Sprintf("A change of %s needs the virtual machine to be shut down and started again, and it is %s. "+
					"Set allow_power_cycle = true to have that done, or shut it down first.", fieldID, state.ValueString()))
		}
	}
}

// planCheck runs the plan dry on the host.
func (r *vmResource) planCheck(ctx context.Context, sub hvprov.Submission, resp *resource.ModifyPlanResponse) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	about := summary("plan", r.about(resp.Plan.Raw))
	findings, err := r.conn.service.Check(ctx, hvprov.CheckRequest{Submission: sub, Unknown: unknownFields(sub.Values)})
	if err != nil {
		addError(&resp.Diagnostics, about, err)
		return
	}
	// A name held by a machine of this configuration's own is either about to be given up, or claimed by its resource.
	findings = slices.DeleteFunc(findings, func(f job.Finding) bool {
		return f.Code == job.CodeNameTaken && f.VMID != "" && r.conn.names.isManaged(f.VMID)
	})
	addFindings(&resp.Diagnostics, about, findings)
}
