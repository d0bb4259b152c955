// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// ModifyPlan checks on the host whether the plan can be applied: the host is reachable, the name is free, and everything
// that the plan refers to exists. It changes nothing.
func (r *vmResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || r.schema == nil {
		return
	}
	resp.Diagnostics.Append(checkSchemaID(ctx, r.schema, req.Private, errorSummary("plan", r.displayName(req.State.Raw)))...)
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
	is := readIdentity(ctx, req.State, &resp.Diagnostics)
	id := is.id.ValueString()
	compared := newComparison(ctx, r.schema, req.State.Raw, resp.Plan.Raw, req.Config.Raw, req.Private)
	replace := compared.requiresReplace(r.schema)
	if !replace && id != "" {
		r.warnMoved(ctx, req, resp)
		host = r.conn.hostName(readLocation(ctx, req.Private).host(is.host.ValueString()))
	}
	r.planName(host, resp, values, reservation{vmID: id, config: req.Config.Raw, beingReplaced: replace})

	sub := hvprov.Submission{Host: host, Operation: job.OperationProvision, Values: values}
	switch {
	case replace:
		r.warnReplacement(compared, resp)
		return // Terraform plans the resource again, as one to create
	case !req.State.Raw.IsNull():
		r.planWriteOnly(compared, resp)
		changed := compared.changedFields(r.schema)
		if err := r.keepComputed(req, resp, changed); err != nil {
			resp.Diagnostics.AddError(errorSummary("plan", r.displayName(req.State.Raw)), sentence(err))
			return
		}
		if len(changed) == 0 {
			return
		}
		r.planPowerCycle(ctx, req, resp, changed)
		var allow types.Bool
		resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("allow_power_cycle"), &allow)...)
		sub.Operation, sub.VMID, sub.Changed = job.OperationUpdate, id, changed
		sub.AllowPowerCycle = allow.ValueBool() || allow.IsUnknown()
	}
	if !resp.Diagnostics.HasError() {
		r.planCheck(ctx, sub, resp)
	}
}

// networkProperties are the properties of a virtual machine that can change the addresses of its guest.
var networkProperties = []string{"switch_name", "vlan_id", "mac_address", "static_mac_address", "network_adapters"}

// keepComputed plans the computed attributes of the state, unless the change can affect them: what depends on them must not change with
// the notes of a virtual machine. The framework marks all of them as unknown when any attribute changes.
func (r *vmResource) keepComputed(req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse, changed []string) error {
	for _, id := range changed {
		f, ok := r.schema.Field(id)
		if !ok || f.Change == jobschema.ChangePowerCycle || f.Observed == "power_state" || slices.Contains(networkProperties, f.Observed) {
			return nil
		}
	}
	var err error
	resp.Plan.Raw, err = withVolatile(resp.Plan.Raw, req.State.Raw)
	return err
}

// withVolatile returns a copy of a raw object with the computed attributes that change by themselves from another, where that one has
// known values.
func withVolatile(raw, from tftypes.Value) (tftypes.Value, error) {
	known := map[string]tftypes.Value{}
	for _, name := range []string{"state", "ip_addresses"} {
		if v := attribute(from, name); isKnownValue(v) {
			known[name] = v
		}
	}
	return withAttributes(raw, known)
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
		if !slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
			resp.Diagnostics.AddAttributeError(at, "Unknown host "+name,
				fmt.Sprintf("The provider configuration has no such host. Use one of: %s.", strings.Join(known, ", ")))
			return "", false
		}
	case planned.IsUnknown() && len(known) == 1:
		planned = types.StringValue(known[0])
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, at, planned)...)
	case planned.IsUnknown():
		resp.Diagnostics.AddAttributeError(at, "Missing host",
			fmt.Sprintf("The provider has several hosts. Set host to one of: %s.", strings.Join(known, ", ")))
		return "", false
	}
	return r.conn.hostName(planned.ValueString()), true
}

// planName reserves the name of the virtual machine for this resource.
func (r *vmResource) planName(host string, resp *resource.ModifyPlanResponse, values map[string]any, v reservation) {
	if v.vmID != "" {
		r.conn.names.addManaged(v.vmID)
	}
	f, ok := r.observedField(observedName)
	if !ok {
		return
	}
	name, ok := values[f.ID].(string)
	if !ok || r.conn.names.reserve(host, name, v) {
		return
	}
	resp.Diagnostics.AddAttributeError(path.Root(f.ID), errorSummary("plan", name),
		fmt.Sprintf("Another resource of this configuration uses the name %q on host %s. Names are not case-sensitive. Choose another name.", name, host))
}

// planWriteOnly reports write-only values whose addition Terraform cannot detect.
func (r *vmResource) planWriteOnly(c comparison, resp *resource.ModifyPlanResponse) {
	for _, at := range c.untrackedWriteOnly(r.schema) {
		resp.Diagnostics.AddAttributeError(attributePath(at), errorSummary("plan", r.displayName(c.state)),
			fmt.Sprintf("The virtual machine was created without %s, and Terraform cannot detect that a value was added. "+
				"Set %s_version to any number.", at, at[len(at)-1].Field))
	}
}

// planPowerCycle reports changes that would stop a running virtual machine without allow_power_cycle.
func (r *vmResource) planPowerCycle(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse, changed []string) {
	var state types.String
	var allow types.Bool
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("state"), &state)...)
	resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root("allow_power_cycle"), &allow)...)
	if allow.ValueBool() || allow.IsUnknown() || state.ValueString() == "off" {
		return
	}
	for _, id := range changed {
		if f, ok := r.schema.Field(id); ok && f.Change == jobschema.ChangePowerCycle {
			resp.Diagnostics.AddAttributeError(path.Root(id), errorSummary("plan", r.displayName(req.State.Raw)),
				fmt.Sprintf("Changing %s requires the virtual machine to be shut down and started again, and it is %s. "+
					"Set allow_power_cycle = true to allow that, or shut the virtual machine down first.", id, state.ValueString()))
		}
	}
}

// planCheck checks the plan on the host.
func (r *vmResource) planCheck(ctx context.Context, sub hvprov.Submission, resp *resource.ModifyPlanResponse) {
	limit := readTimeout
	if v := readTimeouts(ctx, resp.Plan, &resp.Diagnostics); !v.IsUnknown() {
		var diags diag.Diagnostics
		limit, diags = v.Read(ctx, readTimeout)
		resp.Diagnostics.Append(diags...)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	summary := errorSummary("plan", r.displayName(resp.Plan.Raw))
	findings, err := r.conn.service.Check(ctx, hvprov.CheckRequest{Submission: sub, Unknown: unknownFields(sub.Values)})
	if err != nil {
		addError(&resp.Diagnostics, summary, err)
		return
	}
	r.conn.addLacks(ctx, &resp.Diagnostics, sub.Host)
	// A name that a virtual machine of this configuration holds is about to become free, or planName reports the conflict.
	findings = slices.DeleteFunc(findings, func(f job.Finding) bool {
		return f.Code == job.CodeNameTaken && f.VMID != "" && r.conn.names.isManaged(f.VMID)
	})
	addFindings(&resp.Diagnostics, summary, r.planAdoption(ctx, sub, findings, resp))
}
