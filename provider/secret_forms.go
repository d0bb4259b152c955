// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// A secret x is given as x, or as x_wo, which Terraform keeps nowhere, with x_wo_version to tell that it has changed.
const (
	writeOnlySuffix        = "_wo"
	writeOnlyVersionSuffix = "_wo_version"
)

// secretForms are the forms of one secret in a raw value.
type secretForms struct {
	field *jobschema.Field
	owner jobschema.Path // the object that has it; empty for the resource itself

	open, hidden, version tftypes.Value
}

// path gives where the secret is.
func (s secretForms) path() jobschema.Path { return s.at("") }

// at gives where one of its forms is.
func (s secretForms) at(suffix string) jobschema.Path {
	return append(slices.Clone(s.owner), jobschema.Step{Field: s.field.ID + suffix})
}

// secrets gives the forms of every secret in a raw value, those within objects and lists included.
func secrets(fields []jobschema.Field, raw tftypes.Value) []secretForms {
	return secretsAt(fields, raw, nil)
}

func secretsAt(fields []jobschema.Field, raw tftypes.Value, owner jobschema.Path) (found []secretForms) {
	if !given(raw) {
		return nil
	}
	for i := range fields {
		f := &fields[i]
		here := append(slices.Clone(owner), jobschema.Step{Field: f.ID})
		switch {
		case f.Secret():
			found = append(found, secretForms{
				field: f, owner: owner, open: attribute(raw, f.ID),
				hidden:  attribute(raw, f.ID+writeOnlySuffix),
				version: attribute(raw, f.ID+writeOnlyVersionSuffix),
			})
		case f.Type == jobschema.TypeObject:
			found = append(found, secretsAt(f.Fields, attribute(raw, f.ID), here)...)
		case f.Type == jobschema.TypeList && f.HoldsSecret():
			for j, item := range items(attribute(raw, f.ID)) {
				found = append(found, secretsAt(f.Items.Fields, item, append(slices.Clone(here), jobschema.Step{Index: j}))...)
			}
		}
	}
	return found
}

// twinFaults finds what is wrong between the forms of secrets, which the schema knows nothing of. A form that is not known
// yet may turn out to be the only one, or not to be given.
func twinFaults(fields []jobschema.Field, config tftypes.Value) (faults []jobschema.Fault) {
	for _, s := range secrets(fields, config) {
		id := s.field.ID
		hidden, version := id+writeOnlySuffix, id+writeOnlyVersionSuffix
		switch {
		case given(s.hidden) && given(s.open):
			faults = append(faults, jobschema.Fault{
				Path: s.at(writeOnlySuffix), Rule: "conflict",
				Message: hidden + " is set, and " + id + " is as well", Remedy: "keep one of them",
			})
		case given(s.version) && !has(s.hidden):
			faults = append(faults, jobschema.Fault{
				Path: s.at(writeOnlyVersionSuffix), Rule: "conflict",
				Message: version + " is the version of " + hidden + ", which is not set", Remedy: "set " + hidden + ", or remove it",
			})
		}
	}
	return faults
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
		hidden := id + writeOnlySuffix
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
		list := items(raw)
		if step.Index >= len(list) {
			return tftypes.Value{}
		}
		raw = list[step.Index]
	}
	return raw
}
