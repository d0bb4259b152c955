// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// jobInputs loads the default schema.
func jobInputs(t testing.TB) *jobschema.Schema {
	t.Helper()
	s, err := jobschema.Load(schemas.JobInputsFile, schemas.JobInputs())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheSchemaOfJobInputsIsValid(t *testing.T) {
	t.Parallel()
	s := jobInputs(t)
	if s.ID != "vm-provisioning" || s.Version != 2 || s.Name == "" || s.Description == "" {
		t.Errorf("head is %q %d %q %q", s.ID, s.Version, s.Name, s.Description)
	}
	want := []string{
		"vm_name", "image_name", "image_path", "vm_path", "os_family", "generation", "gb_ram", "gb_ram_min", "gb_ram_max", "cpu_cores",
		"nested_virtualization", "processor_compatibility", "processor_weight", "processor_reserve", "processor_limit", "memory_weight", "smart_paging_path",
		"disk_type", "disk_size_gb", "data_disks", "power_state", "force_stop", "switch_name", "vlan_id", "mac_address", "mac_spoofing",
		"bandwidth_limit_mbps", "bandwidth_reserve_mbps", "bandwidth_weight", "vlan_trunk", "vlan_native_id", "network_adapters",
		"secure_boot", "secure_boot_template", "boot_order", "tpm", "checkpoint_type", "checkpoint_path", "start_action", "stop_action",
		"integration_guest_service_interface", "integration_heartbeat", "integration_key_value_pair_exchange", "integration_shutdown",
		"integration_time_synchronization", "integration_vss", "media_name", "wait_for", "wait_seconds", "notes",
		"guest_setup", "guest_host_name", "guest_la_uid", "guest_la_pw", "guest_ssh_keys",
		"guest_v4_ipaddr", "guest_v4_cidrprefix", "guest_v4_defaultgw", "guest_v4_dns1", "guest_v4_dns2",
		"guest_v6_ipaddr", "guest_v6_cidrprefix", "guest_v6_defaultgw", "guest_dns_servers", "guest_net_dnssuffix",
		"guest_time_zone", "guest_locale", "guest_user_data", "guest_commands", "guest_product_key",
		"guest_domain_jointarget", "guest_domain_joinuid", "guest_domain_joinpw", "guest_domain_joinou",
		"guest_powershell_direct",
		"cnf_ansible_ssh_user", "cnf_ansible_ssh_key", "vm_clustered",
	}
	var got []string
	for _, f := range s.Fields {
		got = append(got, f.ID)
		if f.Label == "" || f.Description == "" {
			t.Errorf("%s has no label or no description", f.ID)
		}
		if f.Hint != "" {
			if _, fault := f.Check(f.Hint); fault != nil {
				t.Errorf("the hint of %s is invalid: %s", f.ID, fault)
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("fields are %v, want %v", got, want)
	}
	if got := s.SecretIDs(); !reflect.DeepEqual(got, []string{"guest_la_pw", "guest_user_data", "guest_product_key", "guest_domain_joinpw"}) {
		t.Errorf("secrets are %v", got)
	}
	changes := map[string]jobschema.Change{
		"vm_name": jobschema.ChangeInPlace, "gb_ram": jobschema.ChangePowerCycle, "cpu_cores": jobschema.ChangePowerCycle,
		"switch_name": jobschema.ChangeInPlace, "vlan_id": jobschema.ChangeInPlace, "notes": jobschema.ChangeInPlace,
		"power_state": jobschema.ChangeInPlace, "image_name": jobschema.ChangeReplace, "guest_la_pw": jobschema.ChangeInPlace,
	}
	for id, change := range changes {
		if f, ok := s.Field(id); !ok || f.Change != change {
			t.Errorf("change of %s is not %s", id, change)
		}
	}
	if _, ok := s.Field("host"); ok {
		t.Error("there is a field host")
	}
}

// small is a valid schema for the cases below.
const small = `id: lab
version: 1
fields:
  - id: name
    type: string
    required: true
    validations: {min_length: 1, max_length: 8, pattern: '[a-z]+', pattern_description: small letters}
    observed: name
  - id: os
    type: enum
    default: linux
    validations: {one_of: [linux, windows]}
  - id: size
    type: integer
    default: 4
    validations: {minimum: 1, maximum: 8}
    change: power_cycle
    observed: memory_gb
  - id: user
    type: string
    applicability: {os: [linux]}
  - id: key
    type: secret
  - id: addr
    type: ipv4
  - id: bits
    type: integer
  - id: gw
    type: ipv4
  - id: extra
    type: boolean
parameter_sets:
  - id: login
    members: [user, key]
    mode: all-or-none
  - id: net
    variants:
      - id: static
        required: [addr, bits, gw]
    rules:
      - {kind: ipv4_subnet, address: addr, prefix: bits, gateway: gw}
`

// ascendingOld is the rule that the cases replace.
const ascendingOld = "rules:\n      - {kind: ipv4_subnet, address: addr, prefix: bits, gateway: gw}"

func TestLoadAcceptsAValidSchema(t *testing.T) {
	t.Parallel()
	s, err := jobschema.Load("small.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	f, _ := s.Field("size")
	if f.Default != int64(4) || f.Change != jobschema.ChangePowerCycle || f.Observed != "memory_gb" || *f.Validations.Maximum != 8 {
		t.Errorf("size is %+v", f)
	}
	if f, _ := s.Field("user"); f.Change != jobschema.ChangeReplace || !reflect.DeepEqual(f.Applicability, map[string][]string{"os": {"linux"}}) {
		t.Errorf("user is %+v", f)
	}
	if got := s.ParameterSets[1].Rules[0]; got["gateway"] != "gw" {
		t.Errorf("rule is %v", got)
	}
}

func TestLoadRefusesInvalidSchemas(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, old, with string
		want            string // line, path and a part of the reason
	}{
		{"an unknown key", "version: 1\n", "version: 1\nauthor: x\n", `3: |unknown key "author"`},
		{"a misspelt key of a field", "    required: true", "    requird: true", `6: fields[0]: |did you mean required?`},
		{"a key repeated", "version: 1\n", "version: 1\nversion: 2\n", `3: |the key "version" is repeated`},
		{"a key that is not text", "version: 1\n", "version: 1\n7: x\n", `3: |must be text`},
		{"no id", "id: lab\n", "", `1: |the key "id" is missing`},
		{"an id with blanks", "id: lab", "id: my lab", `1: id: |"my lab" is not a valid id: use lower-case letters, digits and hyphens, starting with a letter`},
		{"no version", "version: 1\n", "", `1: |the key "version" is missing`},
		{"a version as text", "version: 1", "version: '1'", `2: version: |whole number`},
		{"version zero", "version: 1", "version: 0", `2: version: |a version must be at least 1`},
		{"a field that is not a mapping", "  - id: os\n", "  - text\n  - id: os\n", `9: fields[1]: |mapping`},
		{"a field without id", "  - id: extra\n    type", "  - type", `30: fields[8]: |"id" is missing`},
		{"a field without type", "    type: ipv4\n  - id: bits", "  - id: bits", `24: fields[5]: |"type" is missing`},
		{"an unknown type", "type: secret", "type: password", `23: fields[4].type: |unknown type "password"`},
		{"a duplicate id", "id: extra\n", "id: bits\n", `30: fields[8].id: |the id "bits" is already used by the field at line 26`},
		{"an id with capitals", "id: extra\n", "id: Key\n", `30: fields[8].id: |"Key" is not a valid id: use lower-case letters, digits and underscores, starting with a letter`},
		{"an id that the program reserves", "id: extra\n", "id: count\n", `30: fields[8].id: |the program uses it`},
		{"a default below the minimum", "default: 4", "default: 0", `15: fields[2].default: |the default is invalid: size must be between 1 and 8, but is 0: use a value between 1 and 8`},
		{"a default of another type", "default: 4", "default: four", `15: fields[2].default: |whole number`},
		{"a default that is not a value of the enum", "default: linux", "default: bsd", `11: fields[1].default: |the default is invalid: os cannot be "bsd": use "linux" or "windows"`},
		{"a default that is a list", "default: 4", "default: [4]", `15: fields[2].default: |must be text, a number`},
		{"a default without value", "default: 4", "default:", `15: fields[2].default: |must be text, a number`},
		{"a default that is infinite", "default: 4", "default: .inf", `15: fields[2].default: |must be text, a number`},
		{"an empty default", "default: linux", "default: ''", `11: fields[1].default: |the default is empty: remove it`},
		{"a default of a required field", "default: 4", "required: true\n    default: 4", `15: fields[2].required: |a field with a default cannot be required: remove one of them`},
		{"a default of a secret", "type: boolean", "type: secret\n    default: changeit", `32: fields[8].default: |a secret cannot have a default: every reader of the schema would know it`},
		{"required that is not a boolean", "required: true", "required: yes please", `6: fields[0].required: |true or false`},
		{"an unknown change", "change: power_cycle", "change: reboot", `17: fields[2].change: |unknown change "reboot"`},
		{"an unknown property", "observed: memory_gb", "observed: memory", `18: fields[2].observed: |unknown property "memory": use bandwidth_limit_mbps, bandwidth_reserve_mbps, bandwidth_weight, boot_order, checkpoint_path, checkpoint_type, clustered, data_disks, disk_size_gb, generation, integration_guest_service_interface, integration_heartbeat, integration_key_value_pair_exchange, integration_shutdown, integration_time_synchronization, integration_vss, mac_address, mac_spoofing, memory_gb, memory_maximum_gb, memory_minimum_gb, memory_weight, name, nested_virtualization, network_adapters, notes, power_state, processor_compatibility, processor_count, processor_limit, processor_reserve, processor_weight, secure_boot, secure_boot_template, smart_paging_path, start_action, static_mac_address, stop_action, switch_name, tpm, vlan_id, vlan_native_id or vlan_trunk`},
		{"a property of another type", "observed: memory_gb", "observed: notes", `18: fields[2].observed: |the property notes cannot be that of a field of type integer`},
		{"a property observed twice", "type: secret", "type: string\n    observed: name", `24: fields[4].observed: |the property name is already that of the field name`},
		{"a secret that is observed", "type: secret", "type: secret\n    observed: notes", `24: fields[4].observed: |the property notes cannot be that of a field of type secret`},
		{"a pattern that does not compile", "'[a-z]+'", "'[a-z'", `7: fields[0].validations.pattern: |does not compile`},
		{"a pattern that only compiles in brackets", "'[a-z]+'", "'a)(b'", `7: fields[0].validations.pattern: |does not compile`},
		{"a description without pattern", "pattern: '[a-z]+', ", "", `7: fields[0].validations.pattern_description: |pattern_description needs a pattern`},
		{"a minimum above the maximum", "minimum: 1,", "minimum: 9,", `16: fields[2].validations.minimum: |more than maximum 8`},
		{"a minimum with a fraction", "minimum: 1,", "minimum: 0.5,", `16: fields[2].validations.minimum: |whole number`},
		{"a minimum as text", "minimum: 1,", "minimum: '1',", `16: fields[2].validations.minimum: |must be a number`},
		{"a minimum with a leading zero", "minimum: 1,", "minimum: 010,", `16: fields[2].validations.minimum: |must be written as in JSON`},
		{"a minimum without a digit before the point", "minimum: 1,", "minimum: .5,", `16: fields[2].validations.minimum: |must be written as in JSON, such as 0.5 or 8, not .5`},
		{"a minimum with a sign", "minimum: 1,", "minimum: +1,", `16: fields[2].validations.minimum: |must be written as in JSON`},
		{"an octal minimum", "minimum: 1,", "minimum: 0o10,", `16: fields[2].validations.minimum: |must be written as in JSON`},
		{"a length with a leading zero", "min_length: 1,", "min_length: 01,", `7: fields[0].validations.min_length: |a whole number in decimal form, such as 10, not 01`},
		{"a version with a leading zero", "version: 1", "version: 010", `2: version: |a whole number in decimal form, such as 10, not 010`},
		{"a default beyond a maximum of 2^53", "default: 4", "default: 9007199254740993", `15: fields[2].default: |must be between 1 and 8, but is 9007199254740993`},
		{"a shortest length above the longest", "min_length: 1,", "min_length: 9,", `7: fields[0].validations.min_length: |more than max_length`},
		{"a length below zero", "min_length: 1,", "min_length: -1,", `7: fields[0].validations.min_length: |must be at least 0, but is -1`},
		{"a validation of another type", "min_length: 1,", "minimum: 1,", `7: fields[0].validations.minimum: |does not apply to a field of type string`},
		{"an enum without validations", "type: secret", "type: enum", `22: fields[4]: |one_of`},
		{"an enum without values", "{one_of: [linux, windows]}", "{}", `12: fields[1].validations: |one_of`},
		{"an enum with an empty list", "one_of: [linux, windows]", "one_of: []", `12: fields[1].validations.one_of: |at least one`},
		{"an enum with a value twice", "[linux, windows]", "[linux, linux, windows]", `12: fields[1].validations.one_of[1]: |"linux" is repeated`},
		{"an enum with a number", "[linux, windows]", "[linux, 7]", `12: fields[1].validations.one_of[1]: |put 7 in quotes`},
		{"applicability of an unknown field", "{os: [linux]}", "{oss: [linux]}", `21: fields[3].applicability.oss: |did you mean os?`},
		{"applicability with an unknown value", "{os: [linux]}", "{os: [linux, bsd]}", `21: fields[3].applicability.os[1]: |os cannot be "bsd": use "linux" or "windows"`},
		{"applicability by free text", "{os: [linux]}", "{name: [linux]}", `21: fields[3].applicability.name: |an enum or a boolean`},
		{"applicability of no field", "{os: [linux]}", "{}", `21: fields[3].applicability: |must name at least one field`},
		{"applicability by a field that has one", "default: linux", "applicability: {extra: ['true']}", `21: fields[3].applicability.os: |always applies`},
		{"a set without id", "  - id: login\n    members", "  - members", `33: parameter_sets[0]: |"id" is missing`},
		{"a set with the id of another", "id: net", "id: login", `36: parameter_sets[1].id: |the id "login" is already used by another parameter set`},
		{"a set that names an unknown field", "[user, key]", "[user, keys]", `34: parameter_sets[0].members[1]: |did you mean key?`},
		{"a set with a field twice", "[user, key]", "[user, key, user]", `34: parameter_sets[0].members[2]: |"user" is repeated`},
		{"a set with a field that has a default", "[user, key]", "[user, size]", `34: parameter_sets[0].members[1]: |has a default`},
		{"a set with a required field", "[user, key]", "[user, name]", `34: parameter_sets[0].members[1]: |is required`},
		{"a set of one member", "[user, key]", "[user]", `34: parameter_sets[0].members: |a parameter set must have more than one member`},
		{"a set without members", "[user, key]", "[]", `34: parameter_sets[0].members: |at least one`},
		{"a set without mode", "    mode: all-or-none\n", "", `33: parameter_sets[0]: |"mode" is missing`},
		{"a set with an unknown mode", "all-or-none", "any", `35: parameter_sets[0].mode: |unknown mode "any"`},
		{"a set with members and variants", "    variants:", "    members: [user, key]\n    variants:", `36: parameter_sets[1]: |a parameter set cannot have both members and variants`},
		{"a set with neither", "    members: [user, key]\n", "", `33: parameter_sets[0]: |a parameter set must have members or variants`},
		{"a variant with a mode", "    variants:", "    mode: all-or-none\n    variants:", `37: parameter_sets[1].mode: |a parameter set with variants cannot have a mode`},
		{"a variant that requires nothing", "        required: [addr, bits, gw]\n", "        optional: [addr, bits, gw]\n", `38: parameter_sets[1].variants[0]: |"required" is missing`},
		{"a variant with a field twice", "[addr, bits, gw]", "[addr, bits, gw]\n        optional: [gw]", `40: parameter_sets[1].variants[0].optional: |field gw is already required`},
		{"a rule of unknown kind", "kind: ipv4_subnet", "kind: subnet", `41: parameter_sets[1].rules[0].kind: |use ascending, ipv4_subnet or ipv6_subnet`},
		{"a rule with an unknown key", "prefix: bits", "prefix: bits, mask: bits", `41: parameter_sets[1].rules[0].mask: |unknown key`},
		{"a rule without a role", "prefix: bits, ", "", `41: parameter_sets[1].rules[0]: |"prefix" is missing`},
		{"a rule about an unknown field", "gateway: gw", "gateway: gateway", `41: parameter_sets[1].rules[0].gateway: |unknown field "gateway"`},
		{"a rule about a field of another type", "gateway: gw", "gateway: bits", `41: parameter_sets[1].rules[0].gateway: |must be of type ipv4`},
		{"a rule about a field outside of the set", "required: [addr, bits, gw]", "required: [addr, bits]", `41: parameter_sets[1].rules[0].gateway: |not in the parameter set`},
		{"an ascending rule without an end", ascendingOld, "rules:\n      - {kind: ascending, low: bits}", `41: parameter_sets[1].rules[0]: |"high" is missing`},
		{"an ascending rule about an unknown field", ascendingOld, "rules:\n      - {kind: ascending, low: bits, middle: siz, high: size}", `41: parameter_sets[1].rules[0].middle: |did you mean size?`},
		{"an ascending rule about text", ascendingOld, "rules:\n      - {kind: ascending, low: bits, high: gw}", `41: parameter_sets[1].rules[0].high: |must be of type integer or number`},
		{"an ascending rule with another kind's role", ascendingOld, "rules:\n      - {kind: ascending, low: bits, high: size, prefix: bits}", `41: parameter_sets[1].rules[0].prefix: |unknown key`},
		{"a hint that is a number", "type: secret", "type: secret\n    hint: 120", `24: fields[4].hint: |put 120 in quotes`},
		{"a second document", "id: lab", "---\nid: lab\n---\nid: lab", `3: |second document`},
		{"a tab as indentation", "version: 1\n", "version: 1\n\tname: x\n", `|invalid YAML: found a tab character that violates indentation`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			refuses(t, small, tt.old, tt.with, tt.want)
		})
	}
}

// refuses checks that a valid schema with a change is refused for one fault. want is "line: path: |part of the reason", without the
// path if the fault is about the whole schema, and without anything before the bar if the position does not matter.
func refuses(t *testing.T, valid, old, with, want string) {
	t.Helper()
	if !strings.Contains(valid, old) {
		t.Fatalf("the valid schema has no %q", old)
	}
	s, err := jobschema.Load("lab.yaml", []byte(strings.Replace(valid, old, with, 1)), programOptions)
	var load *jobschema.LoadError
	if !errors.As(err, &load) || s != nil {
		t.Fatalf("got %v, %v", s, err)
	}
	if len(load.Faults) != 1 {
		t.Errorf("got %d faults, want this one only:\n%v", len(load.Faults), err)
	}
	where, what, _ := strings.Cut(want, "|")
	f := load.Faults[0]
	got := fmt.Sprintf("%d: ", f.Line)
	if f.Path != "" {
		got += f.Path + ": "
	}
	if where != "" && got != where || !strings.Contains(f.Reason, what) {
		t.Errorf("got  %v\nwant lab.yaml:%s… %s", err, where, what)
	}
}

// programOptions are those of a program that makes attributes of fields.
var programOptions = jobschema.LoadOptions{
	Reserved:       map[string]string{"count": "the program uses it"},
	SecretSuffixes: []string{"_wo", "_wo_version"},
}

func TestReservedNamesAreThoseOfTheOptions(t *testing.T) {
	t.Parallel()
	text := []byte("id: lab\nversion: 1\nfields:\n  - {id: count, type: integer}\n  - {id: key, type: secret}\n  - {id: key_wo, type: string}\n" +
		"  - {id: box, type: object, fields: [{id: count, type: integer}]}\n")
	if _, err := jobschema.Load("lab.yaml", text); err != nil {
		t.Errorf("without options: %v", err)
	}
	_, err := jobschema.Load("lab.yaml", text, programOptions)
	want := `lab.yaml:4: fields[0].id: the id "count" is reserved: the program uses it
lab.yaml:6: fields[2].id: the id "key_wo" is reserved: it belongs to the secret key`
	if fmt.Sprint(err) != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestLoadReportsAllFaultsInTheOrderOfTheirLines(t *testing.T) {
	t.Parallel()
	_, err := jobschema.Load("lab.yaml", []byte(`id: lab
version: one
fields:
  - id: count
    type: text
  - id: a
    type: integer
    validations: {pattern: x}
parameter_sets:
  - id: p
    members: [a, b]
    mode: all-or-none
`), programOptions)
	want := `lab.yaml:2: version: must be a whole number
lab.yaml:4: fields[0].id: the id "count" is reserved: the program uses it
lab.yaml:5: fields[0].type: unknown type "text": use boolean, enum, hostname, integer, ip, ipv4, ipv6, list, mac, multiline, number, object, secret or string
lab.yaml:8: fields[1].validations.pattern: does not apply to a field of type integer
lab.yaml:11: parameter_sets[0].members[1]: unknown field "b"`
	if fmt.Sprint(err) != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// aliases returns a short document that expands to n*n fields.
func aliases(n int) string {
	return "id: a\nversion: 1\nname: &f {id: f, type: string}\ndescription: &o {id: o, type: object, fields: [" + strings.Repeat("*f,", n) +
		"]}\nfields: [" + strings.Repeat("*o,", n) + "]\n"
}

func TestLoadRefusesOtherDocuments(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, data, want string }{
		{"nothing", "", "empty"},
		{"a comment", "# soon\n", "empty"},
		{"text", "hello", "mapping"},
		{"a list", "- a\n- b\n", "mapping"},
		{"null", "null", "mapping"},
		{"no fields", "id: lab\nversion: 1\n", `"fields" is missing`},
		{"fields that are not a list", "id: lab\nversion: 1\nfields: none\n", "3: fields: must be a list"},
		{"an empty list of fields", "id: lab\nversion: 1\nfields: []\n", "3: fields: must be a list with at least one item"},
		{"broken YAML", "id: [a\n", "invalid YAML"},
		{"bytes that are not text", "\x00\xff", "invalid YAML"},
		{"an alias to itself", "fields: &f [*f]\n", "lab.yaml"},
		{"aliases of lists of aliases", aliases(3000), "at most 131072 values"},
		{"more than is read", strings.Repeat("#", 1<<20+1), "at most 1048576"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := jobschema.Load("lab.yaml", []byte(tt.data))
			var load *jobschema.LoadError
			if !errors.As(err, &load) || len(load.Faults) == 0 || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestIntegersAreComparedExactly uses numbers that a float64 does not tell apart.
func TestIntegersAreComparedExactly(t *testing.T) {
	t.Parallel()
	const schema = "id: lab\nversion: 1\nfields:\n  - id: n\n    type: integer\n    default: %s\n    validations:\n      maximum: 9007199254740992\n"
	if _, err := jobschema.Load("lab.yaml", fmt.Appendf(nil, schema, "9007199254740992")); err != nil {
		t.Error(err)
	}
	if _, err := jobschema.Load("lab.yaml", fmt.Appendf(nil, schema, "9007199254740993")); err == nil || !strings.Contains(err.Error(), "is 9007199254740993") {
		t.Errorf("a default one above the maximum: %v", err)
	}
}

func TestMergeKeysAreRefusedByName(t *testing.T) {
	t.Parallel()
	_, err := jobschema.Load("lab.yaml", []byte("id: lab\nversion: 1\nfields:\n  - &base\n    id: a\n    type: string\n  - <<: *base\n    id: b\n"))
	if err == nil || !strings.Contains(err.Error(), "merge keys (<<) are not supported") {
		t.Errorf("got %v", err)
	}
}
