// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// marshalled checks that a schema is unchanged when it is encoded as JSON and loaded, and returns the JSON.
func marshalled(t *testing.T, s *jobschema.Schema) []byte {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	again, err := jobschema.Load("schema.json", text)
	if err != nil {
		t.Fatalf("not loaded: %v\n%s", err, text)
	}
	second, err := again.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	// json.Marshal escapes more characters than MarshalJSON.
	first, err := s.MarshalJSON()
	if err != nil || !bytes.Equal(first, second) {
		t.Fatalf("encoded differently, %v:\n%s\n%s", err, first, second)
	}
	if a, b := exported(reflect.ValueOf(s)), exported(reflect.ValueOf(again)); !reflect.DeepEqual(a, b) {
		t.Fatalf("loaded differently:\n%v\n%v", a, b)
	}
	if err := again.CheckCompatible(s); err != nil {
		t.Fatalf("not compatible with itself: %v", err)
	}
	return first
}

// exported returns a value without unexported fields.
func exported(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		return exported(v.Elem())
	case reflect.Struct:
		fields := map[string]any{}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fields[f.Name] = exported(v.Field(i))
			}
		}
		return fields
	case reflect.Slice:
		var items []any
		for i := range v.Len() {
			items = append(items, exported(v.Index(i)))
		}
		return items
	}
	return v.Interface()
}

func TestAMarshalledSchemaIsEqual(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"the default schema":                          string(schemas.JobInputs()),
		"a schema with every key":                     everything,
		"a small one":                                 small,
		"a custom schema":                             web,
		"a custom schema with nested fields":          shop,
		"text that YAML would decode as another type": "id: a\nversion: 1\nfields: [{id: a, type: string, default: 'true'}, {id: b, type: string, default: '12'}, {id: c, type: string, hint: '~', label: '<<', description: '2020-01-01'}]",
		"special characters": "id: a\nversion: 1\nname: \"\\x7f \\x85 \\u2028 \\ufeff \\ufffe \\uffff \\U0001F600 \\0 \\e <&> \\\\ \\\" '\"\n" +
			"fields: [{id: a, type: enum, validations: {one_of: [\"a\\x85\", \" \\u2029b\"]}}]",
		"numbers": "id: a\nversion: 1\nfields: [{id: a, type: number, default: 1e-7, validations: {minimum: -0.0, maximum: 9e18}}, " +
			"{id: b, type: integer, default: 9223372036854775807}, {id: c, type: number, default: 3}]",
		"aliases": "id: a\nversion: 1\nfields:\n  - &f {id: a, type: string}\n  - {id: b, type: object, fields: [*f]}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := jobschema.Load("schema.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			marshalled(t, s)
		})
	}
}

func TestTheJSONOfASchemaOmitsEmptyKeys(t *testing.T) {
	t.Parallel()
	text := marshalled(t, load(t, "id: a\nversion: 1\nfields:\n  - {id: x, type: list, items: {type: integer, validations: {minimum: 0}}}\n"))
	want := `{"id":"a","version":1,"fields":[{"id":"x","type":"list","change":"replace","items":{"type":"integer","validations":{"minimum":0}}}]}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if strings.Contains(string(marshalled(t, jobInputs(t))), "null") {
		t.Error("there are nulls")
	}
}
