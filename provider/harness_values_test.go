// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

func (h *harness) get(r resource, name string) any {
	h.t.Helper()
	return plain(h.attributes(r.value)[name])
}

func (h *harness) attributes(v tftypes.Value) map[string]tftypes.Value {
	h.t.Helper()
	var m map[string]tftypes.Value
	if !v.IsNull() {
		if err := v.As(&m); err != nil {
			h.t.Fatal(err)
		}
	}
	return m
}

func (h *harness) encode(v tftypes.Value) *tfprotov6.DynamicValue {
	h.t.Helper()
	d, err := tfprotov6.NewDynamicValue(v.Type(), v)
	if err != nil {
		h.t.Fatal(err)
	}
	return &d
}

func (h *harness) decode(d *tfprotov6.DynamicValue) tftypes.Value {
	h.t.Helper()
	v, err := d.Unmarshal(h.kind)
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

func (h *harness) dynamic(t tftypes.Type, config attrs) *tfprotov6.DynamicValue {
	h.t.Helper()
	return h.encode(h.value(t, config))
}

// value returns a Terraform value. Attributes that an object does not have are null.
func (h *harness) value(t tftypes.Type, v any) tftypes.Value {
	h.t.Helper()
	switch x := v.(type) {
	case nil:
		return tftypes.NewValue(t, nil)
	case unknown:
		return tftypes.NewValue(t, tftypes.UnknownValue)
	case tftypes.Value:
		return x
	case int:
		return tftypes.NewValue(t, big.NewFloat(float64(x)))
	case []any:
		var element tftypes.Type
		switch kind := t.(type) {
		case tftypes.List:
			element = kind.ElementType
		case tftypes.Set:
			element = kind.ElementType
		}
		items := make([]tftypes.Value, len(x))
		for i, item := range x {
			items[i] = h.value(element, item)
		}
		return tftypes.NewValue(t, items)
	case attrs:
		parts := map[string]tftypes.Value{}
		switch kind := t.(type) {
		case tftypes.Object:
			for name, part := range kind.AttributeTypes {
				parts[name] = h.value(part, x[name])
			}
			for name := range x {
				if kind.AttributeTypes[name] == nil {
					h.t.Fatalf("the schema has no attribute %s", name)
				}
			}
		case tftypes.Map:
			for name, part := range x {
				parts[name] = h.value(kind.ElementType, part)
			}
		}
		return tftypes.NewValue(t, parts)
	}
	return tftypes.NewValue(t, v)
}

// proposedObject returns the proposed new state: the configuration, with the prior values of computed attributes.
func proposedObject(attributes []*tfprotov6.SchemaAttribute, prior, config tftypes.Value) tftypes.Value {
	if config.IsNull() || !config.IsKnown() {
		return config
	}
	var before, wanted map[string]tftypes.Value
	_ = config.As(&wanted)
	if known(prior) {
		_ = prior.As(&before)
	}
	after := maps.Clone(wanted) // wanted shares its map with the value
	for _, a := range attributes {
		switch v, was := after[a.Name], before[a.Name]; {
		case v.IsKnown() && v.IsNull() && a.Computed && before != nil:
			after[a.Name] = was
		case !known(v) || a.NestedType == nil:
		case a.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeSingle:
			after[a.Name] = proposedObject(a.NestedType.Attributes, was, v)
		case a.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeList:
			var items, old []tftypes.Value
			_ = v.As(&items)
			if known(was) {
				_ = was.As(&old)
			}
			proposed := make([]tftypes.Value, len(items))
			for i, item := range items {
				var match tftypes.Value
				if i < len(old) {
					match = old[i]
				}
				proposed[i] = proposedObject(a.NestedType.Attributes, match, item)
			}
			after[a.Name] = tftypes.NewValue(v.Type(), proposed)
		}
	}
	return tftypes.NewValue(config.Type(), after)
}

func known(v tftypes.Value) bool { return v.Type() != nil && v.IsKnown() && !v.IsNull() }

// writeOnlyIsNull requires write-only attributes to be null, as Terraform does.
func (h *harness) writeOnlyIsNull(where string, v tftypes.Value) {
	h.t.Helper()
	_ = tftypes.Walk(v, func(at *tftypes.AttributePath, v tftypes.Value) (bool, error) {
		if name, ok := at.LastStep().(tftypes.AttributeName); ok && strings.HasSuffix(string(name), "_wo") && !v.IsNull() {
			h.t.Errorf("%s contains the write-only value %s", where, at)
		}
		return v.IsKnown(), nil
	})
}

func plain(v tftypes.Value) any {
	if v.Type() == nil || v.IsNull() {
		return nil
	}
	if !v.IsKnown() {
		return unknown{}
	}
	switch {
	case v.Type().Is(tftypes.String):
		var s string
		_ = v.As(&s)
		return s
	case v.Type().Is(tftypes.Bool):
		var b bool
		_ = v.As(&b)
		return b
	case v.Type().Is(tftypes.Number):
		var n big.Float
		_ = v.As(&n)
		if i, accuracy := n.Int64(); accuracy == big.Exact {
			return int(i)
		}
		return n.Text('g', -1)
	case v.Type().Is(tftypes.Object{}), v.Type().Is(tftypes.Map{}):
		var parts map[string]tftypes.Value
		_ = v.As(&parts)
		object := attrs{}
		for name, part := range parts {
			object[name] = plain(part)
		}
		return object
	}
	var list []tftypes.Value
	if v.As(&list) != nil {
		return v.String()
	}
	items := make([]any, len(list))
	for i, item := range list {
		items[i] = plain(item)
	}
	return items
}

func hasError(diags []*tfprotov6.Diagnostic) bool {
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			return true
		}
	}
	return false
}

