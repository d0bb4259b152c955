// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// plainOdd are values of the types of JSON, and odd those of Go programs. Most are invalid for any field.
var (
	plainOdd = []any{
		nil, "", " ", "x", "true", "1", json.Number("1"), json.Number("-0.5e3"), 1.5, int64(7), true,
		[]any{},
		[]any{nil, "x"},
		[]any{m{"a": "x"}, m{}, 1},
		m{},
		m{"a": nil},
		"192.0.2.1", strings.Repeat("x", 300), "\xff",
	}
	odd = append([]any{
		jobschema.Unknown,
		[]any{nil, jobschema.Unknown},
		m{"b": jobschema.Unknown},
		[]string{"x"},
		[]m{{"a": "b"}},
		job.Fields{{ID: "a", Value: "x"}},
		struct{}{},
		uint8(3),
	}, plainOdd...)
)

// FuzzLoad checks that Load does not panic for any file, and that a schema that it accepts can be used.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(everything))
	f.Add([]byte(web))
	f.Add([]byte(shop))
	f.Add(schemas.JobInputs())
	f.Add([]byte("a: &a [*a]\n<<: *a\n"))
	f.Add([]byte("id: a\nversion: 1\nname: \"\\x7f\"\nfields: [{id: a, type: number, default: 1e-7, validations: {minimum: -0.0}}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := jobschema.Load("fuzz.yaml", data)
		if err != nil {
			var load *jobschema.LoadError
			if !errors.As(err, &load) || len(load.Faults) == 0 {
				t.Fatalf("got an error without a fault: %v", err)
			}
			return
		}
		// Expanded aliases may exceed the size that is read.
		if text, err := s.MarshalJSON(); err != nil || len(text) <= 1<<20 {
			marshalled(t, s)
		}
		for i := range s.Fields {
			keepsItsRules(t, &s.Fields[i])
			if s.Fields[i].Docs() == "" {
				t.Fatalf("%s has no documentation", s.Fields[i].ID)
			}
		}
		for k := range odd {
			values := m{}
			for i := range s.Fields {
				values[s.Fields[i].ID] = odd[(i+k)%len(odd)]
			}
			_, _ = s.Validate(values)
			_ = s.ValidatePartial(values)
			for _, migration := range migrations(t, s) {
				for path := range migration.Renamed {
					values[path] = odd[k]
				}
				for path := range migration.Split {
					values[path] = odd[k]
				}
				_, _ = s.Migrate(migration.From, values)
			}
		}
		_, _ = jobschema.Translate(s, jobInputs(t))
		_, _ = jobschema.Translate(jobInputs(t), s)
	})
}

// migration is the part of a migration that names the fields before it.
type migration struct {
	From           int
	Renamed, Split map[string]any
}

// migrations returns the migrations of a schema.
func migrations(t *testing.T, s *jobschema.Schema) []migration {
	text, err := s.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Migrations []migration }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Migrations
}

// keepsItsRules checks that the default and the inferred values of a field are valid.
func keepsItsRules(t *testing.T, f *jobschema.Field) {
	if f.Default != nil {
		if v, fault := f.Check(f.Default); fault != nil || v != f.Default {
			t.Fatalf("the default of %s is invalid: %v", f.ID, fault)
		}
	}
	if f.Infer != nil {
		for _, r := range f.Infer.Rules {
			if v, fault := f.Check(r.Value); fault != nil || v != r.Value {
				t.Fatalf("an inferred value of %s is invalid: %v", f.ID, fault)
			}
		}
	}
	for i := range f.Fields {
		keepsItsRules(t, &f.Fields[i])
	}
	if f.Items != nil {
		keepsItsRules(t, f.Items)
	}
}

