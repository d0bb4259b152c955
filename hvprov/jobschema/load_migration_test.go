// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

func TestLoadRefusesInvalidMigrations(t *testing.T) {
	t.Parallel()
	const cidr = `'(?P<addr>[^/]+)/(?P<bits>\d+)'`
	for _, tt := range []struct {
		name, old, with string
		want            string // see refuses
	}{
		{"a migration that is not a mapping", "  - from: 2\n    split:\n      cidr: {pattern: " + cidr + "}\n", "  - none\n", `104: migrations[1]: |mapping`},
		{"a migration with an unknown key", "    dropped: ", "    removed: ", `102: migrations[0]: |unknown key "removed"`},
		{"a migration without from", "  - from: 1\n    dropped", "  - dropped", `101: migrations[0]: |"from" is missing`},
		{"a migration from version zero", "  - from: 1\n", "  - from: 0\n", `101: migrations[0].from: |before this one, which is 4`},
		{"a migration from this version", "  - from: 3\n", "  - from: 4\n", `107: migrations[2].from: |before this one, which is 4`},
		{"a migration from a version as text", "  - from: 3\n", "  - from: '3'\n", `107: migrations[2].from: |whole number`},
		{"two migrations from one version", "  - from: 2\n", "  - from: 1\n", `104: migrations[1].from: |in the order of their versions`},
		{"migrations in another order", "  - from: 1\n", "  - from: 3\n", `104: migrations[1].from: |in the order of their versions`},
		{"migrations that are not a list", everything[strings.Index(everything, "migrations:"):], "migrations: none\n", `100: migrations: |at least one`},
		{"dropped that is empty", "[clustered, login.realm]", "[]", `102: migrations[0].dropped: |at least one`},
		{"dropped with an invalid path", "[clustered, login.realm]", "[Clustered]", `102: migrations[0].dropped[0]: |neither an id nor a path`},
		{"dropped by a path with an index", "login.realm", "'login[0].realm'", `102: migrations[0].dropped[1]: |neither an id nor a path`},
		{"dropped twice", "[clustered, login.realm]", "[clustered, clustered]", `102: migrations[0].dropped[1]: |"clustered" is repeated`},
		{"dropped and renamed", "[clustered, login.realm]", "[clustered, ram]", `103: migrations[0].renamed.ram: |"ram" is named twice in this migration`},
		{"renamed and split", "    renamed: {mem: memory}", "    renamed: {mem: memory}\n    split: {mem: {pattern: '(?P<bits>.+)'}}", `109: migrations[2].split.mem: |"mem" is named twice in this migration`},
		{"renamed that is not a mapping", "{mem: memory}", "[mem]", `108: migrations[2].renamed: |mapping`},
		{"renamed from an invalid path", "volumes.size: size_gb", "'volumes[].size': size_gb", `103: migrations[0].renamed.volumes[].size: |neither an id nor a path`},
		{"renamed to a path", "volumes.size: size_gb", "volumes.size: disks.size_gb", `103: migrations[0].renamed.volumes.size: |"disks.size_gb" is not a valid id: use the new id only, a field cannot be moved to another object`},
		{"renamed to nothing", "{mem: memory}", "{mem: ''}", `108: migrations[2].renamed.mem: |must not be empty`},
		{"renamed to a number", "{mem: memory}", "{mem: 7}", `108: migrations[2].renamed.mem: |put 7 in quotes`},
		{"renamed to an unknown field", "{mem: memory}", "{mem: memry}", `108: migrations[2].renamed.mem: |neither this schema nor a later migration has the field "memry"`},
		{"renamed to an unknown nested field", "volumes.size: size_gb", "volumes.size: gigabytes", `103: migrations[0].renamed.volumes.size: |neither this schema nor a later migration has the field "disks.gigabytes"`},
		{"renamed to a field that later migrations do not know", "{ram: mem,", "{ram: mems,", `103: migrations[0].renamed.ram: |neither this schema nor a later migration has the field "mems"`},
		{"two renamed to the same", "{ram: mem,", "{rom: mem, ram: mem,", `103: migrations[0].renamed.ram: |another field is already renamed to "mem"`},
		{"split that is not a mapping", "cidr: {pattern: " + cidr + "}", "cidr: " + cidr, `106: migrations[1].split.cidr: |mapping`},
		{"split from an invalid path", "      cidr: ", "      Cidr: ", `106: migrations[1].split.Cidr: |neither an id nor a path`},
		{"split without pattern", "{pattern: " + cidr + "}", "{}", `106: migrations[1].split.cidr: |"pattern" is missing`},
		{"split with an unknown key", "{pattern: " + cidr + "}", "{pattern: " + cidr + ", to: addr}", `106: migrations[1].split.cidr: |unknown key "to"`},
		{"split by a broken pattern", cidr, `'(?P<addr>'`, `106: migrations[1].split.cidr.pattern: |does not compile`},
		{"split by a pattern that only compiles in brackets", cidr, `'a)(?P<addr>b'`, `106: migrations[1].split.cidr.pattern: |does not compile`},
		{"split into nothing", cidr, `'([^/]+)/(\d+)'`, `106: migrations[1].split.cidr.pattern: |must have a named group for each part, such as (?P<id>…) for the field id`},
		{"split into an unknown field", "<addr>", "<address>", `106: migrations[1].split.cidr: |neither this schema nor a later migration has the field "address"`},
		{"retyped that is not a mapping", "bits: {from: string}", "bits: string", `110: migrations[2].retyped.bits: |mapping`},
		{"retyped with an invalid path", "bits: {from: string}", "Bits: {from: string}", `110: migrations[2].retyped.Bits: |neither an id nor a path`},
		{"retyped without from", "bits: {from: string}", "bits: {}", `110: migrations[2].retyped.bits: |"from" is missing`},
		{"retyped from an unknown type", "bits: {from: string}", "bits: {from: text}", `110: migrations[2].retyped.bits.from: |unknown type "text"`},
		{"retyped from an object", "bits: {from: string}", "bits: {from: object}", `110: migrations[2].retyped.bits.from: |unknown type "object"`},
		{"retyped with an unknown key", "bits: {from: string}", "bits: {from: string, to: integer}", `110: migrations[2].retyped.bits: |unknown key "to"`},
		{"retyped an unknown field", "bits: {from: string}", "bit: {from: string}", `110: migrations[2].retyped.bit: |neither this schema nor a later migration has the field "bit"`},
		{"retyped a field by the id that it had", "bits: {from: string}", "mem: {from: string}", `110: migrations[2].retyped.mem: |neither this schema nor a later migration has the field "mem"`},
		{"values that are not a mapping", "{'yes': 'true', 'no': 'false'}", "['yes', 'no']", `111: migrations[2].retyped.fast.values: |mapping`},
		{"values by a boolean", "{'true': fixed,", "{true: fixed,", `113: migrations[2].retyped.disks.kind.values: |a key must be text`},
		{"a value that is not text", "'no': 'false'", "'no': false", `111: migrations[2].retyped.fast.values.no: |put false in quotes`},
		{"a value that the field does not take", "'false': dynamic", "'false': thin", `113: migrations[2].retyped.disks.kind.values.false: |the value "thin" is invalid: kind cannot be "thin": use "dynamic" or "fixed"`},
		{"a value of another type", "'no': 'false'", "'no': 'off'", `111: migrations[2].retyped.fast.values.no: |the value "off" is invalid: fast must be true or false, but is "off": use true or false`},
		{"a value for the items of a list", "tags: {from: string}", "tags: {from: string, values: {a: B}}", `112: migrations[2].retyped.tags.values.a: |the value "B" is invalid: tags[0] cannot be "B": match the pattern [a-z]+`},
		{"a value that a renamed field does not take", "    renamed: {ram: mem,", "    retyped: {mem: {from: string, values: {big: '65'}}}\n    renamed: {ram: mem,", `103: migrations[0].retyped.mem.values.big: |the value "65" is invalid: memory must be between 1 and 64, but is 65: use a value between 1 and 64`},
		{"a migration whose field has a fault", "  - id: fast\n", "  - id: Fast\n", `38: fields[5].id: |"Fast" is not a valid id: use lower-case letters, digits and underscores, starting with a letter`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			refuses(t, everything, tt.old, tt.with, tt.want)
		})
	}
}

