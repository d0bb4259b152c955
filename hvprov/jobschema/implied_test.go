// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"reflect"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

const impliedText = `id: lab
version: 4
fields:
  - {id: image, type: string}
  - {id: os, type: enum, validations: {one_of: [linux, windows]}, infer: {from: image, rules: [{pattern: ^win, value: windows}, {pattern: ubuntu, value: linux}]}}
  - {id: memory, type: integer, default: 4}
  - {id: notes, type: string, default: none, observed: notes}
  - {id: fast, type: boolean, default: false}
  - {id: domain, type: string, default: corp, applicability: {os: [windows], fast: ['true']}}
  - {id: box, type: object, fields: [{id: keep, type: integer, default: 7}, {id: label, type: string}]}
  - {id: volumes, type: list, items: {type: object, fields: [{id: kind, type: string, default: data}, {id: pass, type: secret}]}}
migrations:
  - {from: 1, renamed: {disks: drives, disks.secret: key}}
  - {from: 2, renamed: {drives: volumes, login: box}}
  - {from: 3, renamed: {volumes.key: pass, mem: memory}}
`

func impliedSchema(t *testing.T) *jobschema.Schema {
	t.Helper()
	s, err := jobschema.Load("lab.yaml", []byte(impliedText))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAFieldAppliesUnlessAValueItDependsOnIsKnownAndNotAllowed(t *testing.T) {
	t.Parallel()
	s := impliedSchema(t)
	for _, tt := range []struct {
		name   string
		field  string
		values m
		want   bool
	}{
		{"no values", "domain", nil, true},
		{"all allowed", "domain", m{"os": "windows", "fast": true}, true},
		{"a boolean as text", "domain", m{"os": "windows", "fast": "true"}, true},
		{"another value", "domain", m{"os": "linux", "fast": true}, false},
		{"another boolean", "domain", m{"os": "windows", "fast": false}, false},
		{"nil and unknown values", "domain", m{"os": nil, "fast": jobschema.Unknown}, true},
		{"one unknown, the other not allowed", "domain", m{"os": jobschema.Unknown, "fast": false}, false},
		{"a field without applicability", "memory", m{"os": "linux"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, _ := s.Field(tt.field)
			if got := f.Applies(tt.values); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestCompleteAddsDefaultsAndInferredValuesButNotToObservedFields(t *testing.T) {
	t.Parallel()
	s := impliedSchema(t)
	for _, tt := range []struct {
		name         string
		values, want m
	}{
		{"nothing", m{}, m{"memory": int64(4), "fast": false, "domain": "corp"}},
		{
			"nil counts as absent",
			m{"memory": nil, "notes": nil, "os": nil, "image": "win-2025"},
			m{"memory": int64(4), "notes": nil, "os": "windows", "image": "win-2025", "fast": false, "domain": "corp"},
		},
		{
			"values are kept, and so are ids of no field",
			m{"memory": 8.0, "os": "linux", "image": "win", "host": "hv01", "fast": true, "domain": ""},
			m{"memory": 8.0, "os": "linux", "image": "win", "host": "hv01", "fast": true, "domain": ""},
		},
		{
			"within objects and lists",
			m{"memory": 1, "fast": true, "domain": "x", "box": m{"label": "a", "keep": nil}, "volumes": []any{m{}, nil, m{"kind": "log"}}},
			m{"memory": 1, "fast": true, "domain": "x", "box": m{"label": "a", "keep": int64(7)}, "volumes": []any{m{"kind": "data"}, nil, m{"kind": "log"}}},
		},
		{
			"a value that nothing infers",
			m{"memory": 1, "fast": true, "domain": "x", "image": "beos"},
			m{"memory": 1, "fast": true, "domain": "x", "image": "beos"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before := reflect.ValueOf(tt.values).Len()
			if got := s.Complete(tt.values); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %v\nwant %v", got, tt.want)
			}
			if len(tt.values) != before {
				t.Errorf("the values passed were changed to %v", tt.values)
			}
		})
	}
}

func TestCurrentPathFollowsTheRenamingsOfTheMigrations(t *testing.T) {
	t.Parallel()
	s := impliedSchema(t)
	for _, tt := range []struct {
		from       int
		path, want string
	}{
		{1, "disks[2].secret", "volumes[2].pass"},
		{1, "disks[0]", "volumes[0]"},
		{1, "disks", "volumes"},
		{2, "drives[1].key", "volumes[1].pass"},
		{3, "volumes[1].key", "volumes[1].pass"},
		{4, "volumes[1].key", "volumes[1].key"},
		{1, "login.password", "box.password"},
		{2, "disks[2].secret", "disks[2].secret"},
		{3, "mem", "memory"},
		{1, "image", "image"},
		{1, "not a path", "not a path"},
		{1, "", ""},
	} {
		if got := s.CurrentPath(tt.from, tt.path); got != tt.want {
			t.Errorf("from version %d, %q: got %q, want %q", tt.from, tt.path, got, tt.want)
		}
	}
}
