// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

func TestPathsAreParsedAsTheyAreFormatted(t *testing.T) {
	t.Parallel()
	want := map[string]jobschema.Path{
		"gb_ram":                {{Field: "gb_ram"}},
		"data_disks[1].size_gb": {{Field: "data_disks"}, {Index: 1}, {Field: "size_gb"}},
		"limits.cpu":            {{Field: "limits"}, {Field: "cpu"}},
		"tags[12]":              {{Field: "tags"}, {Index: 12}},
	}
	for text, steps := range want {
		p, err := jobschema.ParsePath(text)
		if err != nil || !slices.Equal(p, steps) || p.String() != text {
			t.Errorf("%s is parsed as %v, %v", text, p, err)
		}
	}
	for _, text := range []string{"[1]", ".a", "a.", "a..b", "a[x]", "a[01]", "a b", "A", "a[1]b", "a[1234567890]", "image (2)"} {
		if p, err := jobschema.ParsePath(text); err == nil {
			t.Errorf("%q is parsed as %v", text, p)
		}
	}
}

func TestAnObservedListHasThePropertiesThatHostsReport(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ items, want string }{
		"all of it":                  {"{type: object, fields: [{id: name, type: string}, {id: size_gb, type: integer}, {id: type, type: enum, validations: {one_of: [dynamic]}}]}", ""},
		"by another name":            {"{type: object, fields: [{id: label, type: string, stands_for: name}]}", ""},
		"an unknown property":        {"{type: object, fields: [{id: name, type: string}, {id: color, type: string}]}", `have no "color"`},
		"a property of another type": {"{type: object, fields: [{id: size_gb, type: string}]}", "size_gb of the items of the property data_disks cannot be that of a field of type string"},
		"no objects":                 {"{type: string}", "is a list of objects"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := "id: vm-provisioning\nversion: 1\nname: n\nfields:\n  - {id: one, type: list, observed: data_disks, items: " + c.items + "}\n"
			_, err := jobschema.Load("one.yaml", []byte(text))
			if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
