// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// replaced loads everything after replacements of text, one after the other.
func replaced(t *testing.T, oldNew ...string) *jobschema.Schema {
	t.Helper()
	text := everything
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(text, oldNew[i]) {
			t.Fatalf("the schema has no %q", oldNew[i])
		}
		text = strings.Replace(text, oldNew[i], oldNew[i+1], 1)
	}
	s, err := jobschema.Load("new.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// compatible checks the faults of CheckCompatible: "line path|part of the reason" for each.
func compatible(t *testing.T, s, old *jobschema.Schema, want ...string) {
	t.Helper()
	err := s.CheckCompatible(old)
	var load *jobschema.LoadError
	if err != nil && !errors.As(err, &load) || load == nil && len(want) > 0 {
		t.Fatalf("got %v, want %q", err, want)
	}
	if load == nil {
		return
	}
	if len(load.Faults) != len(want) || load.File != "new.yaml" {
		t.Fatalf("got %d faults, want %d:\n%v", len(load.Faults), len(want), err)
	}
	for i, f := range load.Faults {
		where, what, _ := strings.Cut(want[i], "|")
		if got := fmt.Sprintf("%d %s", f.Line, f.Path); got != where || !strings.Contains(f.Reason, what) {
			t.Errorf("got  %s|%s\nwant %s", got, f.Reason, want[i])
		}
	}
}

func TestAReleasedVersionMayDifferInTexts(t *testing.T) {
	t.Parallel()
	old := storage(t)
	for name, change := range map[string][]string{
		"nothing":                  {"id: store", "id: store"},
		"the name":                 {"name: Store", "name: Shop"},
		"a description":            {"description: What the machine is called.\n", "description: Its name.\n"},
		"a label and a hint":       {"    label: Name\n", "", "    hint: lin-01\n", ""},
		"a nested label":           {"label: Size, ", ""},
		"a pattern's description":  {", pattern_description: small letters and digits", ""},
		"deprecated":               {"    deprecated: use title\n", ""},
		"a set's label":            {"    label: Static address\n    description: Its own address.\n", ""},
		"a variant's label":        {"label: Plain, ", ""},
		"the way from before that": {everything[strings.Index(everything, "migrations:"):], ""},
	} {
		if err := replaced(t, change...).CheckCompatible(old); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAReleasedVersionCannotChange(t *testing.T) {
	t.Parallel()
	old := storage(t)
	for _, tt := range []struct {
		name   string
		change []string
		want   []string
	}{
		{"its id", []string{"id: store", "id: shop"}, []string{`0 id|the id is "shop", but was "store": a schema cannot replace another schema`}},
		{"an earlier version", []string{"version: 4", "version: 3", everything[strings.Index(everything, "  - from: 3"):], "", "{ram: mem,", "{ram: memory,"}, []string{"0 version|the version is 3, but was 4"}},
		{"a removed field", []string{"  - id: notes\n    type: multiline\n    deprecated: use title\n", ""}, []string{"0 notes|the field was removed in version 4: raise the version, and name the field in migrations"}},
		{"a removed object, reported once", []string{everything[strings.Index(everything, "  - id: login"):strings.Index(everything, "  - id: token")], ""}, []string{"0 login|the field was removed in version 4: raise the version, and name the field in migrations"}},
		{"a removed nested field", []string{"        - {id: block, type: integer, applicability: {kind: [fixed]}}\n", ""}, []string{"0 disks.block|the field was removed in version 4: raise the version, and name the field in migrations"}},
		{"a new field", []string{"  - {id: port, type: integer}", "  - {id: port, type: integer}\n  - {id: extra, type: boolean}"}, []string{"88 extra|the field was added in version 4: raise the version"}},
		{"a new object, once", []string{"  - {id: port, type: integer}", "  - {id: port, type: integer}\n  - {id: extra, type: object, fields: [{id: a, type: string}]}"}, []string{"88 extra|the field was added in version 4: raise the version"}},
		{"a new nested field", []string{"      - {id: password, type: secret}", "      - {id: password, type: secret}\n      - {id: realm, type: string}"}, []string{"79 login.realm|the field was added in version 4: raise the version"}},
		{"a renamed field", []string{"  - id: notes", "  - id: remarks"}, []string{"0 notes|the field was removed in version 4: raise the version, and name the field in migrations", "41 remarks|the field was added in version 4: raise the version"}},
		{"a type", []string{"  - {id: port, type: integer}", "  - {id: port, type: number}"}, []string{"87 port|the rules of the field were changed in version 4: raise the version"}},
		{"a default", []string{"default: 4", "default: 5"}, []string{"28 memory|the rules of the field were changed in version 4: raise the version"}},
		{"whether it is required", []string{"  - id: memory\n    type: integer\n    default: 4", "  - id: memory\n    type: integer\n    required: true"}, []string{"28 memory|the rules of the field were changed in version 4: raise the version"}},
		{"a limit", []string{"maximum: 64", "maximum: 128"}, []string{"28 memory|the rules of the field were changed in version 4: raise the version"}},
		{"a pattern", []string{"'[a-z0-9-]+'", "'[a-z0-9.-]+'"}, []string{"6 name|the rules of the field were changed in version 4: raise the version"}},
		{"a value of an enum", []string{"[linux, windows]", "[linux, windows, bsd]"}, []string{"16 os|the rules of the field were changed in version 4: raise the version"}},
		{"how it is changed", []string{"change: power_cycle", "change: in_place"}, []string{"28 memory|the rules of the field were changed in version 4: raise the version"}},
		{"observed", []string{"    observed: memory_gb\n", ""}, []string{"28 memory|the rules of the field were changed in version 4: raise the version"}},
		{"stands_for", []string{"stands_for: vm_name", "stands_for: host_name"}, []string{"6 name|the rules of the field were changed in version 4: raise the version"}},
		{"infer", []string{"'^lin'", "'^linux'"}, []string{"16 os|the rules of the field were changed in version 4: raise the version"}},
		{"where it applies", []string{"    applicability: {os: [windows]}\n", ""}, []string{"44 domain|the rules of the field were changed in version 4: raise the version"}},
		{"a list's count", []string{"max_items: 3", "max_items: 4"}, []string{"48 tags|the rules of the field were changed in version 4: raise the version"}},
		{"a list's items", []string{"'[a-z]+'", "'[a-z0-9]+'"}, []string{"48 tags|the rules of the field were changed in version 4: raise the version"}},
		{"unique_by", []string{", unique_by: label", ""}, []string{"55 disks|the rules of the field were changed in version 4: raise the version"}},
		{"a nested limit, of the nested field only", []string{"maximum: 100", "maximum: 200"}, []string{"60 disks.size_gb|the rules of the field were changed in version 4: raise the version"}},
		{"a required object", []string{"    type: object\n    fields:", "    type: object\n    required: true\n    fields:"}, []string{"74 login|the rules of the field were changed in version 4: raise the version"}},
		{"the order of fields", []string{"  - {id: addr, type: ipv4}\n  - {id: bits, type: integer}\n", "  - {id: bits, type: integer}\n  - {id: addr, type: ipv4}\n"}, []string{"0 |the rules of the schema were changed in version 4: raise the version"}},
		{"a parameter set", []string{"members: [proxy, port]", "members: [proxy, port, token]"}, []string{"0 |the rules of the schema were changed in version 4: raise the version"}},
		{"a rule of a set", []string{"    rules:\n      - {kind: ipv4_subnet, address: addr, prefix: bits, gateway: gw}\n", ""}, []string{"0 |the rules of the schema were changed in version 4: raise the version"}},
		{"two things", []string{"default: 4", "default: 5", "max_items: 3", "max_items: 4"}, []string{"28 memory|the rules of the field were changed in version 4: raise the version", "48 tags|the rules of the field were changed in version 4: raise the version"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			compatible(t, replaced(t, tt.change...), old, tt.want...)
		})
	}
}

func TestALaterVersionMustMigrateEveryValue(t *testing.T) {
	t.Parallel()
	const before = `id: lab
version: 1
fields:
  - {id: name, type: string, required: true}
  - {id: size, type: integer}
  - {id: cidr, type: string}
  - {id: disks, type: list, items: {type: object, fields: [{id: gb, type: integer}, {id: label, type: string}]}}
  - {id: login, type: object, fields: [{id: user, type: string}, {id: realm, type: string}]}
  - {id: tags, type: list, items: {type: string}}
`
	const fields = `id: lab
version: 3
fields:
  - {id: name, type: string, required: true}
  - {id: size, type: integer}
  - {id: cidr, type: string}
  - {id: disks, type: list, items: {type: object, fields: [{id: gb, type: integer}, {id: label, type: string}]}}
  - {id: login, type: object, fields: [{id: user, type: string}, {id: realm, type: string}]}
  - {id: tags, type: list, items: {type: string}}
`
	old, err := jobschema.Load("old.yaml", []byte(before))
	if err != nil {
		t.Fatal(err)
	}
	const size, cidr, tags, login = "  - {id: size, type: integer}\n", "  - {id: cidr, type: string}\n", "  - {id: tags, type: list, items: {type: string}}\n",
		"  - {id: login, type: object, fields: [{id: user, type: string}, {id: realm, type: string}]}\n"
	for _, tt := range []struct {
		name       string
		old, with  string // of the fields
		migrations string
		want       []string
	}{
		{"nothing has changed", "", "", "", nil},
		{"a new field", tags, tags + "  - {id: extra, type: string}\n", "", nil},
		{"a new field with a default", tags, tags + "  - {id: extra, type: integer, default: 1}\n", "", nil},
		{"a new field that is required and inferred", tags, tags + "  - {id: extra, type: string, required: true, infer: {from: name, rules: [{pattern: x, value: x}]}}\n", "", nil},
		{"a new field that is required", tags, tags + "  - {id: extra, type: string, required: true}\n", "", []string{"10 extra|a new field that is required breaks existing configurations: add a default, or infer it"}},
		{"a new nested field that is required", "{id: realm, type: string}", "{id: realm, type: string}, {id: pw, type: secret, required: true}", "", []string{"8 login.pw|a new field that is required breaks existing configurations: add a default, or infer it"}},
		{"a new object with a field that is required", tags, tags + "  - {id: o, type: object, fields: [{id: a, type: string, required: true}]}\n", "", nil},
		{"a field is removed", size, "", "", []string{"0 size|name it in dropped, renamed or split"}},
		{"a field is dropped", size, "", "{from: 2, dropped: [size]}", nil},
		{"a field is dropped on the way to an earlier version", size, "", "{from: 1, dropped: [size]}", nil},
		{"a field is renamed", "id: size", "id: gb", "{from: 1, renamed: {size: gb}}", nil},
		{"a field is renamed to one that is required", size, "  - {id: gb, type: integer, required: true}\n", "{from: 1, renamed: {size: gb}}", nil},
		{"a field is renamed and of another type", size, "  - {id: gb, type: string}\n", "{from: 1, renamed: {size: gb}}", []string{"0 size|the type was changed from a number to text: name the field in retyped"}},
		{"a field is renamed twice", "id: size", "id: gb", "{from: 1, renamed: {size: mem}}, {from: 2, renamed: {mem: gb}}", nil},
		{"a field is split", cidr, "  - {id: addr, type: string, required: true}\n  - {id: bits, type: string}\n", "{from: 1, split: {cidr: {pattern: '(?P<addr>.*)/(?P<bits>.*)'}}}", nil},
		{"a field is split, and a part is renamed", cidr, "  - {id: ip, type: string, required: true}\n", "{from: 1, split: {cidr: {pattern: '(?P<addr>.*)/.*'}}}, {from: 2, renamed: {addr: ip}}", nil},
		{"two fields become one", size, "", "{from: 1, renamed: {size: cidr}}", []string{"0 size|the type was changed from a number to text: name the field in retyped", "0 cidr|the value would become that of cidr, like that of size: name one of them in dropped"}},
		{"text of another kind", cidr, "  - {id: cidr, type: multiline}\n", "", nil},
		{"a number of another kind", size, "  - {id: size, type: number}\n", "", nil},
		{"another type", size, "  - {id: size, type: boolean}\n", "", []string{"0 size|the type was changed from a number to true or false: name the field in retyped"}},
		{"another type in retyped", size, "  - {id: size, type: boolean}\n", "{from: 1, retyped: {size: {from: integer, values: {'1': 'true'}}}}", nil},
		{"a list of single values where there was one", cidr, "  - {id: cidr, type: list, items: {type: string}}\n", "", []string{"0 cidr|the type was changed from text to a list with text: name the field in retyped"}},
		{"items of another type", "items: {type: string}", "items: {type: integer}", "", []string{"0 tags|the type was changed from a list with text to a list with a number: name the field in retyped"}},
		{"objects in a list of single values", "{type: string}}", "{type: object, fields: [{id: a, type: string}]}}", "", []string{"0 tags|the type was changed from a list with text to a list of objects: name the field in retyped"}},
		{"an object where there was a text", cidr, "  - {id: cidr, type: object, fields: [{id: a, type: string}]}\n", "", []string{"0 cidr|the type was changed from text to an object: name the field in retyped"}},
		{"a removed object is reported once", login, "", "", []string{"0 login|the field was removed, but not in migrations: name it in dropped, renamed or split"}},
		{"an object is dropped", login, "", "{from: 2, dropped: [login]}", nil},
		{"an object is renamed", "id: login", "id: account", "{from: 2, renamed: {login: account}}", nil},
		{"an object and a part of it are renamed", "id: login, type: object, fields: [{id: user", "id: account, type: object, fields: [{id: uid", "{from: 2, renamed: {login: account, login.user: uid}}", nil},
		{"an object becomes a list", login, "  - {id: login, type: list, items: {type: object, fields: [{id: user, type: string}, {id: realm, type: string}]}}\n", "{from: 2, retyped: {login: {from: list}}}", nil},
		{"a nested field is removed", ", {id: realm, type: string}", "", "", []string{"0 login.realm|the field was removed, but not in migrations: name it in dropped, renamed or split"}},
		{"a nested field is dropped", ", {id: realm, type: string}", "", "{from: 2, dropped: [login.realm]}", nil},
		{"a nested field is renamed", "{id: gb,", "{id: size_gb,", "{from: 2, renamed: {disks.gb: size_gb}}", nil},
		{"a nested field of another type", "{id: gb, type: integer}", "{id: gb, type: string}", "", []string{"0 disks.gb|the type was changed from a number to text: name the field in retyped"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(fields, tt.old, tt.with, 1)
			if tt.migrations != "" {
				text += "migrations: [" + tt.migrations + "]\n"
			}
			s, err := jobschema.Load("new.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			compatible(t, s, old, tt.want...)
		})
	}
}
