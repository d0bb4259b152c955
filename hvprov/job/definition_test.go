// SPDX-License-Identifier: MPL-2.0

package job_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// full returns a definition with a value of each kind, and text that JSON encoders change.
func full() job.Definition {
	return job.Definition{
		Schema:    job.SchemaRef{ID: "vm-provisioning", Version: 1},
		Operation: job.OperationProvision,
		Fields: job.Fields{
			{ID: "vm_name", Value: "web-01"},
			{ID: "notes", Value: "Zürich, 東京 & <b>\"quoted\"</b>\nC:\\path\t😀"},
			{ID: "gb_ram", Value: int64(4)},
			{ID: "share", Value: 0.25},
			{ID: "guest_la_pw", Value: "  p@ss 'w' "},
			{ID: "vm_clustered", Value: false},
			{ID: "dns_servers", Value: []any{"10.0.0.53", "fd00::53"}},
			{ID: "data_disks", Value: []any{
				job.Fields{{ID: "size_gb", Value: int64(40)}, {ID: "label", Value: "Daten <ä>"}, {ID: "fixed", Value: true}},
				job.Fields{{ID: "label", Value: "logs"}, {ID: "size_gb", Value: 0.5}},
			}},
		},
	}
}

// isInvalid reports whether an error says that a definition is invalid.
func isInvalid(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "invalid job definition: ")
}

func TestADefinitionIsEncodedAsTheGoldenFile(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(filepath.Join("testdata", "definition.json"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := full().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	parsed, err := job.ParseDefinition(got)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(parsed, full()) {
		t.Errorf("after a round trip: %#v", parsed.Fields.Map())
	}
}

func TestEqualNumbersAreEncodedEqually(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"an int", 4, "4"},
		{"an int64", int64(4), "4"},
		{"a whole float64", 4.0, "4"},
		{"a whole json.Number", json.Number("4.0"), "4"},
		{"a large whole float64", 1e18, "1000000000000000000"},
		{"the largest int64", int64(math.MaxInt64), "9223372036854775807"},
		{"minus zero", math.Copysign(0, -1), "0"},
		{"a fraction", json.Number("0.50"), "0.5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := job.Fields{{ID: "n", Value: tt.value}}.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if want := `{"n":` + tt.want + `}`; string(got) != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestADefinitionThatParseWouldRefuseIsNotEncoded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*job.Definition)
		want   string
	}{
		{"no schema id", func(d *job.Definition) { d.Schema.ID = "" }, "no id"},
		{"no schema version", func(d *job.Definition) { d.Schema.Version = 0 }, "version 0"},
		{"an unknown operation", func(d *job.Definition) { d.Operation = "destroy" }, `"destroy"`},
		{"no operation", func(d *job.Definition) { d.Operation = "" }, "operation"},
		{"a field without id", func(d *job.Definition) { d.Fields[1].ID = "" }, "number 2"},
		{"a repeated field", func(d *job.Definition) { d.Fields[1].ID = "vm_name" }, "twice"},
		{"a null", func(d *job.Definition) { d.Fields[1].Value = nil }, `"notes"`},
		{"a list of another type", func(d *job.Definition) { d.Fields[1].Value = []string{"a"} }, `"notes"`},
		{"text that is not UTF-8", func(d *job.Definition) { d.Fields[1].Value = "\xff" }, "UTF-8"},
		{"infinity", func(d *job.Definition) { d.Fields[1].Value = math.Inf(1) }, "range"},
		{"not a number", func(d *job.Definition) { d.Fields[1].Value = math.NaN() }, "range"},
		{"a number larger than an int64", func(d *job.Definition) { d.Fields[1].Value = 1e300 }, "range"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := full()
			tt.change(&d)
			_, err := d.MarshalJSON()
			if !isInvalid(err) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an invalid definition with %q", err, tt.want)
			}
		})
	}
}

func TestParseDefinitionRefusesUnknownInput(t *testing.T) {
	t.Parallel()
	const ok = `{"schema":{"id":"s","version":1},"operation":"update","fields":{"a":"x"}}`
	if _, err := job.ParseDefinition([]byte(ok)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, old, with, want string }{
		{"an unknown key", `"fields"`, `"host":"h","fields"`, `"host"`},
		{"an unknown key of the schema", `"version":1`, `"version":1,"name":"n"`, `"name"`},
		{"a key in another letter case", `"fields"`, `"Fields"`, `"Fields"`},
		{"a missing key", `,"fields":{"a":"x"}`, ``, `lacks the key "fields"`},
		{"a missing schema version", `,"version":1`, ``, `lacks the key "version"`},
		{"a repeated key", `"fields"`, `"operation":"update","fields"`, `"operation" twice`},
		{"a repeated field", `"a":"x"`, `"a":"x","a":"y"`, `"a" twice`},
		{"an unknown operation", `"update"`, `"destroy"`, `"destroy"`},
		{"an operation that is not text", `"update"`, `3`, "operation"},
		{"a version as text", `"version":1`, `"version":"1"`, "version"},
		{"a version with a fraction", `"version":1`, `"version":1.5`, "version"},
		{"version zero", `"version":1`, `"version":0`, "version"},
		{"an empty schema id", `"s"`, `""`, "id"},
		{"a field with a null", `"x"`, `null`, `"a"`},
		{"a field without id", `"a":`, `"":`, "no id"},
		{"a number out of range", `"x"`, `1e400`, "range"},
		{"fields that are a list", `{"a":"x"}`, `[]`, "fields is not an object"},
		{"data after the end", ok, ok + `{}`, "more data"},
		{"half a definition", `"x"}}`, `"x"`, "not JSON"},
		{"nothing", ok, ``, "not JSON"},
		{"text that is not UTF-8", `"x"`, "\"\xff\"", "UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := job.ParseDefinition([]byte(strings.Replace(ok, tt.old, tt.with, 1)))
			if !isInvalid(err) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an invalid definition with %q", err, tt.want)
			}
		})
	}
}

func TestParseErrorsContainNoValue(t *testing.T) {
	t.Parallel()
	_, err := job.ParseDefinition([]byte(`{"schema":{"id":"s","version":1},"operation":"update","fields":{"pw":"hunter2" hunter2}}`))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want an error without the value", err)
	}
}

func TestFieldsCanBeReadByIDAndAsAMap(t *testing.T) {
	t.Parallel()
	f := job.Fields{{ID: "b", Value: "x"}, {ID: "a", Value: int64(1)}}
	if v, ok := f.Get("a"); !ok || v != int64(1) {
		t.Errorf("a is %v, %v", v, ok)
	}
	if _, ok := f.Get("c"); ok {
		t.Error("field c is present")
	}
	if got := fmt.Sprint(f); got != "fields b, a" {
		t.Errorf("formatted as %q", got)
	}
	if got := f.Map(); !reflect.DeepEqual(got, map[string]any{"b": "x", "a": int64(1)}) {
		t.Errorf("map is %v", got)
	}
	if got, err := job.Fields(nil).MarshalJSON(); err != nil || string(got) != "{}" {
		t.Errorf("no fields are encoded as %s, %v", got, err)
	}
}
