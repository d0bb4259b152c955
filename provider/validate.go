// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"slices"
	"strings"

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
	faults := append(twinFaults(r.schema.Fields, req.Config.Raw, nil), r.schema.ValidatePartial(values)...)
	addFaults(&resp.Diagnostics, asGiven(faults, req.Config.Raw))
}

// asGiven tells what is wrong with a secret of the form that it was given in.
func asGiven(faults []jobschema.Fault, config tftypes.Value) []jobschema.Fault {
	for i := range faults {
		f := &faults[i]
		if len(f.Path) == 0 {
			continue
		}
		last := len(f.Path) - 1
		id := f.Path[last].Field
		hidden := id + jobschema.WriteOnlySuffix
		if id == "" || !has(attribute(valueAt(config, f.Path[:last]), hidden)) {
			continue
		}
		before := f.Path.String()
		f.Path = append(slices.Clone(f.Path[:last]), jobschema.Step{Field: hidden})
		if rest, ok := strings.CutPrefix(f.Message, before+" "); ok {
			f.Message = f.Path.String() + " " + rest
		}
		if rest, ok := strings.CutPrefix(f.Remedy, "set "+before); ok {
			f.Remedy = "set " + f.Path.String() + rest
		}
	}
	return faults
}

// valueAt gives a part of a raw value; a nil value where it has none there.
func valueAt(raw tftypes.Value, path jobschema.Path) tftypes.Value {
	for _, step := range path {
		if step.Field != "" {
			raw = attribute(raw, step.Field)
			continue
		}
		var items []tftypes.Value
		if raw.Type() == nil || !raw.IsKnown() || raw.IsNull() || raw.As(&items) != nil || step.Index >= len(items) {
			return tftypes.Value{}
		}
		raw = items[step.Index]
	}
	return raw
}

// twinFaults finds what is wrong between the forms of secrets, which the schema knows nothing of. A form that is not known
// yet may turn out to be the only one, or not to be given.
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
		case given(attributes[hidden]) && given(attributes[f.ID]):
			faults = append(faults, jobschema.Fault{
				Path: here(hidden), Rule: "conflict", Message: hidden + " is set, and " + f.ID + " is as well", Remedy: "keep one of them",
			})
		case given(attributes[version]) && !has(attributes[hidden]):
			faults = append(faults, jobschema.Fault{
				Path: here(version), Rule: "conflict", Message: version + " is the version of " + hidden + ", which is not set",
				Remedy: "set " + hidden + ", or remove it",
			})
		}
	}
	return faults
}