// FuzzValidate checks that values which Validate accepts satisfy the schema according to the verifier, and that a second validation
// changes nothing.
func FuzzValidate(f *testing.F) {
	add := func(schema string, values m) {
		text, err := json.Marshal(values)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(schema), text)
	}
	inputs := string(schemas.JobInputs())
	for _, change := range []m{
		nil, full, static(nil), domain(m{"guest_domain_joinou": "OU=x"}), ansible(nil), static(m{"guest_v4_dns2": "192.0.2.54"}),
		{"os_family": nil},
		{"os_family": "linux", "guest_domain_joinpw": "hunter2hunter2"},
		{"gb_ram": "8", "vlan_id": "4095", "vm_name": "web*"},
		{"gb_ram": 8.5, "cpu_cores": true, "notes": "a\tb\n", "vm_clustered": "true", "zzz": nil},
		static(m{"guest_v4_cidrprefix": 31}),
	} {
		add(inputs, with(change))
	}
	for _, change := range []m{
		nil, disks(nil), disks(m{"label": "a"}, m{"label": "A"}), disks(m{"kind": "fixed", "block": 512, "key": "k3y!", "mounts": []any{"/a", "/b"}}),
		disks(m{"block": 1}, m{"size_gb": 101}),
		{"login": m{"user": "u", "password": " p w "}},
		{"login": m{}},
		{"tags": []any{"a", nil}},
		{"name": "web-01", "os": "windows", "domain": "d.e", "servers": []any{"192.0.2.1"}, "addr": "10.0.0.5", "bits": 24, "gw": "10.0.0.1"},
		plus(static4, m{"proxy": "p", "port": "80", "share": "0.25", "fast": "true", "notes": "n", "token": "\n"}),
	} {
		add(everything, store(change))
	}
	f.Fuzz(func(t *testing.T, schema, text []byte) {
		s, err := jobschema.Load("fuzz.yaml", schema)
		if err != nil {
			return
		}
		var values m
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if dec.Decode(&values) != nil {
			return
		}
		checkSubmission(t, s, values, string(schema)+string(text))
	})
}

// checkSubmission checks the result of Validate. source is the text that the values come from.
func checkSubmission(t *testing.T, s *jobschema.Schema, values m, source string) {
	fields, err := s.Validate(values)
	if partial := s.ValidatePartial(values); !reflect.DeepEqual(partial, faultsOf(t, err)) {
		t.Fatalf("partial validation of known values differs:\n%v\n%v", partial, err)
	}
	if err != nil {
		showsNoSecret(t, s, values, err.Error(), source)
		return
	}
	if err := verify(s, values, fields); err != nil {
		t.Fatalf("accepted, but %v\nvalues %v\nfields %v", err, values, fields.Map())
	}
	again, err := s.Validate(fields.Map())
	if err != nil || !reflect.DeepEqual(again, fields) {
		t.Fatalf("a second validation differs: %v\n%v\n%v", err, fields.Map(), again.Map())
	}
	isWritten(t, s, fields)
	// If a value is unknown, it may turn out to be this one.
	all := m{}
	for i := range s.Fields {
		id := s.Fields[i].ID
		for _, hidden := range hide(values[id]) {
			mayBe(t, s, plus(values, m{id: hidden}))
		}
		all[id] = jobschema.Unknown
	}
	mayBe(t, s, all)
}

func mayBe(t *testing.T, s *jobschema.Schema, values m) {
	if faults := s.ValidatePartial(values); len(faults) > 0 {
		t.Fatalf("refused although the values may be valid: %v\n%v", faults, values)
	}
}

// hide returns copies of a value in which a part, or the whole, is unknown.
func hide(v any) []any {
	list := []any{jobschema.Unknown}
	switch v := v.(type) {
	case []any:
		for i := range v {
			for _, hidden := range hide(v[i]) {
				items := append([]any(nil), v...)
				items[i] = hidden
				list = append(list, items)
			}
		}
	case m:
		for key := range v {
			for _, hidden := range hide(v[key]) {
				object := maps.Clone(v)
				object[key] = hidden
				list = append(list, object)
			}
		}
	}
	return list
}

// isWritten checks that fields are unchanged by encoding and parsing a definition.
func isWritten(t *testing.T, s *jobschema.Schema, fields job.Fields) {
	text, err := job.Definition{Schema: s.Ref(), Operation: job.OperationProvision, Fields: fields}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	read, err := job.ParseDefinition(text)
	if err != nil || !reflect.DeepEqual(read.Fields, asRead(fields)) {
		t.Fatalf("parsed differently: %v\n%s\n%v", err, text, read.Fields.Map())
	}
}

// showsNoSecret checks a message for secrets that are not in source.
func showsNoSecret(t *testing.T, s *jobschema.Schema, values m, message, source string) {
	for id, v := range values {
		f, known := s.Field(id)
		if secret, ok := v.(string); known && ok && f.HoldsSecret() && len(secret) > 7 && strings.Count(source, secret) == 1 && strings.Contains(message, secret) {
			t.Fatalf("the secret of %s is in: %s", id, message)
		}
	}
}
