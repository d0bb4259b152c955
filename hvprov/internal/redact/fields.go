// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// Fields gives a copy of a job's values that can be shown: whatever the schema calls secret is [Mask], at any depth. So is
// everything that the schema does not know: a field without an entry, an object or a list where it has neither, a value of a kind
// that fields do not have. A nil schema knows nothing. What is nil stays so.
//
// A secret that somebody wrote into a field that is none is not found by this, but by a [Redactor].
func Fields(schema *jobschema.Schema, values map[string]any) map[string]any {
	if values == nil {
		return nil
	}
	clean := make(map[string]any, len(values))
	for id, v := range values {
		var field *jobschema.Field
		if schema != nil {
			field, _ = schema.Field(id)
		}
		clean[id] = masked(field, v)
	}
	return clean
}

func masked(field *jobschema.Field, v any) any {
	if v == nil {
		return nil
	}
	if field == nil || field.Secret() {
		return Mask
	}
	switch v := v.(type) {
	case []any:
		return maskedList(field, v)
	case []string:
		return maskedList(field, v)
	case []map[string]any:
		return maskedList(field, v)
	case map[string]any:
		return maskedObject(field, v)
	case job.Fields:
		return maskedObject(field, v.Map())
	case string, bool, int, int64, float64:
		if field.Type == jobschema.TypeList || field.Type == jobschema.TypeObject {
			return Mask
		}
		return v
	}
	return Mask
}

func maskedList[T any](field *jobschema.Field, items []T) any {
	if field.Type != jobschema.TypeList {
		return Mask
	}
	clean := make([]any, len(items))
	for i, item := range items {
		clean[i] = masked(field.Items, item)
	}
	return clean
}

func maskedObject(field *jobschema.Field, values map[string]any) any {
	if field.Type != jobschema.TypeObject {
		return Mask
	}
	clean := make(map[string]any, len(values))
	for id, v := range values {
		clean[id] = masked(part(field.Fields, id), v)
	}
	return clean
}

func part(fields []jobschema.Field, id string) *jobschema.Field {
	for i := range fields {
		if fields[i].ID == id {
			return &fields[i]
		}
	}
	return nil
}
