// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// The schema that the agent supports.
const (
	schemaID      = "vm-provisioning"
	schemaVersion = 1
)

// definition is a valid job definition.
type definition struct {
	operation job.Operation
	fields    fields
}

// fields are the fields of a definition by name, as JSON values. Fields that are null are absent.
type fields map[string]any

func (f fields) has(name string) bool       { _, ok := f[name]; return ok }
func (f fields) text(name string) string    { v, _ := f[name].(string); return v }
func (f fields) number(name string) float64 { v, _ := f[name].(float64); return v }
func (f fields) flag(name string) bool      { v, _ := f[name].(bool); return v }
func (f fields) list(name string) []any     { v, _ := f[name].([]any); return v }

// only returns the fields with these names.
func (f fields) only(names []string) fields {
	kept := fields{}
	for _, name := range names {
		if f.has(name) {
			kept[name] = f[name]
		}
	}
	return kept
}

// without returns all other fields.
func (f fields) without(names []string) fields {
	kept := fields(maps.Clone(f))
	for _, name := range names {
		delete(kept, name)
	}
	return kept
}

// readDefinition returns the definition in raw, or an error. In a partial definition, required fields may be absent.
func readDefinition(raw json.RawMessage, partial bool) (d definition, err error) {
	var top struct {
		Schema    json.RawMessage
		Operation any
		Fields    json.RawMessage
	}
	if !isObject(raw) || json.Unmarshal(raw, &top) != nil {
		return d, fail("definition_not_object", "")
	}
	if err := checkSchema(top.Schema); err != nil {
		return d, err
	}
	operation, _ := top.Operation.(string)
	d.operation = job.Operation(operation)
	if !d.operation.Valid() {
		return d, fail("definition_operation_invalid", "", "operations", "provision, update, delete")
	}
	if !isObject(top.Fields) {
		return d, fail("definition_fields_missing", "")
	}
	if d.fields, err = readFields(top.Fields); err != nil {
		return d, err
	}
	if d.operation != job.OperationDelete {
		if err := d.fields.checkMemory(partial); err != nil {
			return d, err
		}
	}
	if d.operation == job.OperationProvision && !partial {
		for _, name := range []string{"vm_name", "image_name", "gb_ram", "cpu_cores"} {
			if !d.fields.has(name) {
				return d, fail("field_missing", name, "field", name)
			}
		}
	}
	return d, nil
}

func isObject(raw json.RawMessage) bool { return bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) }

func checkSchema(raw json.RawMessage) error {
	var schema struct{ ID, Version any }
	_ = json.Unmarshal(raw, &schema)
	id, _ := schema.ID.(string)
	version, ok := schema.Version.(float64)
	if strings.TrimSpace(id) == "" || !ok || !isWhole(version) {
		return fail("definition_schema_missing", "")
	}
	if id != schemaID || version != schemaVersion {
		return fail("schema_mismatch", "", "id", id, "version", version, "supported_id", schemaID, "supported_versions", schemaVersion)
	}
	return nil
}

// readFields validates the fields in their order, so that the first invalid one is reported.
func readFields(raw json.RawMessage) (fields, error) {
	f := fields{}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	_, _ = decoder.Token() // the object was parsed before
	for decoder.More() {
		token, _ := decoder.Token()
		name := fmt.Sprint(token)
		var value any
		if err := decoder.Decode(&value); err != nil {
			return f, err
		}
		if value == nil {
			continue
		}
		field, requirement := validate(name, value)
		if requirement != "" {
			return f, fail("field_invalid", field, "field", field, "requirement", requirement)
		}
		f[name] = value
	}
	return f, nil
}

// rule validates the values of a field.
type rule struct {
	requirement string
	valid       func(value any) bool
}

