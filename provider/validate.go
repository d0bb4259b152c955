// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// ValidateConfig holds the configuration to the schema: each value, and what belongs together. It needs no host. Values
// that are not known yet are judged when they are.
func (r *vmResource) ValidateConfig(_ context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	if r.schema == nil {
		return
	}
	values, err := fieldValues(r.schema, req.Config.Raw, req.Config.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Unable to read the configuration", sentence(err))
		return
	}
	addFaults(&resp.Diagnostics, append(twinFaults(r.schema.Fields, req.Config.Raw, nil), r.schema.ValidatePartial(values)...))
}

// twinFaults finds what is wrong between the forms of secrets, which the schema knows nothing of.
func twinFaults(fields []jobschema.Field, config tftypes.Value, at jobschema.Path) (faults []jobschema.Fault) {
	attributes, err := object(config)
	if err != nil {
		return nil // told where the values are read
	}
	for i := range fields {
		f := &fields[i]
		here := func(id string) jobschema.Path { return append(slices.Clone(at), jobschema.Step{Field: id}) }
		hidden, version := f.ID+jobschema.WriteOnlySuffix, f.ID+jobschema.WriteOnlyVersionSuffix
		switch {
		case f.Type == jobschema.TypeObject:
			faults = append(faults, twinFaults(f.Fields, attributes[f.ID], here(f.ID))...)
		case f.Type == jobschema.TypeList && f.Items.Type == jobschema.TypeObject:
			var items []tftypes.Value
			if list := attributes[f.ID]; list.Type() != nil && list.IsKnown() && !list.IsNull() && list.As(&items) == nil {
				for j, item := range items {
					faults = append(faults, twinFaults(f.Items.Fields, item, append(here(f.ID), jobschema.Step{Index: j}))...)
				}
			}
		case !f.Secret():
		case has(attributes[hidden]) && has(attributes[f.ID]):
			faults = append(faults, jobschema.Fault{
				Path: here(hidden), Rule: "conflict", Message: hidden + " is set, and " + f.ID + " is as well", Remedy: "keep one of them",
			})
		case has(attributes[version]) && !has(attributes[hidden]):
			faults = append(faults, jobschema.Fault{
				Path: here(version), Rule: "conflict", Message: version + " is the version of " + hidden + ", which is not set",
				Remedy: "set " + hidden + ", or remove it",
			})
		}
	}
	return faults
}
