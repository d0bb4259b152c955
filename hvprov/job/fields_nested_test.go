// SPDX-License-Identifier: MPL-2.0

package job_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// maxDepth is the documented maximum of nested lists and objects.
const maxDepth = 8

// lists returns nested lists with depth levels.
func lists(depth int) any {
	list := []any{}
	for range depth - 1 {
		list = []any{list}
	}
	return list
}

// objects returns nested objects, each under the id "o", with depth levels.
func objects(depth int) any {
	fields := job.Fields{}
	for range depth - 1 {
		fields = job.Fields{{ID: "o", Value: fields}}
	}
	return fields
}

func TestListsAndObjectsAreEncodedAndParsed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"a list keeps its order and the types of its items", []any{"b", int64(2), 0.5, true, "a"}, `["b",2,0.5,true,"a"]`},
		{"an object keeps its order", job.Fields{{ID: "z", Value: int64(1)}, {ID: "a", Value: "<é>"}}, `{"z":1,"a":"<é>"}`},
		{"an empty list is kept", []any{}, `[]`},
		{"an empty object is kept", job.Fields{}, `{}`},
		{"a list may contain lists and objects, empty or not", []any{[]any{"x"}, []any{}, job.Fields{}}, `[["x"],[],{}]`},
		{"two objects may have the same ids", []any{
			job.Fields{{ID: "a", Value: "x"}}, job.Fields{{ID: "a", Value: "x"}},
		}, `[{"a":"x"},{"a":"x"}]`},
		{"lists may be nested in 8 levels", lists(maxDepth), `[[[[[[[[]]]]]]]]`},
		{
			"objects may be nested in 8 levels", objects(maxDepth),
			`{"o":{"o":{"o":{"o":{"o":{"o":{"o":{}}}}}}}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := job.Definition{
				Schema: job.SchemaRef{ID: "s", Version: 1}, Operation: job.OperationUpdate,
				Fields: job.Fields{{ID: "f", Value: tt.value}},
			}
			got, err := d.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			want := `{"schema":{"id":"s","version":1},"operation":"update","fields":{"f":` + tt.want + `}}`
			if string(got) != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			parsed, err := job.ParseDefinition(got)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(parsed, d) {
				t.Errorf("after a round trip: %#v", parsed.Fields.Map())
			}
		})
	}
}

func TestEqualValuesAreEncodedEquallyAtEveryDepth(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"an int and a whole float64 are encoded like an int64", []any{4, 4.0, job.Fields{{ID: "n", Value: 4}}}, `[4,4,{"n":4}]`},
		{"a nil list is an empty one", []any(nil), `[]`},
		{"nil fields are an empty object", job.Fields(nil), `{}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := job.Fields{{ID: "f", Value: tt.value}}.MarshalJSON()
			if want := `{"f":` + tt.want + `}`; err != nil || string(got) != want {
				t.Errorf("got %s, %v, want %s", got, err, want)
			}
		})
	}
}

// The values contain hunter2 where possible. No error may contain it.
func TestEncodingErrorsAtEveryDepthHaveThePath(t *testing.T) {
	t.Parallel()
	disk := func(id string, value any) any {
		return []any{job.Fields{}, job.Fields{{ID: "label", Value: "hunter2"}, {ID: id, Value: value}}}
	}
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"a null in a list is refused", []any{"hunter2", nil}, `field "data_disks[1]": value is null`},
		{"a null in an object is refused", disk("size_gb", nil), `field "data_disks[1].size_gb": value is null`},
		{"a repeated id is refused", disk("label", "hunter2"), `field "data_disks[1].label" is present twice`},
		{"an empty id is refused", disk("", "hunter2"), `field "data_disks[1]": field number 2 has no id`},
		{"an id that is not UTF-8 is refused", disk("\xff", "hunter2"), `field "data_disks[1]": id of field number 2: text is not valid UTF-8`},
		{"text that is not UTF-8 is refused", disk("size_gb", "hunter2\xff"), `field "data_disks[1].size_gb": text is not valid UTF-8`},
		{"a number out of range is refused", disk("size_gb", math.Inf(1)), `field "data_disks[1].size_gb": number is out of range`},
		{"a []string is refused", disk("tags", []string{"hunter2"}), `field "data_disks[1].tags": value has the unsupported type []string`},
		{"a map is refused", []any{map[string]any{"a": "hunter2"}}, `field "data_disks[0]": value has the unsupported type map[string]interface {}`},
		{"a single field is refused", []any{job.Field{ID: "a", Value: "hunter2"}}, `field "data_disks[0]": value has the unsupported type job.Field`},
		{"lists nested in more than 8 levels are refused", lists(maxDepth + 1), `field "data_disks[0][0][0][0][0][0][0][0]": lists and objects are nested in more than 8 levels`},
		{"objects nested in more than 8 levels are refused", objects(maxDepth + 1), `field "data_disks.o.o.o.o.o.o.o.o": lists and objects are nested in more than 8 levels`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := job.Fields{{ID: "data_disks", Value: tt.value}}.MarshalJSON()
			checkRefusal(t, err, tt.want)
		})
	}
}

