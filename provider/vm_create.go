// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Create runs one job that creates the virtual machine. The state reflects what is on the host: no resource if the job
// was rolled back; a tainted resource with the GUID if something remains, or may remain.
func (r *vmResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	name := r.displayName(req.Plan.Raw)
	summary := errorSummary("create", name)
	if !r.ready() {
		addNotReady(&resp.Diagnostics, summary)
		return
	}
	values, err := fieldValues(r.schema, req.Plan.Raw, req.Config.Raw)
	if err != nil {
		resp.Diagnostics.AddError(summary, sentence(err))
		return
	}
	host := readIdentity(ctx, req.Plan, &resp.Diagnostics).host.ValueString()
	limit, diags := readTimeouts(ctx, req.Plan, &resp.Diagnostics).Create(ctx, r.createLimit(values))
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}

	hostName := r.conn.hostName(host)
	sub := hvprov.Submission{
		Host: hostName, Operation: job.OperationProvision, Values: values,
		SkipInventoryCheck: true, // the job checks what ModifyPlan has warned of
	}
	adopts := mayAdopt(ctx, req.Plan, &resp.Diagnostics)
	run := func() (jobRef, *job.Result, error) {
		return r.runNamedJob(ctx, limit, sub, name, &resp.Diagnostics, func(holder string) bool {
			return !adopts || r.conn.names.isManaged(holder)
		})
	}
	ref, result, err := run()
	for adopts && r.awaitReservation(ctx, limit, err) {
		ref, result, err = run()
	}
	if holderID(err) != "" {
		adoptCtx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		holder, again := r.adopt(adoptCtx, sub, adopts, summary, err, &resp.Diagnostics)
		switch {
		case holder != nil:
			r.saveCreated(ctx, req, resp, summary, created{host: host, configured: hostName, actual: holder.Host, jobID: holder.VM.JobID, vm: holder.VM})
			return
		case !again:
			r.conn.names.resolve(hostName, name, "")
			resp.State.RemoveResource(ctx)
			return
		}
		ref, result, err = r.runJob(ctx, limit, sub, name, &resp.Diagnostics)
	}
	actual, vm := hostName, remainingVM(ref, result, err)
	if vm != nil && vm.Name == "" && err == nil { // it moved before the end of the job
		if found, moved, findErr := r.conn.service.FindVM(ctx, hostName, vm.ID); findErr == nil {
			actual, vm = found, moved
		}
	}
	if vm == nil {
		r.conn.names.resolve(hostName, name, "")
		resp.State.RemoveResource(ctx)
	} else {
		r.saveCreated(ctx, req, resp, summary, created{host: host, configured: hostName, actual: actual, jobID: ref.id, vm: vm})
	}
	if err != nil {
		addError(&resp.Diagnostics, summary, err)
	}
}

// created is a virtual machine that Create made or adopted.
type created struct {
	host       string // of the plan
	configured string // the same, as the provider is configured
	actual     string // the host that has it
	jobID      string // that created it
	vm         *job.VM
}

// saveCreated sets the state of a virtual machine.
func (r *vmResource) saveCreated(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse, summary string, c created) {
	r.conn.names.resolve(c.configured, r.displayName(req.Plan.Raw), c.vm.ID)
	state, err := newState(req.Plan.Raw, c.host, c.jobID, c.vm)
	if err == nil {
		state, err = r.completeState(state, c.vm)
	}
	if err != nil {
		resp.Diagnostics.AddError(summary, sentence(err))
	}
	resp.State.Raw = state
	resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, vmIdentity{types.StringValue(c.host), types.StringValue(c.vm.ID)})...)
	resp.Diagnostics.Append(savePrivateState(ctx, r.schema, req.Config.Raw, resp.Private)...)
	resp.Diagnostics.Append(saveLocation(ctx, resp.Private, location{Configured: c.configured, Actual: c.actual})...)
}

// jobRef identifies a submitted job and its virtual machine, as far as it is known.
type jobRef struct{ id, vmID string }

// runJob submits a job, writes its events to Terraform's log, adds its warnings about the virtual machine to the diagnostics, and waits for
// its end. When ctx ends or the limit is exceeded, the job is cancelled and rolled back.
func (r *vmResource) runJob(
	ctx context.Context, limit time.Duration, sub hvprov.Submission, name string, diags *diag.Diagnostics,
) (jobRef, *job.Result, error) {
	parent, limitName := ctx, timeoutNames[sub.Operation]
	ctx, cancel := context.WithTimeout(parent, limit)
	defer cancel()
	logCtx := withJobLog(ctx)
	var warnings jobWarnings
	report := sub.OnEvent
	sub.OnEvent = func(e job.Event) {
		warnings.add(e)
		logEvent(logCtx, e)
		if report != nil {
			report(e)
		}
	}
	r.conn.planned.startApply()
	j, err := r.conn.service.Submit(ctx, sub)
	if err != nil {
		return jobRef{}, nil, asTimeLimit(ctx, parent, limitName, limit, err)
	}
	result, err := j.Wait(ctx)
	warnings.addTo(diags, name, result)
	return jobRef{id: j.ID(), vmID: j.VMID()}, result, asTimeLimit(ctx, parent, limitName, limit, err)
}

// remainingVM returns the virtual machine that is on the host after a create job, or nil.
func remainingVM(ref jobRef, result *job.Result, err error) *job.VM {
	switch {
	case result != nil && result.VM == nil && err == nil && ref.vmID != "":
		return &job.VM{ID: ref.vmID} // a cluster may move it before the end of the job
	case result != nil:
		return result.VM
	case errors.Is(err, hvprov.ErrJobUnknown) && ref.vmID != "":
		return &job.VM{ID: ref.vmID} // an event reported it before the outcome became unknown
	}
	return nil
}

// newState returns the plan with the computed attributes set from a virtual machine.
func newState(plan tftypes.Value, host, jobID string, vm *job.VM) (tftypes.Value, error) {
	values, err := computedValues(plan, vm)
	if err != nil {
		return plan, err
	}
	values["id"], values["host"], values["job_id"] = tftypes.NewValue(tftypes.String, vm.ID), tftypes.NewValue(tftypes.String, host), stringOrNull(jobID)
	return withAttributes(plan, values)
}

func stringOrNull(s string) tftypes.Value {
	if s == "" {
		return tftypes.NewValue(tftypes.String, nil)
	}
	return tftypes.NewValue(tftypes.String, s)
}
