// SPDX-License-Identifier: MPL-2.0

package job_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// FuzzParseDefinition checks that a definition that was parsed can be encoded, and that a further round trip changes nothing.
func FuzzParseDefinition(f *testing.F) {
	golden, err := full().MarshalJSON()
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
		`{"a":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`,
		`{"a":` + strings.Repeat(`{"b":`, maxDepth) + `1` + strings.Repeat("}", maxDepth) + `}`,
		`{"a":` + strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1) + `}`,
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
		wire, err := first.MarshalJSON()
		if err != nil {
			t.Fatalf("parsed, but not encoded: %v", err)
		}
		second, err := job.ParseDefinition(wire)
		if err != nil {
			t.Fatalf("encoded, but not parsed: %v\n%s", err, wire)
		}
		if !reflect.DeepEqual(first, second) {
			t.Fatalf("changed by a round trip: %s", wire)
		}
		again, err := second.MarshalJSON()
		if err != nil {
			t.Fatalf("encoded once, but not again: %v\n%s", err, wire)
		}
		if !bytes.Equal(wire, again) {
			t.Fatalf("encoded differently:\n%s\n%s", wire, again)
		}
	})
}
