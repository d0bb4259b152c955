// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"slices"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// agentSchema relates the fields of the resource to those that agents know, and to their roles in the guest. Nil knows nothing.
type agentSchema struct {
	schema      *jobschema.Schema
	translation *jobschema.Translation
}

// newAgentSchema returns nil for a schema that agents cannot serve, which is reported elsewhere.
func newAgentSchema(s *jobschema.Schema) *agentSchema {
	if s == nil {
		return nil
	}
	known, err := schemas.Load()
	if err != nil {
		return nil
	}
	translation, err := jobschema.Translate(s, known)
	if err != nil {
		return nil
	}
	return &agentSchema{schema: known, translation: translation}
}

// role returns the role in the guest of a field, by its path without indices. It is empty if the field has none.
func (a *agentSchema) role(path string) string {
	if a == nil {
		return ""
	}
	return a.translation.GuestRole(path)
}

// values returns the values of the fields that agents know, as far as they are known and valid.
func (a *agentSchema) values(values map[string]any) map[string]any {
	if a == nil {
		return nil
	}
	return a.translation.Partial(values).Map()
}

// setsUpGuest reports whether a definition has settings that are applied in the guest. values are those of fields that agents know.
func (a *agentSchema) setsUpGuest(values map[string]any) bool {
	if a == nil || values["guest_setup"] == "none" {
		return false
	}
	return slices.ContainsFunc(a.schema.Fields, func(f jobschema.Field) bool {
		v := values[f.ID]
		if f.Guest != "" {
			return f.Guest != roleSetup && !f.Equal(v, nil)
		}
		list, _ := v.([]any)
		return f.Items != nil && slices.ContainsFunc(list, func(item any) bool {
			object, _ := item.(map[string]any)
			return slices.ContainsFunc(f.Items.Fields, func(part jobschema.Field) bool { return part.Guest != "" && !part.Equal(object[part.ID], nil) })
		})
	})
}
