// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// object returns the attributes of a raw object. A null or unknown object has none.
func object(raw tftypes.Value) (map[string]tftypes.Value, error) {
	if !isKnownValue(raw) {
		return map[string]tftypes.Value{}, nil
	}
	var attributes map[string]tftypes.Value
	if err := raw.As(&attributes); err != nil {
		return nil, fmt.Errorf("value of the resource: %w", err)
	}
	return attributes, nil
}

// attribute returns an attribute of a raw object, or the zero value if there is none.
func attribute(raw tftypes.Value, name string) tftypes.Value {
	attributes, err := object(raw)
	if err != nil {
		return tftypes.Value{}
	}
	return attributes[name]
}

// withAttributes returns a copy of a raw object with some attributes changed.
func withAttributes(raw tftypes.Value, changes map[string]tftypes.Value) (tftypes.Value, error) {
	attributes, err := object(raw)
	if err != nil {
		return raw, err
	}
	attributes = maps.Clone(attributes)
	maps.Copy(attributes, changes)
	return tftypes.NewValue(raw.Type(), attributes), nil
}

// items returns the items of a list, or nil if the value is not a known list.
func items(v tftypes.Value) []tftypes.Value {
	var list []tftypes.Value
	if !isKnownValue(v) || v.As(&list) != nil {
		return nil
	}
	return list
}

// stringOf returns a known string, or an empty string.
func stringOf(v tftypes.Value) string {
	var s string
	if !isKnownValue(v) || v.As(&s) != nil {
		return ""
	}
	return s
}

// isSet reports whether there is a value, known or unknown.
func isSet(v tftypes.Value) bool { return v.Type() != nil && (!v.IsKnown() || !v.IsNull()) }

// isKnownValue reports whether there is a value that is known.
func isKnownValue(v tftypes.Value) bool { return v.Type() != nil && v.IsKnown() && !v.IsNull() }

// fieldValues returns the values of the schema's fields from a plan or a configuration. Write-only values are taken from
// the configuration, which alone has them. An unknown value is [jobschema.Unknown].
func fieldValues(s *jobschema.Schema, raw, config tftypes.Value) (map[string]any, error) {
	return objectValues(s.Fields, raw, config)
}

func objectValues(fields []jobschema.Field, raw, config tftypes.Value) (map[string]any, error) {
	attributes, err := object(raw)
	if err != nil {
		return nil, err
	}
	configured, err := object(config)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	for i := range fields {
		f := &fields[i]
		v := attributes[f.ID]
		if writeOnly := configured[f.ID+writeOnlySuffix]; f.Secret() && isSet(writeOnly) {
			v = writeOnly
		}
		if !isSet(v) || f.Default != nil && f.Applicability != nil && !isSet(configured[f.ID]) {
			continue // a default is planned even if the field does not apply; the schema decides
		}
		value, err := fieldValue(f, v, configured[f.ID])
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", f.ID, err)
		}
		if keepsObserved(f) && !isSet(configured[f.ID]) && !isKept(f, value) {
			continue
		}
		values[f.ID] = value
	}
	return values, nil
}

// isKept reports whether a job is given a value that the configuration omits, so that it stays as it is. That is only so for lists, whose
// items the agent records. Other values are not part of the job, nor are those that the schema does not allow: others have set them.
func isKept(f *jobschema.Field, value any) bool {
	list, _ := value.([]any)
	if len(list) == 0 {
		return false
	}
	_, fault := f.Check(value)
	return fault == nil
}

func fieldValue(f *jobschema.Field, v, config tftypes.Value) (any, error) {
	switch {
	case !isKnownValue(v):
		return fromTerraform(v)
	case f.Type == jobschema.TypeObject:
		return objectValues(f.Fields, v, config)
	case f.Type == jobschema.TypeList && f.Items.Type == jobschema.TypeObject:
		list, configured := items(v), items(config)
		values := make([]any, len(list))
		for i, item := range list {
			var itemConfig tftypes.Value
			if i < len(configured) {
				itemConfig = configured[i]
			}
			var err error
			if values[i], err = fieldValue(f.Items, item, itemConfig); err != nil {
				return nil, fmt.Errorf("item %d: %w", i, err)
			}
		}
		return values, nil
	}
	return fromTerraform(v)
}

