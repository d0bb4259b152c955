// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// jobInputs reads the data source.
func (h *harness) jobInputs() attrs {
	h.t.Helper()
	kind := h.schema.DataSourceSchemas["hypervvm_job_inputs"].ValueType()
	config := h.dynamic(kind, attrs{})
	valid, err := h.server.ValidateDataResourceConfig(h.ctx, &tfprotov6.ValidateDataResourceConfigRequest{TypeName: "hypervvm_job_inputs", Config: config})
	if err != nil {
		h.t.Fatal(err)
	}
	h.mustSucceed("validate", valid.Diagnostics)
	resp, err := h.server.ReadDataSource(h.ctx, &tfprotov6.ReadDataSourceRequest{TypeName: "hypervvm_job_inputs", Config: config})
	if err != nil {
		h.t.Fatal(err)
	}
	h.mustSucceed("read", resp.Diagnostics)
	v, err := resp.State.Unmarshal(kind)
	if err != nil {
		h.t.Fatal(err)
	}
	if !v.IsFullyKnown() {
		h.t.Error("the result is not fully known")
	}
	return plain(v).(attrs)
}

// fieldAt finds a field by its path.
func fieldAt(t *testing.T, inputs attrs, path string) attrs {
	t.Helper()
	for _, f := range inputs["fields"].([]any) {
		if f.(attrs)["path"] == path {
			return f.(attrs)
		}
	}
	t.Fatalf("no field %s", path)
	return nil
}

func TestJobInputsReturnsTheCompleteSchema(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*jobschema.Schema{
		"default": loadSchema(t), "example": labSchema(t), "with an object": schemaOf(t, backupText),
		"with migrations": schemaOf(t, thirdText), "with secrets in lists": schemaOf(t, secretsText),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inputs := newHarnessWith(t, s).jobInputs()
			if inputs["id"] != s.ID || inputs["version"] != s.Version || inputs["name"] != s.Name || inputs["description"] != s.Description {
				t.Errorf("got %v version %v, %v: %v", inputs["id"], inputs["version"], inputs["name"], inputs["description"])
			}
			loaded, err := jobschema.Load("job-inputs.json", []byte(inputs["json"].(string)))
			if err != nil {
				t.Fatalf("json is not a valid schema: %v", err)
			}
			was, _ := json.Marshal(s)
			is, err := json.Marshal(loaded)
			if err != nil || string(was) != string(is) {
				t.Errorf("json is another schema (%v): got\n%s\nwant\n%s", err, is, was)
			}
			if err := loaded.CheckCompatible(s); err != nil {
				t.Errorf("the schema is not compatible: %v", err)
			}
			for i := range s.Fields {
				f := &s.Fields[i]
				got := fieldAt(t, inputs, f.ID)
				if got["type"] != string(f.Type) || got["required"] != f.Required || got["secret"] != f.Secret() || got["change"] != string(f.Change) {
					t.Errorf("%s is %v", f.ID, got)
				}
			}
			if len(inputs["parameter_sets"].([]any)) != len(s.ParameterSets) {
				t.Errorf("parameter sets: %v", inputs["parameter_sets"])
			}
		})
	}
}

func TestJobInputsDescribesFieldsAndParameterSets(t *testing.T) {
	t.Parallel()
	inputs := newHarnessWith(t, labSchema(t)).jobInputs()
	for path, want := range map[string]attrs{
		"name":              {"label": "Name", "hint": "web-01", "required": true, "secret": false, "default": nil, "one_of": nil, "observed": "name", "item_type": nil, "deprecated": nil},
		"os":                {"type": "enum", "one_of": []any{"linux", "windows"}},
		"memory":            {"default": "2", "change": "power_cycle", "observed": "memory_gb", "required": false},
		"admin_password":    {"type": "secret", "secret": true, "required": true},
		"services":          {"type": "list", "item_type": "object", "change": "in_place"},
		"services.name":     {"type": "string", "required": true, "change": nil},
		"services.protocol": {"type": "enum", "default": "tcp", "one_of": []any{"tcp", "udp"}},
		"tags":              {"type": "list", "item_type": "string"},
	} {
		got := fieldAt(t, inputs, path)
		for key, value := range want {
			if !equal(got[key], value) {
				t.Errorf("%s of %s is %#v, want %#v", key, path, got[key], value)
			}
		}
	}
	sets := inputs["parameter_sets"].([]any)
	static, together := sets[0].(attrs), sets[1].(attrs)
	if static["id"] != "static_address" || static["label"] != "Static address" {
		t.Errorf("the first set is %v", static)
	}
	variants := static["variants"].([]any)
	if v := variants[1].(attrs); v["id"] != "address_with_dns" || !equal(v["required"], []any{"address", "prefix", "gateway", "dns"}) || !equal(v["optional"], []any{}) {
		t.Errorf("the second variant is %v", v)
	}
	if v := together["variants"].([]any); len(v) != 1 || !equal(v[0].(attrs)["required"], []any{"cost_center", "owner"}) {
		t.Errorf("the variants of the second set are %v", v)
	}
}

