// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Read takes over what the host says of the machine. A field that is neither in the state nor has a default is left out
// of it, so that what a configuration does not speak of makes no difference, but for a machine that was just imported.
func (r *vmResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	about := summary("read", r.about(req.State.Raw))
	resp.Diagnostics.Append(checkSchema(ctx, r.schema, req.Private, about)...)
	if !r.ready() {
		return // a plan with settings that are not known yet: the state is all there is
	}
	id, host, jobID := own(ctx, req.State, &resp.Diagnostics)
	var limits timeouts.Value
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("timeouts"), &limits)...)
	limit, diags := limits.Read(ctx, readTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	r.conn.names.manage(id.ValueString())
	vm, err := r.conn.service.VM(ctx, r.conn.resolve(host.ValueString()), id.ValueString())
	switch {
	case errors.Is(err, hvprov.ErrVMNotFound):
		resp.State.RemoveResource(ctx)
		return
	case err != nil:
		addError(&resp.Diagnostics, about, err)
		return
	}
	fresh, _ := req.Private.GetKey(ctx, freshKey)
	made := jobID.ValueString()
	if len(fresh) > 0 {
		made = vm.JobID
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, freshKey, nil)...)
	}
	changes, err := r.refreshed(req.State.Raw, vm, len(fresh) > 0)
	if err == nil {
		resp.State.Raw, err = with(req.State.Raw, changes)
	}
	if err == nil {
		resp.State.Raw, err = r.newState(resp.State.Raw, host.ValueString(), made, vm)
	}
	if err != nil {
		resp.Diagnostics.AddError(about, sentence(err))
	}
}

// refreshed gives the attributes whose values the host knows. all takes those too that nothing speaks of.
func (r *vmResource) refreshed(state tftypes.Value, vm *job.VM, all bool) (map[string]tftypes.Value, error) {
	seen, err := observe(vm)
	if err != nil {
		return nil, err
	}
	before, err := object(state)
	if err != nil {
		return nil, err
	}
	changes := map[string]tftypes.Value{}
	for i := range r.schema.Fields {
		f := &r.schema.Fields[i]
		value, ok := seen.of(f)
		switch known := all || f.Default != nil || !before[f.ID].IsNull(); {
		case !ok || !known:
			continue
		case all && len(vm.Recorded) > 0 && f.Default == nil && !f.Required && vm.Recorded[f.ID] == nil:
			continue // it was made without, so its configuration did not speak of it
		case !all && f.Default != nil && !applies(f, state):
			continue // its default is planned all the same, and the host has none of it
		case value == nil && isEmptyText(before[f.ID]):
			continue // an empty text is how a configuration may write none
		}
		if changes[f.ID], err = toTerraform(before[f.ID].Type(), value); err != nil {
			return nil, fmt.Errorf("what the host says of %s: %w", f.ID, err)
		}
	}
	if all && len(vm.Recorded) > 0 {
		err = r.addRecorded(changes, before, vm.Recorded)
	}
	return changes, err
}

// addRecorded adds what a machine was made with, as far as the host does not tell what it has now. A value that is not, or
// no longer, one of its field's is as good as none: it may be from before the schema's last change.
func (r *vmResource) addRecorded(changes, before map[string]tftypes.Value, recorded map[string]any) error {
	sound := map[string]any{}
	for id, v := range recorded {
		if f, ok := r.schema.Field(id); ok {
			if _, fault := f.Check(v); fault == nil {
				sound[id] = v
			}
		}
	}
	values, err := r.schema.Migrate(r.schema.Version, sound) // of this version: it only adds defaults, as plans have them
	if err != nil {
		return err
	}
	for id, v := range values {
		if _, seen := changes[id]; seen || before[id].Type() == nil {
			continue
		}
		if fitting, err := toTerraform(before[id].Type(), v); err == nil {
			changes[id] = fitting
		}
	}
	return nil
}

func isEmptyText(v tftypes.Value) bool {
	var s string
	return v.IsKnown() && !v.IsNull() && v.Type().Is(tftypes.String) && v.As(&s) == nil && s == ""
}

// ImportState takes a machine over by `host/vm_name` or `host/<guid>`.
func (r *vmResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	about := "Unable to import virtual machine " + req.ID
	host, name, ok := strings.Cut(req.ID, "/")
	if !ok || host == "" || name == "" {
		resp.Diagnostics.AddError(about, "The id must be the host's name, a slash, and the virtual machine's name or GUID: "+
			"for example hv01/web-01, or hv01/0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11.")
		return
	}
	if !r.ready() {
		r.notReady(&resp.Diagnostics, about)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	vm, err := r.conn.service.LookupVM(ctx, host, name)
	if err != nil {
		addError(&resp.Diagnostics, about, err)
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), vm.ID)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("host"), host)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("allow_power_cycle"), false)...)
	for _, key := range []string{importedKey, freshKey} {
		resp.Diagnostics.Append(resp.Private.SetKey(ctx, key, []byte(`true`))...)
	}
	resp.Diagnostics.Append(keepSchema(ctx, r.schema, resp.Private)...)
}
