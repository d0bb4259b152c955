// SPDX-License-Identifier: MPL-2.0

package schemas_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// schemaFile is the JSON Schema that editors use for schemas of job inputs.
const schemaFile = "job-inputs.schema.json"

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decode reads YAML into the values that JSON would have.
func decode(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v) // fails for values that JSON does not have, such as keys that are not text
	if err != nil {
		t.Fatal(err)
	}
	v, err = jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// places returns the positions of the causes of an error as distinct JSON pointers.
func places(t *testing.T, err error) []string {
	t.Helper()
	var fault *jsonschema.ValidationError
	if !errors.As(err, &fault) {
		t.Fatalf("got %v, want a *jsonschema.ValidationError", err)
	}
	found := map[string]bool{}
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			found["/"+strings.Join(e.InstanceLocation, "/")] = true
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(fault)
	return slices.Sorted(maps.Keys(found))
}

func TestTheJSONSchemaAcceptsTheSchemasOfThisRepository(t *testing.T) {
	t.Parallel()
	s := compile(t)
	for _, file := range []string{"job-inputs.yaml", "../examples/custom-schema/job-inputs.yaml"} {
		data, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Error(err)
			continue
		}
		if err := s.Validate(decode(t, data)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		first, _, _ := strings.Cut(string(data), "\n")
		path, ok := strings.CutPrefix(first, "# yaml-language-server: $schema=")
		if _, err := os.Stat(filepath.Join(filepath.Dir(filepath.FromSlash(file)), filepath.FromSlash(path))); !ok || err != nil {
			t.Errorf("the first line of %s does not name the JSON Schema: %s", file, first)
		}
	}
}