func attributeOf(at *tftypes.AttributePath) string {
	if at == nil {
		return ""
	}
	parts := []string{}
	for _, step := range at.Steps() {
		parts = append(parts, fmt.Sprint(step))
	}
	for i, step := range at.Steps() {
		switch s := step.(type) {
		case tftypes.AttributeName:
			parts[i] = string(s)
		case tftypes.ElementKeyString:
			parts[i] = string(s)
		case tftypes.ElementKeyInt:
			parts[i] = fmt.Sprint(int(s))
		}
	}
	return strings.Join(parts, ".")
}

func render(diags []*tfprotov6.Diagnostic) string {
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&b, "%s [%s] %s\n%s\n\n", d.Severity, attributeOf(d.Attribute), d.Summary, d.Detail)
	}
	return b.String()
}

// mustHave requires attributes to have values. In objects, an attribute that is null is like one that is left out.
func (h *harness) mustHave(r resource, want attrs) {
	h.t.Helper()
	for name, value := range want {
		if got := h.get(r, name); !reflect.DeepEqual(withoutNulls(got), withoutNulls(value)) {
			h.t.Errorf("%s is %#v, want %#v", name, got, value)
		}
	}
}

func withoutNulls(v any) any {
	switch v := v.(type) {
	case attrs:
		kept := attrs{}
		for name, x := range v {
			if x != nil {
				kept[name] = withoutNulls(x)
			}
		}
		return kept
	case []any:
		kept := make([]any, len(v))
		for i, x := range v {
			kept[i] = withoutNulls(x)
		}
		return kept
	}
	return v
}

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }

// number returns a number as Terraform reads it from a configuration: as an exact decimal.
func (h *harness) number(text string) *big.Float {
	h.t.Helper()
	n, _, err := big.ParseFloat(text, 10, 512, big.ToNearestEven)
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// stateFile returns the attributes of a resource as Terraform writes them to its state.
func (h *harness) stateFile(r resource) string {
	h.t.Helper()
	text, err := json.Marshal(asJSON(r.value))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

func asJSON(v tftypes.Value) any {
	var parts map[string]tftypes.Value
	var items []tftypes.Value
	switch {
	case v.IsNull():
		return nil
	case v.Type().Is(tftypes.Number):
		var n big.Float
		_ = v.As(&n)
		return json.Number(n.Text('f', -1))
	case v.Type().Is(tftypes.Object{}):
		_ = v.As(&parts)
		object := map[string]any{}
		for name, part := range parts {
			object[name] = asJSON(part)
		}
		return object
	case v.As(&items) == nil:
		list := []any{}
		for _, item := range items {
			list = append(list, asJSON(item))
		}
		return list
	}
	return plain(v)
}

// mustChange applies a configuration in place and requires that it runs a job, or none.
func (h *harness) mustChange(prior resource, config attrs, job bool) resource {
	h.t.Helper()
	p := h.plan(prior, config)
	h.mustSucceed("plan", p.diags)
	if len(p.replace) > 0 {
		h.t.Errorf("replaced because of %v", p.replace)
	}
	jobs := strings.Count(h.log.String(), "[1/")
	changed, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	if ran := strings.Count(h.log.String(), "[1/") > jobs; ran != job {
		h.t.Errorf("a job ran: %v", ran)
	}
	return changed
}

// object returns a resource with some attributes changed.
func (h *harness) object(r resource, changes attrs) resource {
	h.t.Helper()
	attributes := maps.Clone(h.attributes(r.value))
	kind := h.kind.(tftypes.Object)
	for name, value := range changes {
		attributes[name] = h.value(kind.AttributeTypes[name], value)
	}
	return resource{value: tftypes.NewValue(h.kind, attributes), private: r.private}
}

// upgrade upgrades a state, which Terraform requests even if it has the current version.
func (h *harness) upgrade(version int64, state string) (resource, []*tfprotov6.Diagnostic) {
	h.t.Helper()
	resp, err := h.server.UpgradeResourceState(h.ctx, &tfprotov6.UpgradeResourceStateRequest{
		TypeName: "hypervvm", Version: version, RawState: &tfprotov6.RawState{JSON: []byte(state)},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	if hasError(resp.Diagnostics) {
		return h.none(), resp.Diagnostics
	}
	return resource{value: h.decode(resp.UpgradedState)}, resp.Diagnostics
}
