// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Update has one job change what differs. Where nothing differs that a host knows of, none is run.
func (r *vmResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	about := summary("update", r.about(req.State.Raw))
	if !r.ready() {
		r.notReady(&resp.Diagnostics, about)
		return
	}
	values, err := fieldValues(r.schema, req.Plan.Raw, req.Config.Raw)
	if err != nil {
		resp.Diagnostics.AddError(about, sentence(err))
		return
	}
	id, host, jobID := own(ctx, req.State, &resp.Diagnostics)
	var limits timeouts.Value
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("timeouts"), &limits)...)
	limit, diags := limits.Update(ctx, updateTimeout)
	resp.Diagnostics.Append(diags...)
	var allow types.Bool
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("allow_power_cycle"), &allow)...)
	if resp.Diagnostics.HasError() {
		return
	}

	hostName := r.conn.resolve(host.ValueString())
	var vm *job.VM
	var left []string
	compared := newComparison(ctx, r.schema, req.State.Raw, req.Plan.Raw, req.Config.Raw, req.Private)
	if changed := compared.changed(r.schema); len(changed) == 0 {
		vm, err = r.conn.service.VM(ctx, hostName, id.ValueString())
	} else {
		var result *job.Result
		_, result, err = r.runJob(ctx, limit, hvprov.Submission{
			Host: hostName, Operation: job.OperationUpdate, Values: values, SkipInventoryCheck: true,
			VMID: id.ValueString(), Changed: changed, AllowPowerCycle: allow.ValueBool(),
		})
		if result != nil {
			vm, left = result.VM, result.Left
		}
	}
	switch {
	case err == nil && vm == nil:
		err = errors.New("the host did not say what the virtual machine is now")
	case err == nil:
		if len(left) > 0 {
			resp.Diagnostics.AddWarning("Something of virtual machine "+r.about(req.State.Raw)+" is kept on host "+hostName, strings.Join(left, "\n")+"\n")
		}
		if resp.State.Raw, err = r.newState(req.Plan.Raw, host.ValueString(), jobID.ValueString(), vm); err == nil {
			resp.Diagnostics.Append(keepPrivate(ctx, r.schema, req.Config.Raw, resp.Private)...)
			return
		}
	}
	// The state stays as it was: the next plan asks the host, and sees what has changed and what has not.
	addError(&resp.Diagnostics, about, err)
}
