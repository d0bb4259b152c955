// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
)

// The schema that the agent supports, and its versions.
const schemaID = "vm-provisioning"

var schemaVersions = []int{1, 2}

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

// names returns the names of the fields, in order.
func (f fields) names() []string { return slices.Sorted(maps.Keys(f)) }

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
	kept := maps.Clone(f)
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
	version, err := checkSchema(top.Schema)
	if err != nil {
		return d, err
	}
	operation, _ := top.Operation.(string)
	d.operation = job.Operation(operation)
	if !d.operation.Valid() {
		return d, fail("definition_operation_invalid", "", "operations", "provision, update, delete, power, checkpoint, export, image, disk, switch")
	}
	if !isObject(top.Fields) {
		return d, fail("definition_fields_missing", "")
	}
	if d.fields, err = readFields(top.Fields); err != nil {
		return d, err
	}
	if d.operation == job.OperationProvision && version == 1 && !d.fields.has("guest_setup") {
		d.fields["guest_setup"] = "none" // version 1 only recorded the settings of the guest
	}
	if d.operation == job.OperationPower && !d.fields.has("power_action") {
		return d, fail("field_missing", "power_action", "field", "power_action")
	}
	if d.operation == job.OperationExport && !partial && !d.fields.has("export_path") {
		return d, fail("field_missing", "export_path", "field", "export_path")
	}
	if d.operation == job.OperationCheckpoint {
		if missing := missingCheckpointField(d.fields); missing != "" {
			return d, fail("field_missing", missing, "field", missing)
		}
	}
	if d.operation == job.OperationImage {
		if err := checkImageFields(d.fields); err != nil {
			return d, err
		}
	}
	if d.operation == job.OperationSwitch {
		if missing := missingSwitchField(d.fields); missing != "" {
			return d, fail("field_missing", missing, "field", missing)
		}
	}
	if d.operation == job.OperationDisk {
		if missing := missingDiskField(d.fields); missing != "" {
			return d, fail("field_missing", missing, "field", missing)
		}
	}
	if d.operation == job.OperationProvision && !partial {
		if d.fields.has("vm_name") && !isFileName(d.fields.text("vm_name")) {
			return d, fail("field_invalid", "vm_name", "field", "vm_name", "requirement", text("requirement_file_name"))
		}
		for _, name := range []string{"vm_name", "image_name", "gb_ram", "cpu_cores"} {
			if !d.fields.has(name) {
				return d, fail("field_missing", name, "field", name)
			}
		}
	}
	return d, nil
}

func isObject(raw json.RawMessage) bool { return bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) }

