// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// withoutCreationDefaults returns the plan of an imported virtual machine without the defaults of fields that describe its creation: how it
// was created is unknown, and a plan that sets them would not be empty.
func (r *vmResource) withoutCreationDefaults(ctx context.Context, req resource.ModifyPlanRequest, plan tftypes.Value) (tftypes.Value, error) {
	changes := map[string]tftypes.Value{}
	if req.State.Raw.IsNull() || !isImported(ctx, req.Private) {
		return plan, nil
	}
	for i := range r.schema.Fields {
		f := &r.schema.Fields[i]
		if was := attribute(req.State.Raw, f.ID); f.Default != nil && forCreation(f) && was.IsNull() && attribute(req.Config.Raw, f.ID).IsNull() {
			changes[f.ID] = was
		}
	}
	return withAttributes(plan, changes)
}

// planCreation reports what the configuration lacks for a creation, and names that no file of a new virtual machine can have, and whether
// there is any. ValidateConfig cannot: it does not know whether the virtual machine exists, or was imported.
func (r *vmResource) planCreation(req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse, values map[string]any) bool {
	faults := slices.DeleteFunc(r.schema.ValidatePartial(values), func(f jobschema.Fault) bool {
		return f.Rule != "required" && (f.Rule != "file_name" || !req.State.Raw.IsNull())
	})
	addFaults(&resp.Diagnostics, reportOnSuppliedForm(faults, req.Config.Raw))
	return len(faults) > 0
}

// forCreation reports whether a field describes how a virtual machine is created: one that exists is replaced to change it, or does not show
// the value.
func forCreation(f *jobschema.Field) bool {
	return f.Change == jobschema.ChangeReplace || f.Change != "" && f.Observed == ""
}