func TestParseErrorsAtEveryDepthHaveThePath(t *testing.T) {
	t.Parallel()
	deep := func(open, inside, end string, depth int) string {
		return strings.Repeat(open, depth) + inside + strings.Repeat(end, depth)
	}
	for _, tt := range []struct{ name, value, want string }{
		{"a null in a list is refused", `["hunter2",null]`, `field "data_disks[1]": value is null`},
		{"a null in an object is refused", `[{},{"size_gb":null}]`, `field "data_disks[1].size_gb": value is null`},
		{"a repeated key is refused", `[{"a":"hunter2","a":"hunter2"}]`, `field "data_disks[0]" has the key "a" twice`},
		{"a repeated key with an escape is refused", `{"a":1,"\u0061":2}`, `field "data_disks" has the key "a" twice`},
		{"an empty key is refused", `[{"":"hunter2"}]`, `field "data_disks[0]": a field has no id`},
		{"a number out of range is refused", `[{"size_gb":1e400}]`, `field "data_disks[0].size_gb": number is out of range`},
		{"lists nested in more than 8 levels are refused", deep("[", "", "]", maxDepth+1), `field "data_disks[0][0][0][0][0][0][0][0]": lists and objects are nested in more than 8 levels`},
		{"objects nested in more than 8 levels are refused", deep(`{"o":`, "1", "}", maxDepth+1), `field "data_disks.o.o.o.o.o.o.o.o": lists and objects are nested in more than 8 levels`},
		{"lists that never end are refused", strings.Repeat("[", 1_000_000), "more than 8 levels"},
		{"a comma after the last item is refused", `["hunter2",]`, "not JSON"},
		{"a comma after the last field is refused", `{"a":"hunter2",}`, "not JSON"},
		{"a missing comma is refused", `["hunter2" "hunter2"]`, "not JSON"},
		{"a list that ends with a brace is refused", `["hunter2"}`, "not JSON"},
		{"an object that ends with a bracket is refused", `{"a":"hunter2"]`, "not JSON"},
		{"a key that is not text is refused", `{1:"hunter2"}`, "not JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := job.ParseDefinition([]byte(
				`{"schema":{"id":"s","version":1},"operation":"update","fields":{"data_disks":` + tt.value + `}}`))
			checkRefusal(t, err, tt.want)
		})
	}
}

func checkRefusal(t *testing.T, err error, want string) {
	t.Helper()
	if !isInvalid(err) || !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant an invalid definition with %s", err, want)
	} else if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want an error without the value", err)
	}
}

func TestMapIsADeepCopy(t *testing.T) {
	t.Parallel()
	tags := []any{"x"}
	f := job.Fields{
		{ID: "disks", Value: []any{job.Fields{{ID: "tags", Value: tags}}, int64(1), []any{job.Fields{}}}},
		{ID: "net", Value: job.Fields{{ID: "dns", Value: job.Fields{{ID: "a", Value: true}}}}},
		{ID: "none", Value: []any{}},
	}
	got := f.Map()
	tags[0] = "changed"
	want := map[string]any{
		"disks": []any{map[string]any{"tags": []any{"x"}}, int64(1), []any{map[string]any{}}},
		"net":   map[string]any{"dns": map[string]any{"a": true}},
		"none":  []any{},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
