// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Create has one job make the machine. What Terraform is told in the end is what the host holds: nothing where the job
// was undone, and the machine's GUID, on a resource to be replaced, where something of it is left or may be.
func (r *vmResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	about := summary("create", r.about(req.Plan.Raw))
	if !r.ready() {
		r.notReady(&resp.Diagnostics, about)
		return
	}
	values, err := fieldValues(r.schema, req.Plan.Raw, req.Config.Raw)
	if err != nil {
		resp.Diagnostics.AddError(about, sentence(err))
		return
	}
	_, host, _ := own(ctx, req.Plan, &resp.Diagnostics)
	var limits timeouts.Value
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("timeouts"), &limits)...)
	limit, diags := limits.Create(ctx, createTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}

	ref, result, err := r.runJob(ctx, limit, hvprov.Submission{
		Host: r.conn.resolve(host.ValueString()), Operation: job.OperationProvision, Values: values,
		SkipInventoryCheck: true, // during plan
	})
	vm := remains(ref, result, err)
	if vm == nil {
		r.conn.names.settle(r.conn.resolve(host.ValueString()), r.about(req.Plan.Raw), "")
		resp.State.RemoveResource(ctx)
	} else {
		r.conn.names.settle(r.conn.resolve(host.ValueString()), r.about(req.Plan.Raw), vm.ID)
		state, stateErr := r.newState(req.Plan.Raw, host.ValueString(), ref.id, vm)
		if stateErr != nil {
			resp.Diagnostics.AddError(about, sentence(stateErr))
		}
		resp.State.Raw = state
		resp.Diagnostics.Append(keepPrivate(ctx, r.schema, req.Config.Raw, resp.Private)...)
	}
	if err != nil {
		addError(&resp.Diagnostics, about, err)
	}
}

// jobRef is what is known of a job while it runs.
type jobRef struct{ id, vmID string }

// runJob runs a job to its end, its lines in the log. When ctx ends, or the time is up, the job is cancelled and undone.
func (r *vmResource) runJob(ctx context.Context, limit time.Duration, sub hvprov.Submission) (jobRef, *job.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	logCtx := withJobLog(ctx)
	sub.OnEvent = func(e job.Event) { logEvent(logCtx, e) }
	j, err := r.conn.service.Submit(ctx, sub)
	if err != nil {
		return jobRef{}, nil, err
	}
	result, err := j.Wait(ctx)
	return jobRef{id: j.ID(), vmID: j.VMID()}, result, err
}

// remains gives the machine that is on the host after a job that was to make one; nil where none is.
func remains(ref jobRef, result *job.Result, err error) *job.VM {
	switch {
	case result != nil:
		return result.VM
	case errors.Is(err, hvprov.ErrJobUnknown) && ref.vmID != "":
		return &job.VM{ID: ref.vmID} // it was there when the host was last heard of
	}
	return nil
}

// newState gives the state of a machine that has come to be, or was changed, as planned.
func (r *vmResource) newState(plan tftypes.Value, host, jobID string, vm *job.VM) (tftypes.Value, error) {
	changes := map[string]tftypes.Value{
		"id":     tftypes.NewValue(tftypes.String, vm.ID),
		"host":   tftypes.NewValue(tftypes.String, host),
		"job_id": optionalText(jobID),
		"state":  optionalText(vm.PowerState),
	}
	addresses := make([]tftypes.Value, len(vm.IPAddresses))
	for i, address := range vm.IPAddresses {
		addresses[i] = tftypes.NewValue(tftypes.String, address)
	}
	changes["ip_addresses"] = tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, addresses)
	return with(plan, changes)
}

func optionalText(s string) tftypes.Value {
	if s == "" {
		return tftypes.NewValue(tftypes.String, nil)
	}
	return tftypes.NewValue(tftypes.String, s)
}