// checkSchema returns the version of the schema of a definition.
func checkSchema(raw json.RawMessage) (int, error) {
	var schema struct{ ID, Version any }
	_ = json.Unmarshal(raw, &schema)
	id, _ := schema.ID.(string)
	version, ok := schema.Version.(float64)
	if strings.TrimSpace(id) == "" || !ok || !isWhole(version) {
		return 0, fail("definition_schema_missing", "")
	}
	if id != schemaID || !slices.Contains(schemaVersions, int(version)) {
		return 0, fail("schema_mismatch", "", "id", id, "version", version, "supported_id", schemaID,
			"supported_versions", strings.Trim(strings.ReplaceAll(fmt.Sprint(schemaVersions), " ", ", "), "[]"))
	}
	return int(version), nil
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
		if r, ok := rules()[name]; ok && !r.valid(value) {
			return f, fail("field_invalid", name, "field", name, "requirement", r.requirement)
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
	fileName := rule{text("requirement_file_name"), func(v any) bool { s, _ := v.(string); return isFileName(s) }}
	vmName := rule{text("requirement_vm_name"), func(v any) bool {
		s, _ := v.(string)
		return s != "" && len(utf16.Encode([]rune(s))) <= 100 && strings.TrimSpace(s) == s && !strings.ContainsFunc(s, isControl)
	}}
	folder := rule{text("requirement_folder"), func(v any) bool { s, _ := v.(string); return isFolder(s) }}
	anyText := rule{text("requirement_text"), func(v any) bool { _, ok := v.(string); return ok }}
	diskPath := rule{text("requirement_disk_path"), isDiskPath}
	boolean := booleanRule()
	all := map[string]rule{
		"vm_name": vmName, "image_name": fileName, "os_family": oneOf("windows", "linux"), "power_state": oneOf("running", "off", "paused", "saved"),
		"power_action":        oneOf(job.PowerActions()...),
		"export_path":         folder,
		"image_path":          folder,
		"vm_path":             folder,
		"export_live_state":   oneOf(job.ExportLiveStates()...),
		"disk_action":         oneOf(job.DiskActions()...),
		"vhd_type":            oneOf("dynamic", "fixed", "differencing"),
		"disk_path":           diskPath,
		"parent_path":         diskPath,
		"checkpoint_action":   oneOf(job.CheckpointActions()...),
		"checkpoint_name":     vmName,
		"checkpoint_id":       guidRule(),
		"checkpoint_children": boolean, "checkpoint_start": boolean,
		"image_action": oneOf("create", "remove"), "image_file": {text("requirement_image_file"), isImageFile}, "source_url": {text("requirement_url"), isURL},
		"source_path":   {text("requirement_absolute_path"), func(v any) bool { s, _ := v.(string); return filepath.IsAbs(s) }},
		"source_sha256": {text("requirement_sha256"), func(v any) bool { s, _ := v.(string); return sha256Digits.MatchString(s) }}, "source_compression": oneOf("none", "gzip"),
		"source_certificate": anyText, "source_size_bytes": {text("requirement_whole_number_minimum", "minimum", 1), isByteCount},
		"gb_ram":    {text("requirement_memory_size"), func(v any) bool { n, ok := v.(float64); return ok && n > 0 && isWhole(n*512) }},
		"cpu_cores": {text("requirement_whole_number_minimum", "minimum", 1), isBetween(1, math.MaxInt32)}, "vlan_id": wholeNumber(0, 4094),
		"vm_clustered": boolean, "mac_address": {text("requirement_mac_address"), func(v any) bool { s, _ := v.(string); return macAddress.MatchString(s) }},
		"switch_name": anyText, "notes": anyText,
	}
	maps.Copy(all, settingRules())
	maps.Copy(all, switchRules())
	return all
})

var (
	macAddress   = regexp.MustCompile(`^[0-9A-F][02468ACE](-[0-9A-F]{2}){5}$`)
	sha256Digits = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)
	badName      = regexp.MustCompile("[\x00-\x1f\x7f\\\\/:*?\"<>|\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|^[ .]|[ .]$")
	reservedName = regexp.MustCompile(`(?i)^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\x{b9}\x{b2}\x{b3}]) *(\..*)?$`)
)

// isFileName reports whether text is the name of a file on Windows.
func isFileName(s string) bool {
	return s != "" && len(utf16.Encode([]rune(s))) <= 100 && !badName.MatchString(s) && !reservedName.MatchString(s)
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

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

// isByteCount accepts a whole number from 1 to the largest that JSON carries exactly.
func isByteCount(v any) bool {
	n, ok := v.(float64)
	return ok && n == math.Trunc(n) && n >= 1 && n < 1<<53
}

func booleanRule() rule {
	return rule{text("requirement_boolean"), func(v any) bool { _, ok := v.(bool); return ok }}
}

func guidRule() rule {
	return rule{text("requirement_guid"), func(v any) bool { s, _ := v.(string); return protocol.IsGUID(s) }}
}

func isWhole(v float64) bool { return v == math.Trunc(v) && math.Abs(v) < 1e9 }

// defaults are the only values of fields that the fake agent does not simulate. nil: every value is refused.
var defaults = map[string]any{
	"generation": 2.0, "disk_type": "copy", "disk_size_gb": nil, "data_disks": nil, "network_adapters": []any{},
	"gb_ram_min": nil, "gb_ram_max": nil, "secure_boot": true, "tpm": false, "checkpoint_type": "disabled", "start_action": "start_if_running",
	"stop_action": "shut_down", "force_stop": false, "media_name": nil, "wait_for": "nothing", "wait_seconds": nil,
}

// notSimulated returns the findings about fields with values, and about changes of fields, that the fake agent does not simulate.
func (f fields) notSimulated(changed []string) (found []job.Finding) {
	names := slices.Concat(slices.Collect(maps.Keys(f)), changed)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		value, limited := defaults[name]
		limited = limited && !(name == "data_disks" && f.dataDisksExist()) && !(strings.HasPrefix(name, "wait_") && f.waitCondition() == "setup")
		if limited && (f.has(name) && !reflect.DeepEqual(f[name], value) || slices.Contains(changed, name)) {
			found = append(found, fieldNotSimulated(name))
		}
	}
	return found
}
