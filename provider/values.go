// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// object gives the attributes of a resource's raw value. A null one has none.
func object(raw tftypes.Value) (map[string]tftypes.Value, error) {
	if raw.IsNull() || !raw.IsKnown() {
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

// fieldValues takes the schema's fields out of a raw value: those that have a value, and those whose value comes later.
func fieldValues(s *jobschema.Schema, raw tftypes.Value) (values map[string]any, unknown map[string]bool, err error) {
	attributes, err := object(raw)
	if err != nil {
		return nil, nil, err
	}
	values, unknown = map[string]any{}, map[string]bool{}
	for i := range s.Fields {
		f := &s.Fields[i]
		v, ok := attributes[f.ID]
		switch {
		case !ok || v.IsKnown() && v.IsNull():
		case !v.IsFullyKnown():
			unknown[f.ID] = true
		default:
			if values[f.ID], err = fromTerraform(v); err != nil {
				return nil, nil, fmt.Errorf("attribute %s: %w", f.ID, err)
			}
		}
	}
	return values, unknown, nil
}

// fromTerraform gives a known value that is not null as a field takes it. Numbers become text, which keeps them exact.
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

// toTerraform gives a value, nil for none, as an attribute of a type.
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
		v = big.NewFloat(x)
	}
	if err := tftypes.ValidateValue(t, v); err != nil {
		return tftypes.Value{}, err
	}
	return tftypes.NewValue(t, v), nil
}

// observation is what a host says of a virtual machine, by the names that a schema's `observed` uses.
type observation map[string]any

func observe(vm *job.VM) (observation, error) {
	text, err := json.Marshal(vm)
	if err != nil {
		return nil, err
	}
	var seen observation
	if err := json.Unmarshal(text, &seen); err != nil {
		return nil, err
	}
	// A machine on its way to a state is taken to be there: what is seen is compared with what is wanted.
	switch seen["power_state"] {
	case "starting":
		seen["power_state"] = "running"
	case "stopping":
		seen["power_state"] = "off"
	}
	return seen, nil
}

// of gives what was seen of a field: ok is false where hosts cannot tell. Nothing, an empty text and the number that
// stands for nothing are nil.
func (o observation) of(f *jobschema.Field) (value any, ok bool) {
	if f.Observed == "" {
		return nil, false
	}
	value, ok = o[f.Observed]
	switch x := value.(type) {
	case string:
		if x == "" {
			return nil, ok
		}
	case float64:
		if x == 0 {
			return nil, ok
		}
		if f.Type == jobschema.TypeInteger {
			return math.Floor(x), ok // a fraction is a difference, and an integer can only show it as another one
		}
	}
	return value, ok
}
