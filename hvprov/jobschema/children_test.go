// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

func TestListsAndObjectsAreTypedInTheOrderOfTheSchema(t *testing.T) {
	t.Parallel()
	fields, err := storage(t).Validate(store(m{
		"login": m{"password": " p w ", "user": "root"},
		"disks": []any{
			m{"mounts": []string{"/srv", "/var"}, "label": "Data", "size_gb": "40"},
			m{"block": json.Number("512"), "kind": "fixed", "size_gb": 8.0, "key": "k3y!"},
			job.Fields{{ID: "size_gb", Value: int64(1)}, {ID: "label", Value: "c"}},
		},
		"tags": []string{"web", "db"},
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := job.Fields{
		{ID: "name", Value: "lin-01"},
		{ID: "os", Value: "linux"},
		{ID: "memory", Value: int64(4)},
		{ID: "share", Value: 0.5},
		{ID: "fast", Value: false},
		{ID: "tags", Value: []any{"web", "db"}},
		{ID: "disks", Value: []any{
			job.Fields{
				{ID: "size_gb", Value: int64(40)},
				{ID: "label", Value: "Data"},
				{ID: "kind", Value: "dynamic"},
				{ID: "mounts", Value: []any{"/srv", "/var"}},
			},
			job.Fields{
				{ID: "size_gb", Value: int64(8)}, {ID: "kind", Value: "fixed"}, {ID: "block", Value: int64(512)}, {ID: "key", Value: "k3y!"},
			},
			job.Fields{{ID: "size_gb", Value: int64(1)}, {ID: "label", Value: "c"}, {ID: "kind", Value: "dynamic"}},
		}},
		{ID: "login", Value: job.Fields{{ID: "user", Value: "root"}, {ID: "password", Value: " p w "}}},
	}
	if !reflect.DeepEqual(fields, want) {
		t.Errorf("got  %v\nwant %v", fields.Map(), want.Map())
	}
	if _, err := fields.MarshalJSON(); err != nil {
		t.Error(err)
	}
}

func TestSecretsInListsAndObjectsAreFound(t *testing.T) {
	t.Parallel()
	s := storage(t)
	if got, want := s.SecretIDs(), []string{"disks", "login", "token"}; !reflect.DeepEqual(got, want) {
		t.Errorf("ids are %v, want %v", got, want)
	}
	fields, err := s.Validate(store(m{
		"token": "tok", "login": m{"user": "u", "password": "pw"},
		"disks": []any{m{"size_gb": 1, "key": "key1"}, m{"size_gb": 2}, m{"size_gb": 3, "key": "key3"}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.SecretValues(fields), []string{"key1", "key3", "pw", "tok"}; !reflect.DeepEqual(got, want) {
		t.Errorf("values are %v, want %v", got, want)
	}
	odd := job.Fields{{ID: "other", Value: "x"}, {ID: "token", Value: 4}, {ID: "login", Value: job.Fields{{ID: "other", Value: "x"}}}}
	if got := s.SecretValues(odd); got != nil {
		t.Errorf("secrets of unknown fields: %v", got)
	}
}

func TestItemsOfAListThatIsUniqueDiffer(t *testing.T) {
	t.Parallel()
	s, err := jobschema.Load("one.yaml", []byte("id: one\nversion: 1\nname: n\nfields:\n  - {id: order, label: Order, description: Order., type: list, "+
		"validations: {unique: true}, items: {type: enum, validations: {one_of: [a, b]}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		items []any
		want  []string
	}{
		{[]any{"b", "a"}, nil},
		{[]any{"a", "b", "a", "a"}, []string{"order[2] unique", "order[3] unique"}},
		{[]any{"c", "a", "a"}, []string{"order[0] one_of", "order[2] unique"}},
		{[]any{"c", "c"}, []string{"order[0] one_of", "order[1] one_of"}},
		{[]any{nil, nil}, []string{"order[0] required", "order[1] required"}},
	} {
		fields, err := s.Validate(m{"order": tt.items})
		if len(tt.want) == 0 && err == nil {
			continue
		}
		wantFaults(t, fields, err, tt.want)
	}
}

// static4 are the fields of a static address.
var static4 = m{"addr": "10.0.0.5", "bits": 24, "gw": "10.0.0.1"}

// disks returns disks of the same size with changes.
func disks(changes ...m) m {
	var list []any
	for _, change := range changes {
		list = append(list, plus(m{"size_gb": 1}, change))
	}
	return m{"disks": list}
}

func TestListsAndObjectsAreRefused(t *testing.T) {
	t.Parallel()
	s := storage(t)
	for _, tt := range []struct {
		name   string
		change m
		want   []string
	}{
		{"a text as list", m{"tags": "web"}, []string{"tags type"}},
		{"an object as list", m{"tags": m{"a": "b"}}, []string{"tags type"}},
		{"fields as list", m{"tags": job.Fields{{ID: "a", Value: "b"}}}, []string{"tags type"}},
		{"a number as list", m{"tags": 7}, []string{"tags type"}},
		{"a list of another Go type", m{"tags": []int{7}}, []string{"tags type"}},
		{"a list as object", m{"login": []any{}}, []string{"login type"}},
		{"a text as object", m{"login": "root"}, []string{"login type"}},
		{"a number as item", m{"tags": []any{"web", 7}}, []string{"tags[1] type"}},
		{"a list as item", m{"tags": []any{[]any{"web"}}}, []string{"tags[0] type"}},
		{"a null as item", m{"tags": []any{"web", nil}}, []string{"tags[1] required"}},
		{"an empty text as item", m{"tags": []any{""}}, []string{"tags[0] required"}},
		{"blanks as item", m{"tags": []any{"  "}}, []string{"tags[0] required"}},
		{"a null as object of a list", m{"disks": []any{nil}}, []string{"disks[0] required"}},
		{"a text as object of a list", m{"disks": []any{"40"}}, []string{"disks[0] type"}},
		{"items that break their rules, each", m{"tags": []any{"Web", "db", "D B"}}, []string{"tags[0] pattern", "tags[2] pattern"}},
		{"items of another type, each", m{"servers": []any{"192.0.2.1", "x", "192.0.2.1/24"}}, []string{"servers[1] type", "servers[2] type"}},
		{"too many items, and nothing else", m{"tags": []any{"A", "b", "c", "d"}}, []string{"tags max_items"}},
		{"too few items", m{"disks": []any{}}, []string{"disks min_items"}},
		{"too few nested items", disks(m{"mounts": []any{}}), []string{"disks[0].mounts min_items"}},
		{"too many nested items", disks(nil, m{"mounts": []any{"a", "b", "c"}}), []string{"disks[1].mounts max_items"}},
		{"a null among nested items", disks(m{"mounts": []any{"a", nil}}), []string{"disks[0].mounts[1] required"}},
		{"an empty object where something is required", m{"login": m{}}, []string{"login.user required"}},
		{"a null of an object where it is required", m{"login": m{"user": nil}}, []string{"login.user required"}},
		{"an unknown field of an object", m{"login": m{"user": "u", "usr": 1}}, []string{"login unknown_field"}},
		{"an unknown field of an object of a list", disks(nil, m{"size": 1, "sizes": 2}), []string{"disks[1] unknown_field", "disks[1] unknown_field"}},
		{"a field of the schema in an object", m{"login": m{"user": "u", "name": "n"}}, []string{"login unknown_field"}},
		{
			"many things in several objects, in order", disks(m{"size_gb": 101, "kind": "thin"}, nil, m{"size_gb": nil, "key": "abc", "x": 1}),
			[]string{"disks[0].size_gb maximum", "disks[0].kind one_of", "disks[2] unknown_field", "disks[2].size_gb required", "disks[2].key min_length"},
		},
		{"a field that does not apply in its object", disks(m{"kind": "fixed", "block": 512}, m{"block": 512}), []string{"disks[1].block applicability"}},
		{"a repeated value of unique_by", disks(m{"label": "a"}, m{"label": "b"}, m{"label": "a"}), []string{"disks[2].label unique_by"}},
		{"in other letter case, and three times", disks(m{"label": "Data"}, m{"label": "dATA"}, nil, m{"label": "DATA"}), []string{"disks[1].label unique_by", "disks[3].label unique_by"}},
		{"beyond ASCII", disks(m{"label": "Ä"}, m{"label": "ä"}), []string{"disks[1].label unique_by"}},
		{"in letters that only fold to the same", disks(m{"label": "straſe"}, m{"label": "strase"}), []string{"disks[1].label unique_by"}},
		{"beside another fault", disks(m{"label": "a", "size_gb": 0}, m{"label": "b"}, m{"label": "B"}), []string{"disks[0].size_gb minimum", "disks[2].label unique_by"}},
		{"faults in the order of the fields", plus(disks(m{"size_gb": 0}), m{"login": 1, "tags": 1, "name": 1}), []string{"name type", "tags type", "disks[0].size_gb minimum", "login type"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fields, err := s.Validate(store(tt.change))
			wantFaults(t, fields, err, tt.want)
		})
	}
}

func TestListsAndObjectsAreAccepted(t *testing.T) {
	t.Parallel()
	s := storage(t)
	for _, tt := range []struct {
		name   string
		change m
		id     string
		want   any // in the form of job.Fields.Map; nil: the field is absent
	}{
		{"no list", nil, "disks", nil},
		{"a null for a list", m{"tags": nil}, "tags", nil},
		{"a null for an object", m{"login": nil}, "login", nil},
		{"an empty list", m{"tags": []any{}}, "tags", []any{}},
		{"a nested null", m{"login": m{"user": "u", "password": nil, "shell": ""}}, "login", m{"user": "u"}},
		{"a list of maps", m{"disks": []m{{"size_gb": 1}}}, "disks", []any{m{"size_gb": int64(1), "kind": "dynamic"}}},
		{"a default of a nested field", disks(m{"block": 1, "kind": "fixed"}), "disks", []any{m{"size_gb": int64(1), "kind": "fixed", "block": int64(1)}}},
		{"several items without a value of unique_by", disks(m{"label": ""}, m{"label": nil}, nil), "disks", []any{
			m{"size_gb": int64(1), "kind": "dynamic"}, m{"size_gb": int64(1), "kind": "dynamic"}, m{"size_gb": int64(1), "kind": "dynamic"},
		}},
		{"the same single value twice", m{"tags": []any{"a", "a"}}, "tags", []any{"a", "a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fields, err := s.Validate(store(tt.change))
			if err != nil {
				t.Fatal(err)
			}
			if got := fields.Map()[tt.id]; !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %#v, want %#v", got, tt.want)
			}
		})
	}
}

func TestFaultsInListsAndObjectsHavePathsAndRemedies(t *testing.T) {
	t.Parallel()
	s := storage(t)
	for _, tt := range []struct {
		change m
		want   string
	}{
		{disks(nil, m{"size_gb": 101}), `disks[1].size_gb must be between 1 and 100, but is 101: use a value between 1 and 100, for example 40`},
		{disks(m{"size_gb": nil}), `disks[0].size_gb is required: set disks[0].size_gb, for example 40`},
		{disks(m{"kind": "fixd"}), `disks[0].kind cannot be "fixd": use "dynamic" or "fixed"; did you mean "fixed"?`},
		{disks(m{"kind": json.Number("4")}), `disks[0].kind cannot be the number 4: use "dynamic" or "fixed"`},
		{disks(m{"labl": "x"}), `unknown field "labl" in disks[0]: remove it, or use label`},
		{disks(m{"block": 4}), `disks[0].block does not apply when disks[0].kind is "dynamic": remove it, or set disks[0].kind to "fixed"`},
		{disks(m{"label": "a"}, m{"label": "A"}), `disks[1].label is "A", like that of disks[0]: use different values`},
		{disks(m{"mounts": "a"}), `disks[0].mounts must be a list, but is text: use a list`},
		{disks(m{"mounts": json.Number("4")}), `disks[0].mounts must be a list, but is the number 4: use a list`},
		{disks(m{"mounts": []any{job.Fields{}}}), `disks[0].mounts[0] must be a line of text, but is an object: use a line of text`},
		{m{"tags": []any{"a", nil}}, `tags[1] is empty: set it, or remove the item`},
		{m{"tags": []any{"a", "b", "c", "d"}}, `tags must have at most 3 items, but has 4: remove items`},
		{m{"disks": []any{}}, `disks must have at least 1 item, but has 0: add items`},
		{m{"servers": []any{"10.0.0.1/8"}}, `servers[0] must be an IPv4 address, but is "10.0.0.1/8": remove the prefix length: "10.0.0.1"`},
		{m{"tags": m{}}, `tags must be a list, but is an object: use a list`},
		{m{"name": job.Fields{}}, `name must be a line of text, but is an object: use a line of text, for example lin-01`},
		{m{"name": "web-01"}, `os is required: it cannot be inferred from name "web-01": set it to "linux" or "windows"`},
		{m{"addr": "10.0.0.1", "bits": 24}, `gw is required with addr and bits (Static address): set gw; or remove addr and bits`},
	} {
		_, err := s.Validate(store(tt.change))
		if got := fmt.Sprint(err); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestFaultsInListsAndObjectsNeverShowASecret(t *testing.T) {
	t.Parallel()
	s := storage(t)
	for name, change := range map[string]m{
		"too short":                  disks(m{"key": "s3c"}),
		"too long":                   {"token": strings.Repeat("s3c", 20)},
		"a list":                     disks(m{"key": []any{"s3c"}}),
		"a number":                   disks(m{"key": 4711}),
		"a number for the object":    {"login": 4711},
		"a number for its list":      {"disks": json.Number("4711")},
		"a number for a list's item": {"disks": []any{4711}},
		"a text for the object":      {"login": "s3c"},
		"a text for its list":        {"disks": "s3c"},
		"a misspelt field":           {"login": m{"user": "u", "passwd": "s3c"}},
		"a secret as unique_by":      {"token": m{"s3c": "s3c"}},
		"a zero byte":                {"login": m{"user": "u", "password": "s3c\x00"}},
	} {
		_, err := s.Validate(store(change))
		faults := faultsOf(t, err)
		if text := fmt.Sprintf("%v %+v", err, faults); strings.Contains(text, "s3c") || strings.Contains(text, "4711") {
			t.Errorf("%s: the secret is in %s", name, text)
		}
	}
}

func TestValidatePartialInListsAndObjects(t *testing.T) {
	t.Parallel()
	s := storage(t)
	u := jobschema.Unknown
	for _, tt := range []struct {
		name   string
		change m
		want   []string
	}{
		{"a list that is not known", m{"disks": u}, nil},
		{"an object that is not known", m{"login": u}, nil},
		{"an item that is not known", m{"tags": []any{"a", u, "B"}}, []string{"tags[2] pattern"}},
		{"an object of a list that is not known", m{"disks": []any{u, m{"size_gb": 0}}}, []string{"disks[1].size_gb minimum"}},
		{"items that are not known count", m{"tags": []any{u, u, u, u}}, []string{"tags max_items"}},
		{"a required part that is not known", m{"login": m{"user": u}}, nil},
		{"a required part that is missing beside one", m{"login": m{"password": u}}, []string{"login.user required"}},
		{"an unknown field that is not known", m{"login": m{"user": "u", "usr": u}}, []string{"login unknown_field"}},
		{"a part that others depend on", disks(m{"kind": u, "block": 1}), nil},
		{"a part that does not apply, and may turn out null", disks(m{"block": u}), nil},
		{"the values of unique_by are unknown", disks(m{"label": "a"}, m{"label": u}, m{"label": u}), nil},
		{"other values of unique_by are known", disks(m{"label": "a"}, m{"label": u}, m{"label": "A"}), []string{"disks[2].label unique_by"}},
		{"nested items", disks(m{"mounts": []any{u, nil}}), []string{"disks[0].mounts[1] required"}},
		{"a nested list that is not known", disks(m{"mounts": u, "size_gb": u}), nil},
		{"an unknown name that the system is inferred from", plus(static4, m{"name": u, "domain": "d"}), nil},
		{"a name that infers nothing, and an unknown system", plus(static4, m{"name": "web", "os": u, "domain": "d"}), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := rules(s.ValidatePartial(store(tt.change))); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestValidateRefusesUnknownValues(t *testing.T) {
	t.Parallel()
	s := storage(t)
	u := jobschema.Unknown
	for _, tt := range []struct {
		name   string
		change m
		want   []string
	}{
		{"a value", m{"memory": u}, []string{"memory not_known"}},
		{"a value that another is inferred from", m{"name": u}, []string{"name not_known"}},
		{"a list", m{"disks": u}, []string{"disks not_known"}},
		{"an item", m{"tags": []any{"a", u}}, []string{"tags[1] not_known"}},
		{"a part", m{"login": m{"user": u, "password": u}}, []string{"login.user not_known", "login.password not_known"}},
		{"a part of an item", disks(nil, m{"mounts": []any{u}}), []string{"disks[1].mounts[0] not_known"}},
	} {
		_, err := s.Validate(store(tt.change))
		if got := rules(faultsOf(t, err)); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