func TestLoadAcceptsMigrationsThatLaterOnesContinue(t *testing.T) {
	t.Parallel()
	const head = `id: lab
version: 4
fields:
  - {id: a, type: string}
  - {id: o, type: object, fields: [{id: x, type: integer}]}
migrations:
`
	for name, migrations := range map[string]string{
		"renamed, and renamed once more":             "  - {from: 1, renamed: {z: y}}\n  - {from: 2, renamed: {y: a}}\n",
		"renamed, and dropped":                       "  - {from: 1, renamed: {z: y}}\n  - {from: 3, dropped: [y]}\n",
		"renamed, then split":                        "  - {from: 1, renamed: {z: y}}\n  - {from: 3, split: {y: {pattern: '(?P<a>.*)'}}}\n",
		"split into a field that is renamed later":   "  - {from: 1, split: {z: {pattern: '(?P<y>.*)'}}}\n  - {from: 3, renamed: {y: a}}\n",
		"split into a field that is dropped later":   "  - {from: 1, renamed: {a: b}, split: {z: {pattern: '(?P<a>.*)'}}}\n  - {from: 3, dropped: [b]}\n",
		"retyped, and renamed":                       "  - {from: 1, retyped: {y: {from: integer, values: {'1': one}}}}\n  - {from: 3, renamed: {y: a}}\n",
		"retyped, and dropped with its parent":       "  - {from: 1, retyped: {p.x: {from: string}}}\n  - {from: 3, dropped: [p]}\n",
		"renamed in an object that is renamed later": "  - {from: 1, renamed: {p.w: x}}\n  - {from: 2, renamed: {p: o}}\n",
		"renamed in a renamed object":                "  - {from: 1, renamed: {p.w: x, p: o}}\n",
		"renamed in an object, then renamed again":   "  - {from: 1, renamed: {p: o}}\n  - {from: 2, renamed: {o.w: x}}\n",
		"split in a renamed object":                  "  - {from: 1, renamed: {p: o}, split: {p.w: {pattern: '(?P<x>.*)'}}}\n",
		"two fields that change places":              "  - {from: 1, renamed: {a: b, b: a}}\n  - {from: 2, dropped: [b]}\n",
	} {
		if _, err := jobschema.Load("lab.yaml", []byte(head+migrations)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