func TestJobInputsNeedsNoHost(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]attrs{
		"unknown settings":  {"host": attrs{"address": unknown{}, "username": "u", "password": unknown{}}},
		"unreachable host":  {"host": attrs{"address": "192.0.2.1", "username": "u", "password": "p"}},
		"unknown simulator": {"simulator": attrs{"state_file": unknown{}}},
		"unknown hosts":     {"hosts": unknown{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			h.mustSucceed("configure", h.configure(config))
			if got := h.jobInputs()["id"]; got != "vm-provisioning" {
				t.Errorf("id is %v", got)
			}
		})
	}
}

func TestDescriptionsOfAttributesAreComplete(t *testing.T) {
	t.Parallel()
	s := schemaOf(t, labText("1", `
  - {id: ram, type: integer, label: Memory, deprecated: use gb_ram instead, change: in_place}
  - {id: flag, type: boolean, default: true, deprecated: it does nothing, change: in_place}
  - {id: key, type: secret, deprecated: use a vault, change: in_place}
  - id: size
    label: Size (GiB)
    description: How large it is
    type: integer
    default: 4
    hint: '8'
    validations: {minimum: 1, maximum: 64}
    applicability: {flag: ['true']}
    change: power_cycle
  - {id: data, type: list, items: {type: object, fields: [{id: old, type: string, deprecated: use new}, {id: new, type: string, label: New, required: true}]}, change: in_place}
`, ""))
	h := newHarnessWith(t, s)
	attributes := map[string]*tfprotov6.SchemaAttribute{}
	var collect func(at string, list []*tfprotov6.SchemaAttribute)
	collect = func(at string, list []*tfprotov6.SchemaAttribute) {
		for _, a := range list {
			attributes[at+a.Name] = a
			if a.NestedType != nil {
				collect(at+a.Name+".", a.NestedType.Attributes)
			}
		}
	}
	collect("", h.schema.ResourceSchemas["hypervvm"].Block.Attributes)

	size := attributes["size"].Description
	for _, text := range []string{
		"Size (GiB)", "How large it is.", "Defaults to `4`.", "between 1 and 64", "Example: `8`", "Applies only when `flag` is `true`",
		"Changes require a power cycle.",
	} {
		if !strings.Contains(size, text) {
			t.Errorf("%q is not in %q", text, size)
		}
	}
	var deprecated []string
	for name, a := range attributes {
		if a.Deprecated {
			deprecated = append(deprecated, name)
		}
	}
	slices.Sort(deprecated)
	if got := strings.Join(deprecated, " "); got != "data.old flag key key_wo key_wo_version ram" {
		t.Errorf("deprecated attributes: got %s", got)
	}
	if text := attributes["ram"].Description; !strings.HasPrefix(text, "**Deprecated:** use gb_ram instead.") {
		t.Errorf("the description of ram is %q", text)
	}
	for name, text := range map[string]string{
		"data.new": "Required.", "guest_la_pw": "Required to create a virtual machine, unless `guest_la_pw_wo` is set.", "guest_la_pw_wo": "1.11", "guest_la_pw_wo_version": "`guest_la_pw_wo`",
	} {
		if !strings.Contains(attributes[name].Description, text) {
			t.Errorf("%q is not in the description of %s: %q", text, name, attributes[name].Description)
		}
	}
	for name, a := range attributes {
		secret := name == "key" || name == "key_wo" || strings.HasPrefix(name, "guest_la_pw") && !strings.HasSuffix(name, "_version")
		if a.Sensitive != secret || a.WriteOnly != strings.HasSuffix(name, "_wo") {
			t.Errorf("%s: sensitive %v, write-only %v", name, a.Sensitive, a.WriteOnly)
		}
	}

	h.mustWarn(h.validate(minimal("web-01").with(attrs{"ram": 4})), "ram", "use gb_ram instead")
	h.mustWarn(h.validate(minimal("web-01").with(attrs{"data": []any{attrs{"old": "a", "new": "b"}}})), "data.0.old", "use new")
	if diags := h.validate(minimal("web-01")); len(diags) > 0 {
		t.Errorf("warning without use of a deprecated attribute: %s", render(diags))
	}
}
