// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"encoding/json"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

func TestValuesAreComparedByTheirMeaning(t *testing.T) {
	t.Parallel()
	s, err := jobschema.Load("lab.yaml", []byte(`id: lab
version: 1
fields:
  - {id: switch, type: string, ignore_case: true, validations: {max_length: 8}}
  - {id: notes, type: string}
  - {id: size, type: integer}
  - {id: key, type: multiline}
  - {id: mac, type: mac}
  - {id: vlan, type: integer, validations: {minimum: 1, zero_is_none: true}}
  - id: adapters
    type: list
    items:
      type: object
      fields:
        - {id: name, type: string, required: true}
        - {id: switch, type: string, ignore_case: true}
        - {id: vlan, type: integer, validations: {minimum: 1, zero_is_none: true}}
        - {id: mac, type: mac}
`))
	if err != nil {
		t.Fatal(err)
	}
	adapter := func(name, sw string, vlan any) []any {
		return []any{map[string]any{"name": name, "switch": sw, "vlan": vlan}}
	}
	for _, c := range []struct {
		field string
		a, b  any
		want  bool
	}{
		{"switch", "External", "EXTERNAL", true},
		{"switch", "Stra\u00dfe", "STRA\u1e9eE", true},
		{"switch", "External", "Internal", false},
		{"switch", nil, "", true},
		{"switch", nil, "External", false},
		{"switch", "much too long", "Much too long", false}, // not a value of the field
		{"switch", "External", jobschema.Unknown, false},
		{"switch", jobschema.Unknown, jobschema.Unknown, false},
		{"notes", "a", "A", false},
		{"size", json.Number("8"), 8.0, true},
		{"size", 8, "9", false},
		{"key", "ssh-ed25519 AAAA\r\n", "ssh-ed25519 AAAA", true},
		{"key", "ssh-ed25519 AAAA", "ssh-ed25519  AAAA", false},
		{"mac", "00:15:5d:00:10:20", "00155D001020", true},
		{"mac", "0015.5D00.1020", "00-15-5D-00-10-20", true},
		{"mac", "00155D001020", "00155D001021", false},
		{"mac", "", nil, true},
		{"vlan", nil, json.Number("0"), true},
		{"vlan", nil, 1, false},
		{"adapters", nil, []any{}, true},
		{"adapters", adapter("a", "Storage", nil), nil, false},
		{"adapters", adapter("a", "Storage", nil), adapter("a", "storage", 0), true},
		{"adapters", adapter("a", "Storage", json.Number("5")), adapter("a", "storage", 5.0), true},
		{"adapters", adapter("a", "Storage", nil), adapter("A", "storage", nil), false},
		{"adapters", adapter("a", "Storage", nil), adapter("a", "storage", 5), false},
		{"adapters", adapter("a", "Storage", nil), append(adapter("a", "Storage", nil), adapter("b", "x", nil)...), false},
	} {
		f, _ := s.Field(c.field)
		if got := f.Equal(c.a, c.b); got != c.want {
			t.Errorf("%s: %v and %v are equal: %v", c.field, c.a, c.b, got)
		}
		if f.Equal(c.a, c.b) != f.Equal(c.b, c.a) {
			t.Errorf("%s: the order of %v and %v is significant", c.field, c.a, c.b)
		}
	}
	if _, err := jobschema.Load("lab.yaml", []byte("id: lab\nversion: 1\nfields:\n  - {id: n, type: integer, ignore_case: true}\n")); err == nil {
		t.Error("ignore_case of an integer is accepted")
	}
}
