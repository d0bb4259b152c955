// SPDX-License-Identifier: MPL-2.0

package job_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// FuzzParseDefinition holds that what is parsed can be written, and that parsing and writing it again changes nothing.
func FuzzParseDefinition(f *testing.F) {
	golden, err := full().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add([]byte(`{"fields":{"n":-0.0,"m":1e18,"u":"\u2028\ud800"},"operation":"update","schema":{"version":2,"id":"<"}}`))
	for _, fields := range []string{
		`{}`,
		`{"a":[],"b":{},"c":[[],{}]}`,
		`{"a":[1,1.0,1e-7,"x",true,[false]]}`,
		`{"a":{"b":{"c":[{"d":"\u0000"}]}}}`,
		`{"a":` + strings.Repeat("[", job.MaxDepth) + strings.Repeat("]", job.MaxDepth) + `}`,
		`{"a":` + strings.Repeat(`{"b":`, job.MaxDepth) + `1` + strings.Repeat("}", job.MaxDepth) + `}`,
		`{"a":` + strings.Repeat("[", job.MaxDepth+1) + strings.Repeat("]", job.MaxDepth+1) + `}`,
		`{"a":[{"b":1,"\u0062":2}]}`,
		`{"a":[{"":1}]}`,
		`{"a":[null]}`,
		`{"a":[1,]}`,
		`{"a":[1}`,
	} {
		f.Add([]byte(`{"schema":{"id":"s","version":1},"operation":"delete","fields":` + fields + `}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := job.ParseDefinition(data)
		if err != nil {
			return
		}
		wire, err := first.Encode()
		if err != nil {
			t.Fatalf("parsed, but cannot be written: %v", err)
		}
		second, err := job.ParseDefinition(wire)
		if err != nil {
			t.Fatalf("written, but cannot be parsed: %v\n%s", err, wire)
		}
		if !reflect.DeepEqual(first, second) {
			t.Fatalf("the round trip changed it: %s", wire)
		}
		again, err := second.Encode()
		if err != nil {
			t.Fatalf("written once, then not: %v\n%s", err, wire)
		}
		if !bytes.Equal(wire, again) {
			t.Fatalf("written differently:\n%s\n%s", wire, again)
		}
	})
}
