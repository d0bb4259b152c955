// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// object gives the attributes of a raw value. A null one has none.
func object(raw tftypes.Value) (map[string]tftypes.Value, error) {
	if raw.Type() == nil || raw.IsNull() || !raw.IsKnown() {
		return map[string]tftypes.Value{}, nil
	}
	var attributes map[string]tftypes.Value
	if err := raw.As(&attributes); err != nil {
		return nil, fmt.Errorf("value of the resource: %w", err)
	}
	return attributes, nil
}

// attribute gives one attribute of a resource's raw value; a nil value where it has none.
func attribute(raw tftypes.Value, name string) tftypes.Value {
	attributes, err := object(raw)
	if err != nil {
		return tftypes.Value{}
	}
	return attributes[name]
}

// with gives raw with some of its attributes set anew.
func with(raw tftypes.Value, changes map[string]tftypes.Value) (tftypes.Value, error) {
	attributes, err := object(raw)
	if err != nil {
		return raw, err
	}
	attributes = maps.Clone(attributes)
	maps.Copy(attributes, changes)
	return tftypes.NewValue(raw.Type(), attributes), nil
}

// fieldValues takes the schema's fields out of a raw value. What is write-only is in the configuration alone. A value that
// comes later is jobschema.Unknown.
func fieldValues(s *jobschema.Schema, raw, config tftypes.Value) (map[string]any, error) {
	return partValues(s.Fields, raw, config)
}

func partValues(fields []jobschema.Field, raw, config tftypes.Value) (map[string]any, error) {
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
		if twin := configured[f.ID+writeOnlySuffix]; f.Secret() && has(twin) {
			v = twin
		}
		if !has(v) || f.Default != nil && f.Applicability != nil && !has(configured[f.ID]) {
			continue // a default is planned whether it applies or not; the schema knows when it does
		}
		if values[f.ID], err = fieldValue(f, v, configured[f.ID]); err != nil {
			return nil, fmt.Errorf("attribute %s: %w", f.ID, err)
		}
	}
	return values, nil
}

// has tells whether there is a value, now or later.
func has(v tftypes.Value) bool { return v.Type() != nil && (!v.IsKnown() || !v.IsNull()) }

// given tells whether there is a value now.
func given(v tftypes.Value) bool { return v.Type() != nil && v.IsKnown() && !v.IsNull() }

// items gives the items of a list; none of what is not known, or no list.
func items(v tftypes.Value) []tftypes.Value {
	var list []tftypes.Value
	if !given(v) || v.As(&list) != nil {
		return nil
	}
	return list
}

func fieldValue(f *jobschema.Field, v, config tftypes.Value) (any, error) {
	switch {
	case !v.IsKnown():
		return jobschema.Unknown, nil
	case v.IsNull():
		return nil, nil
	case f.Type == jobschema.TypeObject:
		return partValues(f.Fields, v, config)
	case f.Type == jobschema.TypeList:
		return listValue(f, v, config)
	}
	return fromTerraform(v)
}

func listValue(f *jobschema.Field, v, config tftypes.Value) (any, error) {
	list, configured := items(v), items(config)
	values := make([]any, len(list))
	for i, item := range list {
		var from tftypes.Value
		if i < len(configured) {
			from = configured[i]
		}
		var err error
		if values[i], err = fieldValue(f.Items, item, from); err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
	}
	return values, nil
}

// completed gives an object with the values that follow from the schema for the fields that have none, but for those that
// hosts show: there it is the host that has none.
func completed(fields []jobschema.Field, raw tftypes.Value) tftypes.Value {
	if !given(raw) {
		return raw
	}
	changes := map[string]tftypes.Value{}
	for i := range fields {
		f := &fields[i]
		v := attribute(raw, f.ID)
		switch {
		case v.Type() == nil || !v.IsKnown():
		case v.IsNull() && f.Observed != "":
		case v.IsNull():
			if value, err := toTerraform(v.Type(), following(f, raw)); err == nil {
				changes[f.ID] = value
			}
		case f.Type == jobschema.TypeObject:
			changes[f.ID] = completed(f.Fields, v)
		case f.Type == jobschema.TypeList && f.Items.Type == jobschema.TypeObject:
			list := items(v)
			objects := make([]tftypes.Value, len(list))
			for j, item := range list {
				objects[j] = completed(f.Items.Fields, item)
			}
			changes[f.ID] = tftypes.NewValue(v.Type(), objects)
		}
	}
	whole, err := with(raw, changes)
	if err != nil {
		return raw
	}
	return whole
}

// following gives what a field has where it is not given; nil for nothing.
func following(f *jobschema.Field, owner tftypes.Value) any {
	if f.Infer != nil {
		if value, ok := f.Infer.Value(text(attribute(owner, f.Infer.From))); ok {
			return value
		}
	}
	return f.Default
}

// applies tells whether a field has a meaning beside the others of its owner, as far as they are known.
func applies(f *jobschema.Field, owner tftypes.Value) bool {
	for id, values := range f.Applicability {
		v := attribute(owner, id)
		var b bool
		beside := text(v)
		if given(v) && v.Type().Is(tftypes.Bool) && v.As(&b) == nil {
			beside = strconv.FormatBool(b)
		}
		if beside != "" && !slices.Contains(values, beside) {
			return false
		}
	}
	return true
}

// unknownFields gives the ids of the values that are not known yet, wholly or in part.
func unknownFields(values map[string]any) []string {
	var ids []string
	for id, v := range values {
		if holdsUnknown(v) {
			ids = append(ids, id)
		}
	}
	return ids
}

func holdsUnknown(v any) bool {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if holdsUnknown(item) {
				return true
			}
		}
	case map[string]any:
		for _, part := range v {
			if holdsUnknown(part) {
				return true
			}
		}
	default:
		return v == jobschema.Unknown
	}
	return false
}

// fromTerraform gives a known single value as a field takes it. Numbers become text, which keeps them exact.
func fromTerraform(v tftypes.Value) (any, error) {
	switch {
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
	}
	return nil, fmt.Errorf("no field is of type %s", v.Type())
}

// toTerraform gives a value as encoding/json reads it, nil for none, as an attribute of a type. What an object does not
// speak of is null.
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
			return tftypes.Value{}, fmt.Errorf("a list is no %s", t)
		}
		items := make([]tftypes.Value, len(x))
		for i, item := range x {
			var err error
			if items[i], err = toTerraform(list.ElementType, item); err != nil {
				return tftypes.Value{}, err
			}
		}
		v = items
	case map[string]any:
		kind, ok := t.(tftypes.Object)
		if !ok {
			return tftypes.Value{}, fmt.Errorf("an object is no %s", t)
		}
		parts := make(map[string]tftypes.Value, len(kind.AttributeTypes))
		for name, part := range kind.AttributeTypes {
			var err error
			if parts[name], err = toTerraform(part, x[name]); err != nil {
				return tftypes.Value{}, fmt.Errorf("%s: %w", name, err)
			}
		}
		v = parts
	}
	if err := tftypes.ValidateValue(t, v); err != nil {
		return tftypes.Value{}, err
	}
	return tftypes.NewValue(t, v), nil
}
