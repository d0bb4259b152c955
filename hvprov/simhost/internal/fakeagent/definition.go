// SPDX-License-Identifier: MPL-2.0

package fakeagent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// What this agent understands.
const (
	schemaID      = "vm-provisioning"
	schemaVersion = 1
)

// definition is a job definition that this agent has found to be one it can do.
type definition struct {
	operation job.Operation
	fields    fields
}

// fields are the fields of a definition: names in their order, and values that are string, float64, bool or JSON.
type fields struct {
	names  []string
	values map[string]any
}

func (f fields) has(name string) bool       { _, ok := f.values[name]; return ok }
func (f fields) text(name string) string    { v, _ := f.values[name].(string); return v }
func (f fields) number(name string) float64 { v, _ := f.values[name].(float64); return v }
func (f fields) flag(name string) bool      { v, _ := f.values[name].(bool); return v }

// only gives the fields with these names.
func (f fields) only(names []string) fields {
	kept := fields{values: map[string]any{}}
	for _, name := range names {
		if f.has(name) {
			kept.names = append(kept.names, name)
			kept.values[name] = f.values[name]
		}
	}
	return kept
}

// without gives all fields but these.
func (f fields) without(names []string) fields {
	return f.only(slices.DeleteFunc(slices.Clone(f.names), func(n string) bool { return slices.Contains(names, n) }))
}

// MarshalJSON gives the fields as an object, in their order.
func (f fields) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range f.names {
		if i > 0 {
			b.WriteByte(',')
		}
		text, err := json.Marshal(f.values[name])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%s:%s", strconv.Quote(name), text)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func invalid(message, field string) error {
	return fail(protocol.CodeInvalidDefinition, message, field, "")
}

// readDefinition reads a definition and refuses what this agent cannot do. partial is for a dry run, where fields may
// still lack.
func readDefinition(raw json.RawMessage, partial bool) (d definition, err error) {
	var top struct {
		Schema    json.RawMessage
		Operation any
		Fields    json.RawMessage
	}
	if !isObject(raw) || json.Unmarshal(raw, &top) != nil {
		return d, invalid("the job definition is not a JSON object", "")
	}
	if err := checkSchema(top.Schema); err != nil {
		return d, err
	}
	operation, _ := top.Operation.(string)
	d.operation = job.Operation(operation)
	if !d.operation.Valid() {
		return d, invalid("the job definition's operation must be one of: provision, update, delete", "")
	}
	if !isObject(top.Fields) {
		return d, invalid("the job definition has no fields", "")
	}
	if d.fields, err = readFields(top.Fields); err != nil {
		return d, err
	}
	if d.operation != job.OperationDelete {
		if err := d.fields.memoryOrder(partial); err != nil {
			return d, err
		}
	}
	if d.operation == job.OperationProvision && !partial {
		for _, name := range []string{"vm_name", "image_name", "gb_ram", "cpu_cores"} {
			if !d.fields.has(name) {
				return d, invalid(fmt.Sprintf("the job definition lacks field '%s'", name), name)
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
	if strings.TrimSpace(id) == "" || !ok || !whole(version) {
		return invalid("the job definition does not name its schema by id and version", "")
	}
	if id != schemaID || version != schemaVersion {
		return fail(protocol.CodeSchemaMismatch,
			fmt.Sprintf("the job definition is for schema %s version %d, and this agent knows %s version %d", id, int(version), schemaID, schemaVersion),
			"", "use a client and an agent of the same release")
	}
	return nil
}

func readFields(raw json.RawMessage) (fields, error) {
	f := fields{values: map[string]any{}}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	_, _ = decoder.Token() // the object was parsed before
	for decoder.More() {
		name, _ := decoder.Token()
		var value any
		if err := decoder.Decode(&value); err != nil {
			return f, err
		}
		if value == nil {
			continue
		}
		id := fmt.Sprint(name)
		at, wants := id, wanted(id, value)
		if id == "network_adapters" {
			at, wants = wantedAdapters(value)
		}
		if wants != "" {
			return f, invalid(fmt.Sprintf("field '%s' must be %s", at, wants), at)
		}
		f.names = append(f.names, id)
		f.values[id] = value
	}
	return f, nil
}

var (
	badName      = regexp.MustCompile("[\x00-\x1f\x7f\\\\/:*?\"<>|]|^[ .]|[ .]$")
	reservedName = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$`)
)

func whole(v float64) bool { return v == math.Trunc(v) && math.Abs(v) < 1e9 }

// wanted says what a field must be when value is not that, and nothing when it is. Fields that are not the agent's pass.
func wanted(name string, value any) string {
	text, isText := value.(string)
	number, isNumber := value.(float64)
	switch name {
	case "vm_name", "image_name", "media_name":
		if !isText || text == "" || len([]rune(text)) > 100 || badName.MatchString(text) || reservedName.MatchString(text) {
			return "a name of 1 to 100 characters that can name a file"
		}
	case "os_family":
		if text != "windows" && text != "linux" {
			return "one of: windows, linux"
		}
	case "power_state":
		if text != "running" && text != "off" {
			return "one of: running, off"
		}
	case "gb_ram":
		if !isNumber || number <= 0 {
			return "a number above 0"
		}
	case "disk_type":
		if text != "copy" && text != "differencing" {
			return "one of: copy, differencing"
		}
	case "disk_size_gb":
		if !isDiskSize(value) {
			return "a whole number from 1 to 65536"
		}
	case "data_disks":
		if !isDiskList(value) {
			return "a list of disks, each with a name that no other has, of letters, digits, hyphens and underscores, a size_gb from 1 to 65536, " +
				"and a type that is dynamic or fixed"
		}
	case "cpu_cores":
		if !isNumber || !whole(number) || number < 1 {
			return "a whole number of 1 or more"
		}
	case "vlan_id":
		if !isNumber || !whole(number) || number < 0 || number > 4094 {
			return "a whole number from 0 to 4094"
		}
	case "mac_address":
		if !macPattern.MatchString(text) {
			return macWanted
		}
	case "wait_for":
		if text != "nothing" && text != "heartbeat" && text != "address" {
			return "one of: nothing, heartbeat, address"
		}
	case "wait_seconds":
		if !isNumber || !whole(number) || number < 1 || number > 7200 {
			return "a whole number from 1 to 7200"
		}
	case "vm_clustered":
		if _, isFlag := value.(bool); !isFlag {
			return "true or false"
		}
	case "switch_name", "notes":
		if !isText {
			return "text"
		}
	}
	return wantedOfMemory(name, value) + wantedOfFirmware(name, value) + wantedOfActions(name, value)
}