// withDefaults fills in defaults and inferred values, except for observed fields, where absence is meaningful.
func withDefaults(s *jobschema.Schema, raw tftypes.Value) tftypes.Value {
	if !isKnownValue(raw) {
		return raw
	}
	values := map[string]any{}
	for i := range s.Fields {
		id := s.Fields[i].ID
		v, err := fromTerraform(attribute(raw, id))
		if err != nil {
			return raw
		}
		values[id] = v
	}
	changes := map[string]tftypes.Value{}
	for id, v := range s.Complete(values) {
		value, err := toTerraform(attribute(raw, id).Type(), v)
		if err != nil {
			return raw
		}
		changes[id] = value
	}
	completed, err := withAttributes(raw, changes)
	if err != nil {
		return raw
	}
	return completed
}

// isApplicable reports whether a field applies, given the values of the object that it belongs to.
func isApplicable(f *jobschema.Field, owner tftypes.Value) bool {
	values := map[string]any{}
	for id := range f.Applicability {
		if v, err := fromTerraform(attribute(owner, id)); err == nil {
			values[id] = v
		}
	}
	return f.Applies(values)
}

// unknownFields returns the IDs of the fields whose values are unknown, wholly or in part.
func unknownFields(values map[string]any) (ids []string) {
	for id, v := range values {
		if hasUnknown(v) {
			ids = append(ids, id)
		}
	}
	return ids
}

func hasUnknown(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, hasUnknown)
	case map[string]any:
		return len(unknownFields(v)) > 0
	}
	return v == jobschema.Unknown
}

// fromTerraform returns a raw value as encoding/json decodes it, with numbers as [json.Number], which keeps them exact. An
// unknown value is [jobschema.Unknown]; a null or absent one is nil.
func fromTerraform(v tftypes.Value) (any, error) {
	switch {
	case !isSet(v):
		return nil, nil
	case !v.IsKnown():
		return jobschema.Unknown, nil
	case v.Type().Is(tftypes.String):
		var s string
		err := v.As(&s)
		return s, err
	case v.Type().Is(tftypes.Bool):
		var b bool
		err := v.As(&b)
		return b, err
	case v.Type().Is(tftypes.Number):
		var n big.Float
		err := v.As(&n)
		return json.Number(n.Text('f', -1)), err
	case v.Type().Is(tftypes.List{}), v.Type().Is(tftypes.Tuple{}): // a function receives a list as a tuple
		list := items(v)
		values := make([]any, len(list))
		for i, item := range list {
			var err error
			if values[i], err = fromTerraform(item); err != nil {
				return nil, fmt.Errorf("item %d: %w", i, err)
			}
		}
		return values, nil
	case v.Type().Is(tftypes.Object{}), v.Type().Is(tftypes.Map{}):
		attributes, err := object(v)
		values := make(map[string]any, len(attributes))
		for name, a := range attributes {
			if values[name], err = fromTerraform(a); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		return values, err
	}
	return nil, fmt.Errorf("type %s is not supported", v.Type())
}

// toTerraform is the inverse of fromTerraform for values of a type. Attributes that an object does not have are null.
func toTerraform(t tftypes.Type, v any) (tftypes.Value, error) {
	switch x := v.(type) {
	case nil:
		return tftypes.NewValue(t, nil), nil
	case json.Number:
		n, _, err := big.ParseFloat(x.String(), 10, 512, big.ToNearestEven)
		if err != nil {
			return tftypes.Value{}, fmt.Errorf("number %q: %w", x, err)
		}
		v = n
	case float64:
		v = decimal(x)
	case []any:
		list, ok := t.(tftypes.List)
		if !ok {
			return tftypes.Value{}, fmt.Errorf("a list is not a value of type %s", t)
		}
		values := make([]tftypes.Value, len(x))
		for i, item := range x {
			var err error
			if values[i], err = toTerraform(list.ElementType, item); err != nil {
				return tftypes.Value{}, err
			}
		}
		v = values
	case map[string]any:
		kind, ok := t.(tftypes.Object)
		if !ok {
			return tftypes.Value{}, fmt.Errorf("an object is not a value of type %s", t)
		}
		values := make(map[string]tftypes.Value, len(kind.AttributeTypes))
		for name, attributeType := range kind.AttributeTypes {
			var err error
			if values[name], err = toTerraform(attributeType, x[name]); err != nil {
				return tftypes.Value{}, fmt.Errorf("%s: %w", name, err)
			}
		}
		v = values
	}
	if err := tftypes.ValidateValue(t, v); err != nil {
		return tftypes.Value{}, err
	}
	return tftypes.NewValue(t, v), nil
}
