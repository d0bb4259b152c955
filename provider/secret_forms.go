// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// A secret x can be set as x, or as the write-only attribute x_wo, which Terraform stores nowhere. A change of x_wo_version
// signals that x_wo has another value.
const (
	writeOnlySuffix        = "_wo"
	writeOnlyVersionSuffix = "_wo_version"
)

// secretForms holds the three attributes of one secret in a raw value.
type secretForms struct {
	field *jobschema.Field
	owner jobschema.Path // path of the object that the secret belongs to; empty for the resource

	plain, writeOnly, version tftypes.Value
}

// path returns the path of the secret.
func (s secretForms) path() jobschema.Path { return s.formPath("") }

// formPath returns the path of the attribute with a suffix.
func (s secretForms) formPath(suffix string) jobschema.Path {
	return append(slices.Clone(s.owner), jobschema.Step{Field: s.field.ID + suffix})
}

// secrets returns the forms of every secret in a raw value, including those in objects and lists.
func secrets(fields []jobschema.Field, raw tftypes.Value) []secretForms {
	return secretsAt(fields, raw, nil)
}

func secretsAt(fields []jobschema.Field, raw tftypes.Value, owner jobschema.Path) (found []secretForms) {
	if !isKnownValue(raw) {
		return nil
	}
	for i := range fields {
		f := &fields[i]
		here := append(slices.Clone(owner), jobschema.Step{Field: f.ID})
		switch {
		case f.Secret():
			found = append(found, secretForms{
				field: f, owner: owner, plain: attribute(raw, f.ID),
				writeOnly: attribute(raw, f.ID+writeOnlySuffix),
				version:   attribute(raw, f.ID+writeOnlyVersionSuffix),
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

// writeOnlyConflicts returns the conflicts between the forms of a secret, which are outside the schema. An unknown form is
// no conflict: it may turn out to be null.
func writeOnlyConflicts(fields []jobschema.Field, config tftypes.Value) (faults []jobschema.Fault) {
	for _, s := range secrets(fields, config) {
		id := s.field.ID
		writeOnly, version := id+writeOnlySuffix, id+writeOnlyVersionSuffix
		switch {
		case isKnownValue(s.writeOnly) && isKnownValue(s.plain):
			faults = append(faults, jobschema.Fault{
				Path: s.formPath(writeOnlySuffix), Rule: "conflict",
				Message: writeOnly + " conflicts with " + id, Remedy: "set only one of them",
			})
		case isKnownValue(s.version) && !isSet(s.writeOnly):
			faults = append(faults, jobschema.Fault{
				Path: s.formPath(writeOnlyVersionSuffix), Rule: "conflict",
				Message: version + " requires " + writeOnly + ", which is not set", Remedy: "set " + writeOnly + ", or remove " + version,
			})
		}
	}
	return faults
}

// reportOnSuppliedForm moves the faults of a secret to the form that the configuration sets.
func reportOnSuppliedForm(faults []jobschema.Fault, config tftypes.Value) []jobschema.Fault {
	for i := range faults {
		f := &faults[i]
		if len(f.Path) == 0 {
			continue
		}
		last := len(f.Path) - 1
		id := f.Path[last].Field
		writeOnly := id + writeOnlySuffix
		if id == "" || !isSet(attribute(valueAt(config, f.Path[:last]), writeOnly)) {
			continue
		}
		before := f.Path.String()
		f.Path = append(slices.Clone(f.Path[:last]), jobschema.Step{Field: writeOnly})
		if rest, ok := strings.CutPrefix(f.Message, before+" "); ok {
			f.Message = f.Path.String() + " " + rest
		}
		if rest, ok := strings.CutPrefix(f.Remedy, "set "+before); ok {
			f.Remedy = "set " + f.Path.String() + rest
		}
	}
	return faults
}

// valueAt returns the part of a raw value at a path, or the zero value if there is none.
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