func TestTheJSONSchemaAcceptsValidSchemas(t *testing.T) {
	t.Parallel()
	s := compile(t)
	for _, tt := range []struct{ name, old, with string }{
		{"each key", "", ""},
		{"the smallest schema", full, "id: a\nversion: 1\nfields: [{id: a, type: string}]\n"},
		{"required that is false beside a default", "default: 4\n", "default: 4\n    required: false\n"},
		{"required that is false beside deprecated", "deprecated: Use owner.", "deprecated: Use owner.\n    required: false"},
		{"a number as text, which is exact", "default: 4\n", "default: '4'\n"},
		{"a whole number as default of a number", "default: 0.5", "default: 1"},
		{"validations without a rule", "default: false", "default: false\n    validations: {}"},
		{"inference of a text", "  - id: admin\n", "  - id: admin\n    infer: {from: image, rules: [{pattern: ubuntu, value: ops}]}\n"},
		{"inference from a field with values", "  - id: admin\n", "  - id: admin\n    infer: {from: os, rules: [{pattern: linux, value: ops}]}\n"},
		{"a list of addresses", "items: {type: string, validations: {max_length: 32}}", "items: {type: ipv4}"},
		{"a name within an object that is reserved at the root", "id: mail", "id: host"},
		{"a retyped field with a name for each number", "{from: boolean, values: {'true': dynamic, 'false': fixed}}", "{from: integer, values: {'1': dynamic, '2': fixed}}"},
		{"a group in the short form", "(?P<bits>", "(?<bits>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(full, tt.old) {
				t.Fatalf("the valid schema has no %q", tt.old)
			}
			if err := s.Validate(decode(t, []byte(strings.Replace(full, tt.old, tt.with, 1)))); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheJSONSchemaRefusesInvalidSchemas(t *testing.T) {
	t.Parallel()
	s := compile(t)
	for _, tt := range []struct {
		name, old, with string
		want            string // position of the only error; indices are those of full
	}{
		{"no mapping", full, "[]\n", "/"},
		{"an unknown key", "version: 3\n", "version: 3\nauthor: x\n", "/"},
		{"no id", "id: lab-vm\n", "", "/"},
		{"an id with blanks", "id: lab-vm", "id: lab vm", "/id"},
		{"an id with underscores", "id: lab-vm", "id: lab_vm", "/id"},
		{"no version", "version: 3\n", "", "/"},
		{"a version as text", "version: 3", "version: '3'", "/version"},
		{"version zero", "version: 3", "version: 0", "/version"},
		{"an empty name", "name: Lab machine", "name: ' '", "/name"},
		{"no fields", full, "id: a\nversion: 1\n", "/"},
		{"an empty list of fields", full, "id: a\nversion: 1\nfields: []\n", "/fields"},

		{"a misspelt key of a field", "    required: true", "    requird: true", "/fields/0"},
		{"a field without id", "  - id: weight\n    type", "  - type", "/fields/4"},
		{"a field without type", "    type: hostname\n", "", "/fields/9"},
		{"an unknown type", "  - id: owner\n    type: string", "  - id: owner\n    type: text", "/fields/11/type"},
		{"an id with capitals", "id: owner\n", "id: Owner\n", "/fields/11/id"},
		{"an id with a hyphen", "id: owner\n", "id: the-owner\n", "/fields/11/id"},
		{"an id of Terraform's", "id: owner\n", "id: for_each\n", "/fields/11/id"},
		{"an id of the provider's", "id: owner\n", "id: timeouts\n", "/fields/11/id"},
		{"a hint that is a number", "hint: web-01", "hint: 1", "/fields/0/hint"},
		{"required that is not a boolean", "    required: true", "    required: maybe", "/fields/0/required"},
		{"an unknown change", "change: power_cycle", "change: reboot", "/fields/3/change"},
		{"an unknown property", "observed: memory_gb", "observed: memory", "/fields/3/observed"},
		{"a property of another type", "observed: memory_gb", "observed: notes", "/fields/3/observed"},
		{"a secret that is observed", "type: secret\n", "type: secret\n    observed: notes\n", "/fields/7/observed"},
		{"a list that is observed", "type: list\n", "type: list\n    observed: notes\n", "/fields/18/observed"},
		{"stands_for that is not a valid id", "stands_for: vm_name", "stands_for: VM name", "/fields/0/stands_for"},
		{"stands_for two fields", "stands_for: vm_name", "stands_for: [vm_name, notes]", "/fields/0/stands_for"},

		{"a default of a secret", "type: secret\n    required: true\n", "type: secret\n    default: changeit\n", "/fields/7/default"},
		{"a default of a list", "  - id: tags\n", "  - id: tags\n    default: []\n", "/fields/18/default"},
		{"a default of an object", "type: object\n    required: true\n", "type: object\n    default: x\n", "/fields/20/default"},
		{"a default of another type", "default: 4\n", "default: four\n", "/fields/3/default"},
		{"a default with a fraction", "default: 4\n", "default: 4.5\n", "/fields/3/default"},
		{"a default that is not a boolean", "default: false", "default: 0", "/fields/5/default"},
		{"a default that is not an address", "default: 192.0.2.53", "default: dns.lab.example", "/fields/17/default"},
		{"a default of a required field", "default: 4\n", "default: 4\n    required: true\n", "/fields/3/required"},

		{"a validation of another type", "{minimum: 1, maximum: 64}", "{max_length: 2}", "/fields/3/validations"},
		{"a shortest length of a hostname", "{max_length: 64, ", "{min_length: 4, ", "/fields/9/validations"},
		{"validations of an address", "  - id: gateway\n", "  - id: gateway\n    validations: {pattern: '10\\..+'}\n", "/fields/15/validations"},
		{"validations of an object", "    fields:\n      - {id: mail", "    validations: {min_items: 1}\n    fields:\n      - {id: mail", "/fields/20/validations"},
		{"a length below zero", "min_length: 1,", "min_length: -1,", "/fields/0/validations/min_length"},
		{"a longest length of zero", "max_length: 15,", "max_length: 0,", "/fields/0/validations/max_length"},
		{"a minimum as text", "{minimum: 1, maximum: 64}", "{minimum: '1'}", "/fields/3/validations/minimum"},
		{"a minimum of an integer with a fraction", "{minimum: 1, maximum: 64}", "{minimum: 0.5}", "/fields/3/validations/minimum"},
		{"a description without pattern", "pattern: '[a-z0-9-]+', ", "", "/fields/0/validations"},
		{"an enum without validations", "  - id: owner\n    type: string", "  - id: owner\n    type: enum", "/fields/11"},
		{"an enum without values", "{one_of: [linux, windows]}", "{}", "/fields/2/validations"},
		{"an enum with an empty list", "one_of: [linux, windows]", "one_of: []", "/fields/2/validations/one_of"},
		{"an enum with a value twice", "[linux, windows]", "[linux, linux]", "/fields/2/validations/one_of"},
		{"an enum with a number", "[linux, windows]", "[linux, 7]", "/fields/2/validations/one_of/1"},
		{"a number of items below zero", "min_items: 0", "min_items: -1", "/fields/18/validations/min_items"},

		{"applicability of no field", "{os: [windows], clustered: ['true']}", "{}", "/fields/9/applicability"},
		{"applicability without a list", "{os: [windows], ", "{os: windows, ", "/fields/9/applicability/os"},
		{"applicability with a bare boolean", "clustered: ['true']", "clustered: [true]", "/fields/9/applicability/clustered/0"},

		{"inference of a number", "    type: number\n    default: 0.5\n", "    type: number\n    infer: {from: image, rules: [{pattern: a, value: '1'}]}\n", "/fields/4/infer"},
		{"inference beside a default", "type: enum\n    required: true\n", "type: enum\n    default: linux\n", "/fields/2/default"},
		{"inference from nothing", "      from: image\n", "", "/fields/2/infer"},
		{"inference without rules", "      rules:\n        - {pattern: '(?i)^ubuntu', value: linux}\n        - {pattern: '(?i)^windows', value: windows}\n", "      rules: []\n", "/fields/2/infer/rules"},
		{"a rule of inference without value", "{pattern: '(?i)^ubuntu', value: linux}", "{pattern: '(?i)^ubuntu'}", "/fields/2/infer/rules/0"},
		{"a rule of inference with an unknown key", "value: linux}", "value: linux, else: windows}", "/fields/2/infer/rules/0"},
		{"a deprecated field that is required", "deprecated: Use owner.", "deprecated: Use owner.\n    required: true", "/fields/10/required"},
		{"deprecated that is not text", "deprecated: Use owner.", "deprecated: true", "/fields/10/deprecated"},

		{"a list without items", "    items: {type: string, validations: {max_length: 32}}\n", "", "/fields/18"},
		{"items of a text", "  - id: owner\n", "  - id: owner\n    items: {type: string}\n", "/fields/11/items"},
		{"a list in a list", "items: {type: string, validations: {max_length: 32}}", "items: {type: list}", "/fields/18/items/type"},
		{"an item with an id", "items: {type: string, ", "items: {id: tag, type: string, ", "/fields/18/items"},
		{"an item with a default", "items: {type: string, ", "items: {default: a, type: string, ", "/fields/18/items"},
		{"an item with a validation of another type", "validations: {max_length: 32}}\n", "validations: {maximum: 32}}\n", "/fields/18/items/validations"},
		{"an item without type", "items: {type: string, validations", "items: {validations", "/fields/18/items"},
		{"an item with fields and no object", "items: {type: string, ", "items: {fields: [{id: a, type: string}], type: string, ", "/fields/18/items/fields"},
		{"an enum of items without values", "items: {type: string, validations: {max_length: 32}}", "items: {type: enum}", "/fields/18/items"},
		{"unique_by of scalars", "{min_items: 0, max_items: 8}", "{unique_by: name}", "/fields/18/validations/unique_by"},
		{"unique of objects", "unique_by: label", "unique: true", "/fields/19/validations/unique"},
		{"unique_by two fields", "unique_by: label", "unique_by: [label, size]", "/fields/19/validations/unique_by"},
		{"an object without fields", "    fields:\n      - {id: mail, type: string, required: true}\n      - {id: pin, type: secret}\n", "", "/fields/20"},
		{"an object with an empty list of fields", "\n      - {id: mail, type: string, required: true}\n      - {id: pin, type: secret}\n", " []\n", "/fields/20/fields"},
		{"fields of a text", "  - id: owner\n", "  - id: owner\n    fields: [{id: a, type: string}]\n", "/fields/11/fields"},
		{"a list of secrets", "items: {type: string, validations: {max_length: 32}}", "items: {type: secret}", "/fields/18/items/type"},
		{"an object in an object", "{id: pin, type: secret}", "{id: pin, type: object}", "/fields/20/fields/1/type"},
		{"a list of objects in an object", "items: {type: enum, validations: {one_of: [data, log]}}", "items: {type: object}", "/fields/19/items/fields/4/items/type"},
		{"a change of a nested field", "{id: pin, type: secret}", "{id: pin, type: secret, change: in_place}", "/fields/20/fields/1"},
		{"a nested field that is observed", "{id: pin, type: secret}", "{id: pin, type: string, observed: notes}", "/fields/20/fields/1"},
		{"inference of a nested field", "{id: pin, type: secret}", "{id: pin, type: string, infer: {from: name, rules: [{pattern: a, value: b}]}}", "/fields/20/fields/1"},
		{"a nested id with capitals", "id: mail", "id: eMail", "/fields/20/fields/0/id"},
		{"a default of a nested secret", "{id: pin, type: secret}", "{id: pin, type: secret, default: '1234'}", "/fields/20/fields/1/default"},

		{"an unknown role in the guest", "guest: hostname", "guest: host_name", "/fields/21/guest"},
		{"a role beside stands_for", "guest: hostname", "guest: hostname, stands_for: notes", "/fields/21/stands_for"},
		{"a role of a field in a list that adapters do not have", "guest: ipv4_prefix", "guest: hostname", "/fields/24/items/fields/1/guest"},
		{"cases without a case", "cases: [{when: {os: [windows]}, hint: web-01, validations: {max_length: 15}}]", "cases: []", "/fields/21/cases"},
		{"a case without conditions", "{when: {os: [windows]}, hint", "{hint", "/fields/21/cases/0"},
		{"a case without rules", "hint: web-01, validations: {max_length: 15}", "hint: web-01", "/fields/21/cases/0"},
		{"a case with rules of another type", "validations: {max_length: 15}}]", "validations: {maximum: 15}}]", "/fields/21/cases/0/validations"},
		{"a case of a type without rules", "{id: address6, type: ipv6,", "{id: address6, type: ipv6, cases: [{when: {os: [linux]}, validations: {}}],", "/fields/22/cases"},
		{"a default that is no IP address", "default: '2001:db8::1'", "default: proxy.lab.example", "/fields/23/default"},
		{"parameter sets of a text", "guest: hostname, ", "guest: hostname, parameter_sets: [{id: a, members: [b, c], mode: all-or-none}], ", "/fields/21/parameter_sets"},
		{"a set of an object without mode", "[ip, bits], mode: all-or-none", "[ip, bits]", "/fields/24/items/parameter_sets/0"},

		{"a set without id", "  - id: chargeback\n    label", "  - label", "/parameter_sets/0"},
		{"a set without mode", "    mode: all-or-none\n", "", "/parameter_sets/0"},
		{"a set with an unknown mode", "    mode: all-or-none", "    mode: any", "/parameter_sets/0/mode"},
		{"a set of one member", "[owner, center]", "[owner]", "/parameter_sets/0/members"},
		{"a set with a member twice", "[owner, center]", "[owner, center, owner]", "/parameter_sets/0/members"},
		{"a set with neither members nor variants", "    members: [owner, center]\n    mode: all-or-none\n", "", "/parameter_sets/0"},
		{"a set with members and variants", "    variants:", "    members: [owner, center]\n    variants:", "/parameter_sets/1/members"},
		{"variants with a mode", "    variants:", "    mode: all-or-none\n    variants:", "/parameter_sets/1/mode"},
		{"a variant that requires nothing", "        required: [address, bits, gateway]\n", "", "/parameter_sets/1/variants/0"},
		{"a rule of unknown kind", "kind: ipv4_subnet", "kind: subnet", "/parameter_sets/1/rules/0/kind"},
		{"a rule without a role", "prefix: bits, ", "", "/parameter_sets/1/rules/0"},
		{"an ascending rule without an end", ", high: memory}", "}", "/parameter_sets/1/rules/1"},
		{"an ascending rule with a role of another kind", "low: bits, high", "low: bits, prefix: bits, high", "/parameter_sets/1/rules/1/prefix"},
		{"a rule with an unknown key", "prefix: bits, ", "prefix: bits, mask: bits, ", "/parameter_sets/1/rules/0"},

		{"migrations of the first version", "version: 3", "version: 1", "/migrations"},
		{"a migration from nowhere", "  - from: 2\n    dropped", "  - dropped", "/migrations/1"},
		{"a migration from version zero", "from: 1\n", "from: 0\n", "/migrations/0/from"},
		{"a migration with an unknown key", "    dropped: [rack]", "    removed: [rack]", "/migrations/1"},
		{"a new name that is a path", "disks.gb: size", "disks.gb: disks.size", "/migrations/0/renamed/disks.gb"},
		{"a new name that is not a valid id", "gb_ram: memory", "gb_ram: Memory", "/migrations/0/renamed/gb_ram"},
		{"a path too deep", "disks.cache", "disks.cache.size", "/migrations/0/dropped/1"},
		{"a split without a pattern", "{pattern: '(?P<address>[^/]+)/(?P<bits>\\d+)'}", "{}", "/migrations/0/split/net"},
		{"a split without named groups", "(?P<address>[^/]+)/(?P<bits>\\d+)", "(.+)/(.+)", "/migrations/0/split/net/pattern"},
		{"a retyped field without its old type", "bits: {from: string}", "bits: {to: string}", "/migrations/0/retyped/bits"},
		{"a retyped field of unknown type", "bits: {from: string}", "bits: {from: text}", "/migrations/0/retyped/bits/from"},
		{"a new value that is a list", "'true': dynamic", "'true': [dynamic]", "/migrations/0/retyped/disks.kind/values/true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(full, tt.old) {
				t.Fatalf("the valid schema has no %q", tt.old)
			}
			err := s.Validate(decode(t, []byte(strings.Replace(full, tt.old, tt.with, 1))))
			if got := places(t, err); !slices.Equal(got, []string{tt.want}) {
				t.Errorf("the faults are at %v, want %s:\n%v", got, tt.want, err)
			}
		})
	}
}

// TestEveryKeyIsExplained checks that each key has a title and a description, which editors show, and that no object allows other
// keys.
func TestEveryKeyIsExplained(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	defs, _ := root["$defs"].(map[string]any)
	has := func(schema map[string]any, key string) bool {
		ref, _ := schema["$ref"].(string)
		def, _ := defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		return schema[key] != nil || def[key] != nil
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case []any:
			for i, item := range v {
				walk(fmt.Sprintf("%s/%d", path, i), item)
			}
		case map[string]any:
			if v["type"] == "object" && path != "/$defs/validations" && v["additionalProperties"] == nil {
				t.Errorf("%s has no additionalProperties", path)
			}
			properties, _ := v["properties"].(map[string]any)
			for _, key := range slices.Sorted(maps.Keys(properties)) {
				property, _ := properties[key].(map[string]any)
				if v["type"] == "object" && (!has(property, "title") || !has(property, "description")) {
					t.Errorf("%s: the key %s has no title or no description", path, key)
				}
			}
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(path+"/"+key, v[key])
			}
		}
	}
	walk("", root)
}