// rules are the rules by field. Other fields may have any value.
var rules = sync.OnceValue(func() map[string]rule {
	fileName := rule{text("requirement_file_name"), func(v any) bool {
		s, _ := v.(string)
		return s != "" && len([]rune(s)) <= 100 && !badName.MatchString(s) && !reservedName.MatchString(s)
	}}
	boolean := rule{text("requirement_boolean"), func(v any) bool { _, ok := v.(bool); return ok }}
	anyText := rule{text("requirement_text"), func(v any) bool { _, ok := v.(string); return ok }}
	memorySize := rule{text("requirement_memory_size"), func(v any) bool { // Hyper-V assigns memory in blocks of 2 MiB
		n, ok := v.(float64)
		return ok && n > 0 && n <= 1<<20 && n*512 == math.Trunc(n*512)
	}}
	return map[string]rule{
		"vm_name": fileName, "image_name": fileName, "media_name": fileName,
		"os_family": oneOf("windows", "linux"), "power_state": oneOf("running", "off"), "disk_type": oneOf("copy", "differencing"),
		"wait_for": oneOf("nothing", "heartbeat", "address"), "checkpoint_type": oneOf(actionValues["checkpoint_type"]...),
		"start_action": oneOf(actionValues["start_action"]...), "stop_action": oneOf(actionValues["stop_action"]...),
		"gb_ram": {text("requirement_positive_number"), func(v any) bool { n, ok := v.(float64); return ok && n > 0 }}, "gb_ram_min": memorySize,
		"gb_ram_max": memorySize, "cpu_cores": {text("requirement_whole_number_minimum", "minimum", 1), isBetween(1, math.MaxInt32)},
		"vlan_id": wholeNumber(0, 4094), "wait_seconds": wholeNumber(1, 7200), "disk_size_gb": wholeNumber(1, maxDiskGB),
		"generation": {text("requirement_one_of", "values", "1, 2"), isBetween(1, 2)}, "vm_clustered": boolean, "secure_boot": boolean, "tpm": boolean,
		"switch_name": anyText, "notes": anyText, "data_disks": {text("requirement_data_disks"), isDiskList},
		"mac_address": {text("requirement_mac_address"), func(v any) bool { s, _ := v.(string); return macPattern.MatchString(s) }},
	}
})

var (
	badName      = regexp.MustCompile("[\x00-\x1f\x7f\\\\/:*?\"<>|]|^[ .]|[ .]$")
	reservedName = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$`)
	controlCode  = regexp.MustCompile("[\x00-\x1f\x7f]")
	macPattern   = regexp.MustCompile(`^[0-9A-F][02468ACE](-[0-9A-F]{2}){5}$`)
)

func oneOf(values ...string) rule {
	return rule{text("requirement_one_of", "values", strings.Join(values, ", ")), func(v any) bool {
		s, _ := v.(string)
		return slices.Contains(values, s)
	}}
}

func wholeNumber(low, high float64) rule {
	return rule{text("requirement_whole_number", "minimum", formatNumber(low), "maximum", formatNumber(high)), isBetween(low, high)}
}

func isBetween(low, high float64) func(any) bool {
	return func(v any) bool { n, ok := v.(float64); return ok && isWhole(n) && n >= low && n <= high }
}

func isWhole(v float64) bool { return v == math.Trunc(v) && math.Abs(v) < 1e9 }

// validate returns the path of the invalid part of a field and its requirement, which is empty if the value is valid.
func validate(name string, value any) (field, requirement string) {
	if name == "network_adapters" {
		return validateAdapters(value)
	}
	if r, ok := rules()[name]; ok && !r.valid(value) {
		return name, r.requirement
	}
	return "", ""
}

func validateAdapters(value any) (field, requirement string) {
	list, ok := value.([]any)
	if !ok {
		return "network_adapters", text("requirement_list")
	}
	var names []string
	for i, item := range list {
		part, ok := item.(map[string]any)
		if !ok {
			return fmt.Sprintf("network_adapters[%d]", i), text("requirement_object")
		}
		f := fields(part)
		name := f.text("name")
		if name == "" || len([]rune(name)) > 64 || controlCode.MatchString(name) {
			return adapterField(i, "name"), text("requirement_adapter_name")
		}
		if f.text("switch_name") == "" {
			return adapterField(i, "switch_name"), text("requirement_text")
		}
		for _, id := range []string{"vlan_id", "mac_address"} {
			if f[id] != nil && !rules()[id].valid(f[id]) {
				return adapterField(i, id), rules()[id].requirement
			}
		}
		if k := slices.IndexFunc(names, func(other string) bool { return strings.EqualFold(other, name) }); k >= 0 {
			return adapterField(i, "name"), text("requirement_adapter_name_unique", "index", k)
		}
		names = append(names, name)
	}
	return "", ""
}

// adapterField returns the path of a part of a further network adapter.
func adapterField(index int, part string) string {
	return fmt.Sprintf("network_adapters[%d].%s", index, part)
}
