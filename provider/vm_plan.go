// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// ModifyPlan checks on the host whether the plan can be applied: the host is reachable, the name is free, and everything
// that the plan refers to exists. It changes nothing.
//
// An error of a plan is an error of `terraform destroy` too: before it destroys anything, Terraform refreshes with a plan of the whole
// configuration, and a provider cannot tell the two apart. Therefore only what the configuration causes is an error here.
func (r *vmResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.schema == nil || addUnreadMove(ctx, req.Private, &resp.Diagnostics) {
		return
	}
	if req.Plan.Raw.IsNull() {
		r.warnKeptFiles(ctx, req, resp)
		return
	}
	hostReplaced := r.planHostChange(ctx, req, resp)
	guestReplaced := r.planGuestChange(ctx, req, resp)
	resp.Diagnostics.Append(checkSchemaID(ctx, r.schema, req.Private, errorSummary("plan", r.displayName(req.State.Raw)))...)
	if resp.Diagnostics.HasError() || !r.ready() {
		return
	}
	var err error
	if resp.Plan.Raw, err = r.withoutCreationDefaults(ctx, req, resp.Plan.Raw); err != nil {
		resp.Diagnostics.AddError("Unable to read the plan", sentence(err))
		return
	}
	values, err := fieldValues(r.schema, resp.Plan.Raw, req.Config.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Unable to read the plan", sentence(err))
		return
	}
	if (req.State.Raw.IsNull() || !isImported(ctx, req.Private)) && r.planCreation(req, resp, values) {
		return
	}
	_, end := r.conn.operations.begin("")
	defer end()
	host, ok := r.planHost(ctx, req, resp)
	if !ok || resp.Diagnostics.HasError() {
		return
	}
	id := r.plannedVM(ctx, req, resp)
	is := readIdentity(ctx, req.State, &resp.Diagnostics)
	compared := newComparison(ctx, r.schema, req.State.Raw, resp.Plan.Raw, req.Config.Raw, req.Private)
	where := readLocation(ctx, req.Private)
	compared.hostReplaced, compared.guestReplaced = hostReplaced, guestReplaced
	replace := compared.requiresReplace(r.schema)
	if !replace && !req.State.Raw.IsNull() {
		r.warnMoved(ctx, req, resp)
		if host, err = r.whereIs(ctx, is, where); err != nil {
			addError(&resp.Diagnostics, errorSummary("plan", r.displayName(req.State.Raw)), err)
			return
		}
	}
	r.planName(host, resp, values, id)

	check := planCheck{sub: hvprov.Submission{Host: host, Operation: job.OperationProvision, Values: values}, name: r.displayName(resp.Plan.Raw)}
	switch {
	case replace:
		r.warnReplacement(compared, resp)
		return // Terraform plans the resource again, as one to create
	case req.State.Raw.IsNull():
		check.replaces = id
		r.warnHostName(values, resp)
	default:
		r.planWriteOnly(compared, resp)
		changed := compared.changedFields(r.schema)
		if resp.Plan.Raw, err = keepComputed(resp.Plan.Raw, req.State.Raw, r.calmAttributes(changed)); err != nil {
			resp.Diagnostics.AddError(errorSummary("plan", r.displayName(req.State.Raw)), sentence(err))
			return
		}
		if len(changed) == 0 {
			r.warnOnlyState(compared, resp)
			return
		}
		r.warnGuest(compared, resp)
		check.name = r.displayName(req.State.Raw)
		check.drifted = r.driftedFields(ctx, req, resp, changed)
		r.warnReleased(compared, resp)
		r.planRename(host, id, req.State.Raw, resp, check.drifted)
		var allow types.Bool
		resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("allow_power_cycle"), &allow)...)
		check.sub.Operation, check.sub.VMID, check.sub.Changed = job.OperationUpdate, id, changed
		check.sub.AllowPowerCycle = allow.ValueBool() || allow.IsUnknown()
	}
	if !resp.Diagnostics.HasError() {
		r.runPlanCheck(ctx, check, resp)
	}
}

