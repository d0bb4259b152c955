// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// decode decodes JSON with numbers as json.Number, or as float64.
func decode(t *testing.T, text string, numbers bool) m {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	if numbers {
		dec.UseNumber()
	}
	var values m
	if err := dec.Decode(&values); err != nil {
		t.Fatal(err)
	}
	return values
}

func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// withMigrations loads a schema of version 4 with these migrations, and fields of every type.
func withMigrations(t *testing.T, text string) *jobschema.Schema {
	t.Helper()
	s, err := jobschema.Load("lab.yaml", []byte(`id: lab
version: 4
fields:
  - {id: a, type: string}
  - {id: b, type: string}
  - {id: n, type: integer}
  - {id: f, type: number}
  - {id: on, type: boolean}
  - {id: tier, type: enum, validations: {one_of: [gold, bronze]}}
  - {id: pw, type: secret}
  - {id: list, type: list, items: {type: string}}
  - {id: numbers, type: list, items: {type: integer}}
  - id: disks
    type: list
    items:
      type: object
      fields: [{id: size_gb, type: integer}, {id: label, type: string}, {id: pool, type: string}, {id: key, type: secret}]
  - id: login
    type: object
    fields: [{id: user, type: string}, {id: pw, type: secret}]
migrations:
`+text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMigrateConvertsValuesToTheNextVersion(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		migrations string
		values     string
		want       string
	}{
		{"a dropped field", `[{from: 3, dropped: [x]}]`, `{"x":1,"a":"k"}`, `{"a":"k"}`},
		{"a dropped field that has no value", `[{from: 3, dropped: [x]}]`, `{"x":null,"a":"k"}`, `{"a":"k"}`},
		{"a dropped field that is not there", `[{from: 3, dropped: [x]}]`, `{"a":"k"}`, `{"a":"k"}`},
		{"the companions of a dropped secret", `[{from: 3, dropped: [x]}]`, `{"x":null,"x_wo":null,"x_wo_version":3,"xx":"k"}`, `{"xx":"k"}`},
		{"a field dropped from an object", `[{from: 3, dropped: [login.x]}]`, `{"login":{"user":"u","x":1},"x":2}`, `{"login":{"user":"u"},"x":2}`},
		{"a field dropped from the objects of a list", `[{from: 3, dropped: [disks.x]}]`, `{"disks":[{"x":1,"label":"a"},null,{"label":"b"}]}`, `{"disks":[{"label":"a"},null,{"label":"b"}]}`},
		{"a field dropped from what has no value", `[{from: 3, dropped: [disks.x, login.x]}]`, `{"disks":null}`, `{"disks":null}`},
		{"an object dropped with a part of it", `[{from: 3, dropped: [o.x, o]}]`, `{"o":{"x":1}}`, `{}`},
		{"a renamed field", `[{from: 3, renamed: {x: a}}]`, `{"x":"v"}`, `{"a":"v"}`},
		{"a renamed field that has no value", `[{from: 3, renamed: {x: a}}]`, `{"x":null}`, `{"a":null}`},
		{"a renamed field that is not there", `[{from: 3, renamed: {x: a}}]`, `{"b":"v"}`, `{"b":"v"}`},
		{"the companions of a renamed secret", `[{from: 3, renamed: {x: pw}}]`, `{"x":null,"x_wo":null,"x_wo_version":7}`, `{"pw":null,"pw_wo":null,"pw_wo_version":7}`},
		{"two fields that change places", `[{from: 3, renamed: {a: b, b: a}}]`, `{"a":"1","b":"2"}`, `{"a":"2","b":"1"}`},
		{"two fields that change places, one without value", `[{from: 3, renamed: {a: b, b: a}}]`, `{"a":"1"}`, `{"b":"1"}`},
		{"a renamed object keeps its parts", `[{from: 3, renamed: {account: login}}]`, `{"account":{"user":"u","pw_wo_version":1}}`, `{"login":{"user":"u","pw_wo_version":1}}`},
		{"a field renamed within an object", `[{from: 3, renamed: {login.uid: user}}]`, `{"login":{"uid":"u"}}`, `{"login":{"user":"u"}}`},
		{"the companions of a nested secret", `[{from: 3, renamed: {disks.secret: key}}]`, `{"disks":[{"secret_wo_version":1}]}`, `{"disks":[{"key_wo_version":1}]}`},
		{"a field renamed within a list that is renamed too", `[{from: 3, renamed: {volumes: disks, volumes.size: size_gb}}]`, `{"volumes":[{"size":1},{"size":2}]}`, `{"disks":[{"size_gb":1},{"size_gb":2}]}`},
		{"two nested fields that change places", `[{from: 3, renamed: {disks.label: pool, disks.pool: label}}]`, `{"disks":[{"label":"l","pool":"p"}]}`, `{"disks":[{"label":"p","pool":"l"}]}`},
		{"a dropped field makes room for a renamed one", `[{from: 3, dropped: [a], renamed: {x: a}}]`, `{"a":"old","x":"new"}`, `{"a":"new"}`},
		{"a text that is split", `[{from: 3, split: {x: {pattern: '(?P<a>[^/]+)/(?P<b>\d+)'}}}]`, `{"x":"10.0.0.1/24"}`, `{"a":"10.0.0.1","b":"24"}`},
		{"a text that is split, with an empty part", `[{from: 3, split: {x: {pattern: '(?P<a>[^/]+)(/(?P<b>\d+))?'}}}]`, `{"x":"10.0.0.1"}`, `{"a":"10.0.0.1"}`},
		{"a text to split that has no value", `[{from: 3, split: {x: {pattern: '(?P<a>.+)'}}}]`, `{"x":null,"b":"v"}`, `{"b":"v"}`},
		{"the companions of a split secret", `[{from: 3, split: {x: {pattern: '(?P<a>.+)'}}}]`, `{"x":null,"x_wo":null,"x_wo_version":1}`, `{}`},
		{"a text that is split into its own field", `[{from: 3, split: {a: {pattern: '(?P<a>\w+)-(?P<b>\w+)'}}}]`, `{"a":"l-r"}`, `{"a":"l","b":"r"}`},
		{"a nested text that is split", `[{from: 3, split: {disks.spec: {pattern: '(?P<label>\w+):(?P<pool>\w+)'}}}]`, `{"disks":[{"spec":"a:b"},{}]}`, `{"disks":[{"label":"a","pool":"b"},{}]}`},
		{"a text that is split in a renamed list", `[{from: 3, renamed: {volumes: disks}, split: {volumes.spec: {pattern: '(?P<label>\w+):(?P<pool>\w+)'}}}]`, `{"volumes":[{"spec":"a:b"}]}`, `{"disks":[{"label":"a","pool":"b"}]}`},
		{"a split text whose id another field takes", `[{from: 3, renamed: {x: a}, split: {a: {pattern: '.*-(?P<b>\w+)'}}}]`, `{"a":"l-r","x":"new"}`, `{"a":"new","b":"r"}`},
		{"a part with the id that another field had", `[{from: 3, renamed: {b: a}, split: {x: {pattern: '(?P<b>\w+)'}}}]`, `{"b":"old","x":"new"}`, `{"a":"old","b":"new"}`},
		{"a text that becomes an integer", `[{from: 3, retyped: {n: {from: string}}}]`, `{"n":"120"}`, `{"n":120}`},
		{"a whole number that becomes an integer", `[{from: 3, retyped: {n: {from: number}}}]`, `{"n":120.0}`, `{"n":120}`},
		{"a text that becomes a number", `[{from: 3, retyped: {f: {from: string}}}]`, `{"f":"0.5"}`, `{"f":0.5}`},
		{"an integer that becomes a text", `[{from: 3, retyped: {a: {from: integer}}}]`, `{"a":8}`, `{"a":"8"}`},
		{"a number that becomes a text without a fraction", `[{from: 3, retyped: {a: {from: number}}}]`, `{"a":8.0}`, `{"a":"8"}`},
		{"a fraction that becomes a text", `[{from: 3, retyped: {a: {from: number}}}]`, `{"a":0.25}`, `{"a":"0.25"}`},
		{"a text that becomes a boolean", `[{from: 3, retyped: {on: {from: string}}}]`, `{"on":"true"}`, `{"on":true}`},
		{"a boolean that becomes a text", `[{from: 3, retyped: {a: {from: boolean}}}]`, `{"a":false}`, `{"a":"false"}`},
		{"a retyped field that has no value", `[{from: 3, retyped: {n: {from: string}}}]`, `{"n":null}`, `{"n":null}`},
		{"a retyped field that is not there", `[{from: 3, retyped: {n: {from: string}}}]`, `{}`, `{}`},
		{"a boolean that becomes an enum by its values", `[{from: 3, retyped: {tier: {from: boolean, values: {'true': gold, 'false': bronze}}}}]`, `{"tier":true}`, `{"tier":"gold"}`},
		{"a number that becomes an enum by its values", `[{from: 3, retyped: {tier: {from: integer, values: {'1': gold, '2': bronze}}}}]`, `{"tier":2.0}`, `{"tier":"bronze"}`},
		{"a text that becomes an integer by its values", `[{from: 3, retyped: {n: {from: string, values: {small: '2', big: '16'}}}}]`, `{"n":"big"}`, `{"n":16}`},
		{"a text that becomes a list", `[{from: 3, retyped: {list: {from: string}}}]`, `{"list":"a"}`, `{"list":["a"]}`},
		{"a list whose items are of another type", `[{from: 3, retyped: {numbers: {from: list}}}]`, `{"numbers":["1","2"]}`, `{"numbers":[1,2]}`},
		{"an object that becomes a list", `[{from: 3, retyped: {disks: {from: list}}}]`, `{"disks":{"size_gb":1}}`, `{"disks":[{"size_gb":1}]}`},
		{"a nested text that becomes an integer", `[{from: 3, retyped: {disks.size_gb: {from: string}}}]`, `{"disks":[{"size_gb":"40"},{"size_gb":"8"}]}`, `{"disks":[{"size_gb":40},{"size_gb":8}]}`},
		{"a field that is renamed and converted", `[{from: 3, renamed: {x: n}, retyped: {n: {from: string}}}]`, `{"x":"7"}`, `{"n":7}`},
		{"unknown keys", `[{from: 3, dropped: [x]}]`, `{"host":"h","timeouts":{"create":"1h"},"n":1.5}`, `{"host":"h","timeouts":{"create":"1h"},"n":1.5}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := withMigrations(t, "  "+tt.migrations)
			for _, numbers := range []bool{true, false} {
				values := decode(t, tt.values, numbers)
				got, err := s.Migrate(3, values, "_wo", "_wo_version")
				if err != nil {
					t.Fatal(err)
				}
				if text, want := encode(t, plainNumbers(got)), encode(t, plainNumbers(decode(t, tt.want, false))); text != want {
					t.Errorf("got  %s\nwant %s", text, want)
				}
				if !reflect.DeepEqual(values, decode(t, tt.values, numbers)) {
					t.Errorf("the values passed were changed to %v", values)
				}
			}
		})
	}
}

func TestMigrateKeepsUnknownKeys(t *testing.T) {
	t.Parallel()
	got, err := withMigrations(t, "  [{from: 3, dropped: [x]}]").Migrate(3, m{"x": nil, "x_wo_version": 3.0})
	if want := (m{"x_wo_version": 3.0}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}

// plainNumbers converts every number to a float64, so that 8 and 8.0 are equal.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case m:
		for key := range v {
			v[key] = plainNumbers(v[key])
		}
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case json.Number:
		f, _ := v.Float64()
		return f
	}
	return v
}

func TestMigrateAppliesEachMigration(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		migrations string
		from       int
		values     string
		want       string
	}{
		{"renamed twice", `[{from: 1, renamed: {x: y}}, {from: 2, renamed: {y: a}}]`, 1, `{"x":"v"}`, `{"a":"v"}`},
		{"renamed twice, from between", `[{from: 1, renamed: {x: y}}, {from: 2, renamed: {y: a}}]`, 2, `{"x":"v","y":"w"}`, `{"a":"w","x":"v"}`},
		{"versions that changed nothing", `[{from: 3, renamed: {x: a}}]`, 1, `{"x":"v"}`, `{"a":"v"}`},
		{"from the version that it is", `[{from: 3, renamed: {x: a}}]`, 4, `{"x":"v"}`, `{"x":"v"}`},
		{"converted, then renamed", `[{from: 1, retyped: {x: {from: string}}}, {from: 3, renamed: {x: n}}]`, 1, `{"x":"8"}`, `{"n":8}`},
		{"converted, then renamed with its parent", `[{from: 1, retyped: {volumes.size: {from: string}}}, {from: 3, renamed: {volumes: disks, volumes.size: size_gb}}]`, 1, `{"volumes":[{"size":"8"}]}`, `{"disks":[{"size_gb":8}]}`},
		{"converted twice", `[{from: 1, retyped: {n: {from: boolean, values: {'true': one}}}}, {from: 2, retyped: {n: {from: string, values: {one: '1'}}}}]`, 1, `{"n":true}`, `{"n":1}`},
		{"split, then converted", `[{from: 1, split: {x: {pattern: '(?P<a>.+)/(?P<n>.+)'}}}, {from: 2, retyped: {n: {from: string}}}]`, 1, `{"x":"l/24"}`, `{"a":"l","n":24}`},
		{"converted to text, then split", `[{from: 1, retyped: {x: {from: integer}}}, {from: 2, split: {x: {pattern: '(?P<a>.)(?P<b>.)'}}}]`, 1, `{"x":12}`, `{"a":"1","b":"2"}`},
		{"converted, then dropped", `[{from: 1, retyped: {x: {from: string}}}, {from: 2, dropped: [x]}]`, 1, `{"x":"v"}`, `{}`},
		{"a name that is used again", `[{from: 1, renamed: {a: b}}, {from: 2, renamed: {x: a}}]`, 1, `{"a":"1","x":"2"}`, `{"a":"2","b":"1"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := withMigrations(t, "  "+tt.migrations).Migrate(tt.from, decode(t, tt.values, true))
			if err != nil {
				t.Fatal(err)
			}
			if text := encode(t, got); text != tt.want {
				t.Errorf("got  %s\nwant %s", text, tt.want)
			}
		})
	}
}

func TestMigrateFromTheFirstVersion(t *testing.T) {
	t.Parallel()
	s := storage(t)
	got, err := s.Migrate(1, decode(t, `{
		"name": "lin-01", "ram": 8, "clustered": false, "cidr": "10.0.0.5/24", "fast": "yes", "tags": "web",
		"volumes": [{"size": 40, "kind": true, "key": "k3y!"}, {"size": 8, "kind": false}], "login": {"user": "u", "realm": "r"}
	}`, true))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"addr":"10.0.0.5","bits":24,"disks":[{"key":"k3y!","kind":"fixed","size_gb":40},{"kind":"dynamic","size_gb":8}],` +
		`"fast":true,"login":{"user":"u"},"memory":8,"name":"lin-01","os":"linux","share":0.5,"tags":["web"]}`
	if text := encode(t, got); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if _, err := s.Validate(plus(got, m{"gw": "10.0.0.1"})); err != nil {
		t.Error(err)
	}
}

func TestMigrateRefusesValuesThatCannotBeConverted(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, tt := range []struct {
		name       string
		migrations string
		values     string
		field      string
		want       string
	}{
		{"a text that is not an integer", `[{from: 3, retyped: {n: {from: string}}}]`, `{"n":"hunter2"}`, "n", "a whole number"},
		{"a text that is an integer with blanks", `[{from: 3, retyped: {n: {from: string}}}]`, `{"n":" 8"}`, "n", "a whole number"},
		{"a fraction for an integer", `[{from: 3, retyped: {n: {from: number}}}]`, `{"n":8.5}`, "n", "a whole number"},
		{"a boolean for an integer", `[{from: 3, retyped: {n: {from: boolean}}}]`, `{"n":true}`, "n", "a whole number"},
		{"a number for a boolean", `[{from: 3, retyped: {on: {from: integer}}}]`, `{"on":1}`, "on", "true or false"},
		{"a text for a number", `[{from: 3, retyped: {f: {from: string}}}]`, `{"f":"hunter2"}`, "f", "a number"},
		{"a list for a text", `[{from: 3, retyped: {a: {from: list}}}]`, `{"a":["hunter2"]}`, "a", "a line of text"},
		{"a text for objects", `[{from: 3, retyped: {disks: {from: list}}}]`, `{"disks":["hunter2"]}`, "disks", "a list"},
		{"a text for an object", `[{from: 3, retyped: {login: {from: string}}}]`, `{"login":"hunter2"}`, "login", "an object"},
		{"an item that is not an integer", `[{from: 3, retyped: {numbers: {from: list}}}]`, `{"numbers":["1","hunter2"]}`, "numbers", "a list"},
		{"a value that is not in values", `[{from: 3, retyped: {tier: {from: string, values: {a: gold}}}}]`, `{"tier":"hunter2"}`, "tier", "one of its values"},
		{"a nested text that is not an integer", `[{from: 3, retyped: {disks.size_gb: {from: string}}}]`, `{"disks":[{"size_gb":"1"},{"size_gb":"hunter2"}]}`, "disks.size_gb", "a whole number"},
		{"a text that does not match", `[{from: 3, split: {x: {pattern: '(?P<a>\d+)'}}}]`, `{"x":"hunter2"}`, "x", `the pattern (?P<a>\d+)`},
		{"a text that matches in part", `[{from: 3, split: {x: {pattern: '(?P<a>\d+)'}}}]`, `{"x":"1 hunter2"}`, "x", `the pattern (?P<a>\d+)`},
		{"a number to split", `[{from: 3, split: {x: {pattern: '(?P<a>\d+)'}}}]`, `{"x":4711}`, "x", "the pattern"},
		{"a secret to split", `[{from: 3, split: {pw: {pattern: '(?P<a>\d+)'}}}]`, `{"pw":"hunter2"}`, "pw", "the pattern"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := withMigrations(t, "  "+tt.migrations)
			for _, numbers := range []bool{true, false} {
				got, err := s.Migrate(1, decode(t, tt.values, numbers))
				if err == nil || got != nil {
					t.Fatalf("got %v, %v", got, err)
				}
				text := fmt.Sprintf("%+v", err)
				if !strings.Contains(text, "version 3 cannot be converted to version 4: field "+tt.field+":") || !strings.Contains(text, tt.want) {
					t.Errorf("got %v, want field %s and %s", err, tt.field, tt.want)
				}
				if strings.Contains(text, secret) || strings.Contains(text, "4711") {
					t.Errorf("the value is in %s", text)
				}
			}
		})
	}
}

func TestMigrateRefusesALaterVersion(t *testing.T) {
	t.Parallel()
	_, err := storage(t).Migrate(5, m{})
	if want := "values of schema version 5 cannot be converted to version 4: the version is later than the schema's: use the schema that made the values"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
