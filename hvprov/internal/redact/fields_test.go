// SPDX-License-Identifier: MPL-2.0

package redact_test

import (
	"reflect"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

const fieldsSchema = `
id: fields
version: 1
name: Fields
description: For tests.
fields:
  - {id: name, label: Name, description: A name., type: string}
  - {id: size, label: Size, description: A size., type: integer}
  - {id: password, label: Password, description: A secret., type: secret}
  - {id: tags, label: Tags, description: Some tags., type: list, items: {type: string}}
  - id: disks
    label: Disks
    description: Objects in a list.
    type: list
    items:
      type: object
      fields:
        - {id: path, label: Path, description: A path., type: string}
        - {id: key, label: Key, description: A secret., type: secret}
`

type m = map[string]any

func TestFieldsMasksWhatTheSchemaCallsSecretAndWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	schema, err := jobschema.Load("fields.yaml", []byte(fieldsSchema))
	if err != nil {
		t.Fatal(err)
	}
	const mask = redact.Mask
	for _, tt := range []struct {
		name         string
		values, want m
	}{
		{"none", nil, nil},
		{"what is no secret stays", m{"name": "web", "size": 4, "tags": []any{"a"}}, m{"name": "web", "size": 4, "tags": []any{"a"}}},
		{"a secret", m{"password": "x"}, m{"password": mask}},
		{"an empty secret", m{"password": ""}, m{"password": mask}},
		{"a secret that is not set", m{"password": nil}, m{"password": nil}},
		{"a secret of another type", m{"password": []any{1}}, m{"password": mask}},
		{"fields that the schema does not have, beside a secret", m{"password_wo": "x", "password_wo_version": int64(2)}, m{"password_wo": mask, "password_wo_version": mask}},
		{"secrets in objects", m{"disks": []any{m{"path": "p", "key": "x"}}}, m{"disks": []any{m{"path": "p", "key": mask}}}},
		{"secrets in typed objects", m{"disks": []any{job.Fields{{ID: "path", Value: "p"}, {ID: "key", Value: "x"}}}}, m{"disks": []any{m{"path": "p", "key": mask}}}},
		{"secrets in a list of maps", m{"disks": []m{{"key": "x"}}}, m{"disks": []any{m{"key": mask}}}},
		{"an unknown field", m{"other": "x"}, m{"other": mask}},
		{"an unknown part", m{"disks": []any{m{"other": "x"}}}, m{"disks": []any{m{"other": mask}}}},
		{"the version of no secret", m{"name_wo_version": "x"}, m{"name_wo_version": mask}},
		{"an object where there is none", m{"name": m{"password": "x"}}, m{"name": mask}},
		{"a list where there is none", m{"name": []any{"x"}}, m{"name": mask}},
		{"a text where a list is", m{"tags": "x", "disks": "y"}, m{"tags": mask, "disks": mask}},
		{"a kind that fields do not have", m{"name": []byte("x"), "size": struct{ X string }{"x"}}, m{"name": mask, "size": mask}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := redact.Fields(schema, tt.values); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestFieldsWithoutASchemaMasksAll(t *testing.T) {
	t.Parallel()
	if got := redact.Fields(nil, m{"a": 1, "b": nil}); !reflect.DeepEqual(got, m{"a": redact.Mask, "b": nil}) {
		t.Errorf("got %v", got)
	}
}

func TestFieldsIsACopy(t *testing.T) {
	t.Parallel()
	schema, err := jobschema.Load("fields.yaml", []byte(fieldsSchema))
	if err != nil {
		t.Fatal(err)
	}
	given := m{"tags": []any{"a"}, "disks": []any{m{"key": "x"}}, "password": "x"}
	clean := redact.Fields(schema, given)
	clean["tags"].([]any)[0] = "changed"
	clean["disks"].([]any)[0].(m)["key"] = "changed"
	if want := (m{"tags": []any{"a"}, "disks": []any{m{"key": "x"}}, "password": "x"}); !reflect.DeepEqual(given, want) {
		t.Errorf("what was given is now %v", given)
	}
}