// plannedVM returns the GUID of the virtual machine that the resource has, or has until it is replaced. It is empty for a resource to
// create, and for a tainted one.
//
// Terraform plans a resource to be replaced twice: with its state, then without, but with the private data of the first plan
// (NodeAbstractResourceInstance.plan in internal/terraform/node_resource_abstract_instance.go of Terraform).
func (r *vmResource) plannedVM(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) (id string) {
	if req.State.Raw.IsNull() {
		getKey(ctx, req.Private, plannedKey, &id)
		return id
	}
	id = readIdentity(ctx, req.State, &resp.Diagnostics).id.ValueString()
	resp.Diagnostics.Append(setKey(ctx, resp.Private, plannedKey, id)...)
	return id
}

// planHostChange plans a replacement if the host changes to one that does not have the virtual machine. It reports whether it does.
func (r *vmResource) planHostChange(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) bool {
	planned := attribute(req.Plan.Raw, "host")
	if req.State.Raw.IsNull() || !hostReplaces(ctx, req.Private, attribute(req.State.Raw, "host"), planned) {
		return false
	}
	if r.ready() && r.inPlace(ctx, readIdentity(ctx, req.State, &resp.Diagnostics), readLocation(ctx, req.Private), planned) {
		return false
	}
	resp.RequiresReplace.Append(path.Root("host"))
	return true
}

// planHost determines the host and sets it in the plan. It reports false if the host is unknown or invalid.
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
		if _, ok := r.conn.findHost(name); !ok {
			r.conn.addUnknownHost(&resp.Diagnostics, name, fmt.Sprintf(" If one of them had this name before, add aliases = [%q] to its entry in hosts.", name))
			return "", false
		}
	case planned.IsUnknown() && len(known) == 1:
		planned = types.StringValue(known[0])
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, at, planned)...)
	case planned.IsUnknown():
		r.conn.addMissingHost(&resp.Diagnostics)
		return "", false
	}
	return r.conn.hostName(planned.ValueString()), true
}

// planName reserves the name of the virtual machine for this resource.
func (r *vmResource) planName(host string, resp *resource.ModifyPlanResponse, values map[string]any, vmID string) {
	if vmID != "" {
		r.conn.names.addManaged(vmID)
	}
	f, ok := r.observedField(observedName)
	if !ok {
		return
	}
	name, ok := values[f.ID].(string)
	if !ok || r.conn.names.reserve(host, name, reservation{vmID: vmID}) {
		return
	}
	resp.Diagnostics.AddAttributeError(path.Root(f.ID), errorSummary("plan", name),
		fmt.Sprintf("Another resource of this configuration uses the name %q on host %s. Names are not case-sensitive. Choose another name.", name, host))
}

// planRename reports virtual machines that exchange their names: each of them has to wait for another one.
func (r *vmResource) planRename(host, vmID string, state tftypes.Value, resp *resource.ModifyPlanResponse, drifted []string) {
	f, ok := r.observedField(observedName)
	if !ok {
		return
	}
	from, to := stringOf(attribute(state, f.ID)), stringOf(attribute(resp.Plan.Raw, f.ID))
	if from == "" || to == "" || !r.conn.names.addRename(vmID, host, from, to) {
		return
	}
	detail := fmt.Sprintf("Virtual machines exchange their names: %s takes the name %q, and its own name goes to another one. Names are unique on a host, "+
		"and each virtual machine would wait for another. Rename one of them to an unused name and apply that first.", from, to)
	if slices.Contains(drifted, f.ID) {
		resp.Diagnostics.AddAttributeWarning(path.Root(f.ID), changedOutside(from, f.ID), detail)
		return
	}
	resp.Diagnostics.AddAttributeError(path.Root(f.ID), errorSummary("plan", from), detail)
}

// planWriteOnly reports write-only values whose addition Terraform cannot detect.
func (r *vmResource) planWriteOnly(c comparison, resp *resource.ModifyPlanResponse) {
	for _, at := range c.untrackedWriteOnly(r.schema) {
		resp.Diagnostics.AddAttributeError(attributePath(at), errorSummary("plan", r.displayName(c.state)),
			fmt.Sprintf("The virtual machine was created without %s, and Terraform cannot detect that a value was added. "+
				"Set %s_version to any number.", at, at[len(at)-1].Field))
	}
}
