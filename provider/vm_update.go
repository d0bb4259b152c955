// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Update runs one job that changes the fields that differ. If no field differs, it only reads the virtual machine. After
// an error the state stays as it was: the next refresh shows which changes took effect.
func (r *vmResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	name := r.displayName(req.State.Raw)
	summary := errorSummary("update", name)
	if !r.ready() {
		addNotReady(&resp.Diagnostics, summary)
		return
	}
	values, err := fieldValues(r.schema, req.Plan.Raw, req.Config.Raw)
	if err != nil {
		resp.Diagnostics.AddError(summary, sentence(err))
		return
	}
	is := readIdentity(ctx, req.State, &resp.Diagnostics)
	resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, vmIdentity{is.host, is.id})...)
	limit, diags := readTimeouts(ctx, req.Plan, &resp.Diagnostics).Update(ctx, updateTimeout)
	resp.Diagnostics.Append(diags...)
	var allow types.Bool
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("allow_power_cycle"), &allow)...)
	if resp.Diagnostics.HasError() {
		return
	}

	planned := readIdentity(ctx, req.Plan, &resp.Diagnostics).host.ValueString()
	where := readLocation(ctx, req.Private)
	host, err := r.whereIs(ctx, is, where)
	if err != nil {
		addError(&resp.Diagnostics, summary, err)
		return
	}
	var vm *job.VM
	compared := newComparison(ctx, r.schema, req.State.Raw, req.Plan.Raw, req.Config.Raw, req.Private)
	if changed := compared.changedFields(r.schema); len(changed) == 0 {
		host, vm, err = r.find(ctx, is, where)
	} else {
		var result *job.Result
		host, result, err = r.runJobWhereVMIs(ctx, limit, hvprov.Submission{
			Host: host, Operation: job.OperationUpdate, Values: values, SkipInventoryCheck: true,
			VMID: is.id.ValueString(), Changed: changed, AllowPowerCycle: allow.ValueBool(),
		}, name, &resp.Diagnostics)
		if result != nil {
			vm = result.VM
			if err == nil && len(result.Left) > 0 {
				resp.Diagnostics.AddWarning("Virtual machine "+name+": some files were kept on host "+host, strings.Join(result.Left, "\n")+"\n")
			}
		}
	}
	if err == nil && vm == nil { // it moved before the end of the job
		host, vm, err = r.conn.service.FindVM(ctx, host, is.id.ValueString())
	}
	if err == nil {
		resp.State.Raw, err = newState(req.Plan.Raw, planned, is.jobID.ValueString(), vm)
	}
	if err == nil {
		resp.State.Raw, err = r.completeState(resp.State.Raw, vm)
	}
	if err == nil {
		// What was planned as known must be applied so; the next refresh shows what has changed meanwhile.
		resp.State.Raw, err = keepComputed(resp.State.Raw, req.Plan.Raw, slices.Collect(maps.Keys(computedAttributes)))
	}
	if err != nil {
		resp.State.Raw = req.State.Raw
		addError(&resp.Diagnostics, summary, err)
		return
	}
	resp.Diagnostics.Append(savePrivateState(ctx, r.schema, req.Config.Raw, resp.Private)...)
	resp.Diagnostics.Append(saveLocation(ctx, resp.Private, location{Configured: r.conn.hostName(planned), Actual: host})...)
}
