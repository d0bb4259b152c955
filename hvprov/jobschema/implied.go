// SPDX-License-Identifier: MPL-2.0

package jobschema

import "slices"

// Applies reports whether the field applies, given the values of the fields of the same object, or of the schema, by id. A field
// applies unless a value on which it depends is known and not allowed.
func (f *Field) Applies(values map[string]any) bool {
	other, _ := f.inapplicable(values)
	return other == ""
}

// inapplicable returns the id of the field, the first by id, whose value makes f inapplicable, and the values that would not. The id
// is empty if f applies.
func (f *Field) inapplicable(values map[string]any) (other string, allowed []string) {
	for id, list := range f.Applicability {
		v := values[id]
		if v == nil || v == Unknown || v == "" || slices.Contains(list, applicabilityText(v)) {
			continue
		}
		if other == "" || id < other {
			other, allowed = id, list
		}
	}
	return other, allowed
}

// applicabilityText returns a value in the form of Applicability.
func applicabilityText(v any) string {
	switch v {
	case true:
		return "true"
	case false:
		return "false"
	}
	s, _ := v.(string)
	return s
}

// implied returns the value of a field that is not set: the value inferred from values, which are those of the fields of the same
// object, or the default; nil if there is neither. It ignores applicability.
func (f *Field) implied(values map[string]any) any {
	if f.Infer != nil {
		if from, ok := values[f.Infer.From].(string); ok {
			if value, ok := f.Infer.Value(from); ok {
				return value
			}
		}
	}
	return f.Default
}

// Complete returns a copy of values in which each field that is absent or nil has its inferred or default value, at any depth,
// whether or not it applies. Observed fields are left as they are: in the values of a virtual machine, an observed field without a
// value means that the host has none. Values of ids that the schema does not have are kept.
func (s *Schema) Complete(values map[string]any) map[string]any {
	completed := cloneObject(values)
	complete(completed, s.Fields, func(f *Field, set, _ bool) bool { return !set && f.Observed == "" })
	return completed
}

// complete sets the fields for which wanted reports true to their implied values. set is whether the field has a value other than
// nil, present whether values contains it.
func complete(values map[string]any, fields []Field, wanted func(f *Field, set, present bool) bool) {
	for i := range fields {
		f := &fields[i]
		v, present := values[f.ID]
		if wanted(f, v != nil, present) {
			if v := f.implied(values); v != nil {
				values[f.ID] = v
			}
			continue
		}
		switch v := v.(type) {
		case map[string]any:
			if f.Type == TypeObject {
				complete(v, f.Fields, wanted)
			}
		case []any:
			if f.Type != TypeList {
				continue
			}
			for _, item := range v {
				if object, ok := item.(map[string]any); ok {
					complete(object, f.Items.Fields, wanted)
				}
			}
		}
	}
}
