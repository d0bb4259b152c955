// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

func TestAFieldAppliesWhenAnotherIsNotSet(t *testing.T) {
	t.Parallel()
	s := load(t, `
id: disks
version: 1
fields:
  - id: disks
    type: list
    items:
      type: object
      fields:
        - {id: path, type: string}
        - {id: size, type: integer, required: true, applicability: {path: []}}
        - {id: kind, type: enum, default: thin, validations: {one_of: [thin, thick]}, applicability: {path: []}}
`)
	for _, tt := range []struct {
		name   string
		disk   m
		faults []string
		fields string // of the validated disk
	}{
		{"the other is not set", m{"size": 1}, nil, `{"size":1,"kind":"thin"}`},
		{"the other is empty", m{"path": "", "size": 1, "kind": "thick"}, nil, `{"size":1,"kind":"thick"}`},
		{"the other is set", m{"path": "a"}, nil, `{"path":"a"}`},
		{"both are set", m{"path": "a", "size": 1}, []string{"disks[0].size applicability"}, ""},
		{"neither is set", m{}, []string{"disks[0].size required"}, ""},
		{"a default is set all the same", m{"path": "a", "kind": "thin"}, []string{"disks[0].kind applicability"}, ""},
	} {
		fields, err := s.Validate(m{"disks": []any{tt.disk}})
		if got := rules(faultsOf(t, err)); !reflect.DeepEqual(got, tt.faults) {
			t.Errorf("%s: faults %v, want %v", tt.name, got, tt.faults)
		}
		if text, _ := json.Marshal(fields); tt.faults == nil && string(text) != `{"disks":[`+tt.fields+`]}` {
			t.Errorf("%s: %s", tt.name, text)
		}
	}
	if faults := s.ValidatePartial(m{"disks": []any{m{"path": jobschema.Unknown}, m{"path": jobschema.Unknown, "size": 1}}}); len(faults) > 0 {
		t.Errorf("an unknown value decides: %v", faults)
	}
	_, err := s.Validate(m{"disks": []any{m{"path": "a", "size": 1}}})
	if !strings.Contains(err.Error(), "does not apply when disks[0].path is \"a\"") || !strings.Contains(err.Error(), "remove it, or remove disks[0].path") {
		t.Errorf("the error is %v", err)
	}
	if _, err = s.Validate(m{"disks": []any{m{}}}); !strings.Contains(err.Error(), "set disks[0].size, or set path") {
		t.Errorf("the error is %v", err)
	}
	if docs := s.Fields[0].Items.Fields[1].Docs(); !strings.Contains(docs, "Applies only when `path` is not set.") {
		t.Errorf("the documentation is %s", docs)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if again := load(t, string(text)); !reflect.DeepEqual(again.Fields[0].Items.Fields[1].Applicability, s.Fields[0].Items.Fields[1].Applicability) {
		t.Errorf("written and read again: %s", text)
	}
}
