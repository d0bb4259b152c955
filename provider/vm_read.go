// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Read updates the state from the host. What the configuration leaves out shows the value of the host. The first read after an import
// reads what the host recorded as well.
func (r *vmResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	summary := errorSummary("read", r.displayName(req.State.Raw))
	resp.Diagnostics.Append(checkSchemaID(ctx, r.schema, req.Private, summary)...)
	is, ok := r.identify(ctx, req, resp)
	if !ok {
		return
	}
	resp.Diagnostics.Append(saveIdentity(ctx, resp.Identity, vmIdentity{is.host, is.id})...)
	if !r.ready() {
		return // the provider's settings are not known yet: the state stays as it is
	}
	limit, diags := readTimeouts(ctx, req.State, &resp.Diagnostics).Read(ctx, readTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	parent := ctx
	ctx, cancel := context.WithTimeout(parent, limit)
	defer cancel()

	r.conn.names.addManaged(is.id.ValueString())
	where := readLocation(ctx, req.Private)
	found, vm, err := r.find(ctx, is, where)
	var exceeded *timeLimitError
	switch {
	case errors.Is(err, hvprov.ErrVMElsewhere):
		addElsewhere(&resp.Diagnostics, r.displayName(req.State.Raw), err)
		return
	case errors.Is(err, hvprov.ErrVMNotFound) && r.conn.only != "" && !strings.EqualFold(is.host.ValueString(), r.conn.only):
		resp.Diagnostics.AddAttributeError(path.Root("host"), summary, fmt.Sprintf("Virtual machine %s of host %s is not on host %s, which is the only host of the provider "+
			"configuration. If it is on another host, configure all hosts with hosts. If it no longer exists, remove it from the state with terraform state rm.",
			is.id.ValueString(), is.host.ValueString(), r.conn.only))
		return
	case errors.Is(err, hvprov.ErrVMNotFound):
		resp.State.RemoveResource(ctx)
		return
	case errors.As(asTimeLimit(ctx, parent, "read", limit, err), &exceeded):
		addTimeLimit(&resp.Diagnostics, summary, exceeded)
		return
	case r.conn.reportUnusable(&resp.Diagnostics, err):
		return
	case err != nil:
		addError(&resp.Diagnostics, summary, err)
		return
	}
	host := is.host.ValueString()
	if r.conn.only != "" && where.Actual == "" {
		host = r.conn.only // the address has changed
	}
	if host != "" && !r.conn.isHost(where.host(host)) {
		resp.Diagnostics.AddAttributeWarning(path.Root("host"), "Virtual machine "+r.displayName(req.State.Raw)+" is on host "+found,
			fmt.Sprintf("Host %s of the state is not configured any more. The virtual machine was found by its GUID, and is managed on host %s from now on. "+
				"If host %s had the other name before, add aliases = [%q] to its entry in hosts.", where.host(host), found, found, where.host(host)))
	}
	if found != r.conn.hostName(host) || where.Actual != "" {
		where, host = where.observed(host, found)
		resp.Diagnostics.Append(saveLocation(ctx, resp.Private, where)...)
	}
	firstRead := isUnread(ctx, req.Private)
	jobID := is.jobID.ValueString()
	if firstRead {
		jobID = vm.JobID
		if len(vm.Partial) == 0 { // otherwise the next read reads all attributes again
			resp.Diagnostics.Append(resp.Private.SetKey(ctx, unreadKey, nil)...)
		}
	}
	r.conn.addPartial(&resp.Diagnostics, is.host.ValueString(), vm.Partial)
	r.warnAddresses(&resp.Diagnostics, req.State.Raw, vm)
	changes, err := r.observedValues(req.State.Raw, vm, firstRead)
	if err == nil && !firstRead {
		resp.Diagnostics.Append(saveDrift(ctx, r.schema, req.Private, resp.Private, req.State.Raw, changes)...)
	}
	if err == nil {
		resp.State.Raw, err = withAttributes(req.State.Raw, changes)
	}
	if err == nil {
		resp.State.Raw, err = newState(resp.State.Raw, host, jobID, vm)
	}
	if err != nil {
		resp.Diagnostics.AddError(summary, sentence(err))
	}
}

// observedValues returns the values of the fields that the host reports. With all it includes the fields that have
// neither a value in the state nor a default.
func (r *vmResource) observedValues(state tftypes.Value, vm *job.VM, all bool) (map[string]tftypes.Value, error) {
	observed, err := observe(vm)
	if err != nil {
		return nil, err
	}
	before, err := object(state)
	if err != nil {
		return nil, err
	}
	recorded := all && len(vm.Recorded) > 0
	changes := map[string]tftypes.Value{}
	for i := range r.schema.Fields {
		f := &r.schema.Fields[i]
		was, err := fromTerraform(before[f.ID])
		if err != nil {
			return nil, fmt.Errorf("value of %s in the state: %w", f.ID, err)
		}
		if recorded && was == nil && f.Items != nil {
			was = vm.Recorded[f.ID] // with what no host reports
		}
		value, ok := observed.value(f, was)
		switch tracked := all || f.Default != nil || keepsObserved(f) || !before[f.ID].IsNull(); {
		case !ok || !tracked:
			continue
		case len(vm.Partial) > 0 && observed[f.Observed] == nil:
			continue // it may be null because it was not read
		case recorded && f.Default == nil && !f.Required && !keepsObserved(f) && vm.Recorded[f.ID] == nil:
			continue // the job that created the virtual machine was given no value
		case !all && f.Default != nil && !isApplicable(f, state):
			continue // the default is planned although the field does not apply; the host has no such value
		case f.Equal(was, value) && isKnownValue(before[f.ID]):
			continue // the same value, possibly in another spelling: the state keeps the one of the configuration
		}
		if keepsObserved(f) {
			value = shownValue(f, value)
		}
		value = keepSpellings(f, was, value)
		if changes[f.ID], err = toTerraform(before[f.ID].Type(), value); err != nil {
			return nil, fmt.Errorf("value of %s that the host reports: %w", f.ID, err)
		}
	}
	if recorded {
		err = r.addRecorded(changes, before, vm.Recorded)
	}
	return changes, err
}

// addRecorded adds the values that the virtual machine was created with, for the fields that the host does not report.
// Values that are no longer valid are ignored: they may precede a change of the schema.
func (r *vmResource) addRecorded(changes, before map[string]tftypes.Value, recorded map[string]any) error {
	valid := map[string]any{}
	for id, v := range recorded {
		if f, ok := r.schema.Field(id); ok {
			if _, fault := f.Check(v); fault == nil {
				valid[id] = v
			}
		}
	}
	values, err := r.schema.Migrate(r.schema.Version, valid) // from the current version: adds defaults only, as a plan has them
	if err != nil {
		return err
	}
	for id, v := range values {
		if _, ok := changes[id]; ok || before[id].Type() == nil {
			continue
		}
		if value, err := toTerraform(before[id].Type(), v); err == nil {
			changes[id] = value
		}
	}
	return nil
}

// completeState sets the attributes that a plan left to the host, which are unknown in it, to what a virtual machine has.
func (r *vmResource) completeState(state tftypes.Value, vm *job.VM) (tftypes.Value, error) {
	observed, err := observe(vm)
	if err != nil {
		return state, err
	}
	attributes, err := object(state)
	if err != nil {
		return state, err
	}
	changes := map[string]tftypes.Value{}
	for i := range r.schema.Fields {
		f := &r.schema.Fields[i]
		v := attributes[f.ID]
		if v.Type() == nil || v.IsKnown() {
			continue
		}
		value, ok := observed.value(f, nil)
		if !ok || vm.Name == "" { // the host could not read it, or the virtual machine moved: the next refresh shows it
			value = nil
		} else {
			value = shownValue(f, value)
		}
		if changes[f.ID], err = toTerraform(v.Type(), value); err != nil {
			return state, fmt.Errorf("value of %s that the host reports: %w", f.ID, err)
		}
	}
	return withAttributes(state, changes)
}
