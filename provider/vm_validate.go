// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"context"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// ValidateConfig validates the configuration against the schema: each value, and the rules between values. It contacts no
// host. Unknown values are accepted unless every possible value would be invalid.
func (r *vmResource) ValidateConfig(_ context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	if r.schema == nil {
		return
	}
	values, err := fieldValues(r.schema, req.Config.Raw, req.Config.Raw)
	if err != nil {
		resp.Diagnostics.AddError("Unable to read the configuration", sentence(err))
		return
	}
	faults := append(writeOnlyConflicts(r.schema.Fields, req.Config.Raw), emptyTexts(r.schema.Fields, req.Config.Raw)...)
	faults = append(faults, timeoutFaults(req.Config.Raw)...)
	faults = append(faults, guestChangeFaults(req.Config.Raw)...)
	faults = append(faults, r.schema.ForExisting().ValidatePartial(values)...)
	addFaults(&resp.Diagnostics, reportOnSuppliedForm(faults, req.Config.Raw))
	warnOfShortSecrets(&resp.Diagnostics, r.schema.Fields, req.Config.Raw)
}

// shortSecret is the number of characters from which a secret is found within words: see package redact.
const shortSecret = 4

// warnOfShortSecrets adds a warning for each secret that is too short to be replaced reliably in messages and logs.
func warnOfShortSecrets(diags *diag.Diagnostics, fields []jobschema.Field, config tftypes.Value) {
	for _, s := range secrets(fields, config) {
		for suffix, v := range map[string]tftypes.Value{"": s.plain, writeOnlySuffix: s.writeOnly} {
			if !isKnownValue(v) || !v.Type().Is(tftypes.String) {
				continue
			}
			if n := utf8.RuneCountInString(stringOf(v)); n == 0 || n >= shortSecret {
				continue
			}
			at := s.formPath(suffix)
			diags.AddAttributeWarning(attributePath(at), "Short secret",
				at.String()+" has fewer than 4 characters. Messages and logs hide it only where it is a whole word. Use a longer secret.")
		}
	}
}

// emptyTexts returns the faults of optional texts that are empty although the schema sets a minimum length. In a form, an empty text is a
// field that was left out; in a configuration that is null.
func emptyTexts(fields []jobschema.Field, config tftypes.Value) (faults []jobschema.Fault) {
	for i := range fields {
		f := &fields[i]
		v := attribute(config, f.ID)
		if f.Required || f.Validations.MinLength == nil || *f.Validations.MinLength == 0 || !isKnownValue(v) || !v.Type().Is(tftypes.String) || stringOf(v) != "" {
			continue
		}
		faults = append(faults, jobschema.Fault{
			Path: jobschema.Path{{Field: f.ID}}, Rule: "min_length", Message: f.ID + " is empty", Remedy: "set it, or leave it out",
		})
	}
	return faults
}
