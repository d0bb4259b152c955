// SPDX-License-Identifier: MPL-2.0

package job_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// lists gives a value that is lists in lists, depth levels of them.
func lists(depth int) any {
	list := []any{}
	for range depth - 1 {
		list = []any{list}
	}
	return list
}

// objects gives a value that is objects in objects under the id "o", depth levels of them.
func objects(depth int) any {
	fields := job.Fields{}
	for range depth - 1 {
		fields = job.Fields{{ID: "o", Value: fields}}
	}
	return fields
}

func TestListsAndObjectsAreWrittenAndReadBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"a list keeps its order and its kinds of scalars", []any{"b", int64(2), 0.5, true, "a"}, `["b",2,0.5,true,"a"]`},
		{"an object keeps its order", job.Fields{{ID: "z", Value: int64(1)}, {ID: "a", Value: "<é>"}}, `{"z":1,"a":"<é>"}`},
		{"an empty list is kept", []any{}, `[]`},
		{"an empty object is kept", job.Fields{}, `{}`},
		{"a list may hold lists and objects, empty or not", []any{[]any{"x"}, []any{}, job.Fields{}}, `[["x"],[],{}]`},
		{"two objects may have the same ids", []any{
			job.Fields{{ID: "a", Value: "x"}}, job.Fields{{ID: "a", Value: "x"}},
		}, `[{"a":"x"},{"a":"x"}]`},
		{"lists may be as deep as MaxDepth", lists(job.MaxDepth), `[[[[[[[[]]]]]]]]`},
		{
			"objects may be as deep as MaxDepth", objects(job.MaxDepth),
			`{"o":{"o":{"o":{"o":{"o":{"o":{"o":{}}}}}}}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := job.Definition{
				Schema: job.SchemaRef{ID: "s", Version: 1}, Operation: job.OperationUpdate,
				Fields: job.Fields{{ID: "f", Value: tt.value}},
			}
			got, err := d.Encode()
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
				t.Errorf("the round trip gave %#v", parsed.Fields.Map())
			}
		})
	}
}

func TestEncodeTakesWhatIsWrittenInOneWayAtEveryDepth(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"an int and a whole float64 are written as an int64 is", []any{4, 4.0, job.Fields{{ID: "n", Value: 4}}}, `[4,4,{"n":4}]`},
		{"a nil list is an empty one", []any(nil), `[]`},
		{"nil fields are an empty object", job.Fields(nil), `{}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := job.Fields{{ID: "f", Value: tt.value}}.Encode()
			if want := `{"f":` + tt.want + `}`; err != nil || string(got) != want {
				t.Errorf("got %s, %v, want %s", got, err, want)
			}
		})
	}
}

// Each value holds hunter2 where that can be, which no error may tell.
func TestEncodeRefusesAtEveryDepthAndTellsThePath(t *testing.T) {
	t.Parallel()
	disk := func(id string, value any) any {
		return []any{job.Fields{}, job.Fields{{ID: "label", Value: "hunter2"}, {ID: id, Value: value}}}
	}
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{"a null in a list is refused", []any{"hunter2", nil}, `field "data_disks[1]": a null`},
		{"a null in an object is refused", disk("size_gb", nil), `field "data_disks[1].size_gb": a null`},
		{"an id given twice is refused", disk("label", "hunter2"), `field "data_disks[1].label" is given twice`},
		{"an empty id is refused", disk("", "hunter2"), `field "data_disks[1]": field number 2 has no id`},
		{"an id that is not UTF-8 is refused", disk("\xff", "hunter2"), `field "data_disks[1]": id of field number 2: text that is not UTF-8`},
		{"text that is not UTF-8 is refused", disk("size_gb", "hunter2\xff"), `field "data_disks[1].size_gb": text that is not UTF-8`},
		{"a number out of range is refused", disk("size_gb", math.Inf(1)), `field "data_disks[1].size_gb": a number that is out of range`},
		{"a list of strings of Go is refused", disk("tags", []string{"hunter2"}), `field "data_disks[1].tags": a value of type []string`},
		{"a map is refused", []any{map[string]any{"a": "hunter2"}}, `field "data_disks[0]": a value of type map[string]interface {}`},
		{"a bare field is refused", []any{job.Field{ID: "a", Value: "hunter2"}}, `field "data_disks[0]": a value of type job.Field`},
		{"lists deeper than MaxDepth are refused", lists(job.MaxDepth + 1), `field "data_disks[0][0][0][0][0][0][0][0]": a list or object more than 8 levels`},
		{"objects deeper than MaxDepth are refused", objects(job.MaxDepth + 1), `field "data_disks.o.o.o.o.o.o.o.o": a list or object more than 8 levels`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := job.Fields{{ID: "data_disks", Value: tt.value}}.Encode()
			checkRefusal(t, err, tt.want)
		})
	}
}

func TestParseDefinitionRefusesAtEveryDepthAndTellsThePath(t *testing.T) {
	t.Parallel()
	deep := func(open, inside, end string, depth int) string {
		return strings.Repeat(open, depth) + inside + strings.Repeat(end, depth)
	}
	for _, tt := range []struct{ name, value, want string }{
		{"a null in a list is refused", `["hunter2",null]`, `field "data_disks[1]": a null`},
		{"a null in an object is refused", `[{},{"size_gb":null}]`, `field "data_disks[1].size_gb": a null`},
		{"a key given twice is refused", `[{"a":"hunter2","a":"hunter2"}]`, `field "data_disks[0]" has the key "a" twice`},
		{"a key given twice in another spelling is refused", `{"a":1,"\u0061":2}`, `field "data_disks" has the key "a" twice`},
		{"an empty key is refused", `[{"":"hunter2"}]`, `field "data_disks[0]": a field has no id`},
		{"a number out of range is refused", `[{"size_gb":1e400}]`, `field "data_disks[0].size_gb": a number that is out of range`},
		{"lists deeper than MaxDepth are refused", deep("[", "", "]", job.MaxDepth+1), `field "data_disks[0][0][0][0][0][0][0][0]": a list or object more than 8 levels`},
		{"objects deeper than MaxDepth are refused", deep(`{"o":`, "1", "}", job.MaxDepth+1), `field "data_disks.o.o.o.o.o.o.o.o": a list or object more than 8 levels`},
		{"lists without end are refused", strings.Repeat("[", 1_000_000), "more than 8 levels"},
		{"a comma after the last item is refused", `["hunter2",]`, "not JSON"},
		{"a comma after the last field is refused", `{"a":"hunter2",}`, "not JSON"},
		{"a missing comma is refused", `["hunter2" "hunter2"]`, "not JSON"},
		{"a list that ends as an object is refused", `["hunter2"}`, "not JSON"},
		{"an object that ends as a list is refused", `{"a":"hunter2"]`, "not JSON"},
		{"a key that is no text is refused", `{1:"hunter2"}`, "not JSON"},
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
	if !errors.Is(err, job.ErrInvalidDefinition) || !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant an invalid definition that tells %s", err, want)
	} else if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want an error without the value", err)
	}
}

func TestMapIsDeepAndNew(t *testing.T) {
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
