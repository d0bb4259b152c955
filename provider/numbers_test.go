// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// TestAFractionOfAWholeNumberHasOneMessage covers every whole number of the schema: the framework must not add a message of its own.
func TestAFractionOfAWholeNumberHasOneMessage(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	s := loadSchema(t)
	half := big.NewFloat(2.5)
	checked := 0
	check := func(field, at string, config attrs) {
		checked++
		diags := h.validate(linux("web-01").with(config))
		var found []string
		for _, d := range diags {
			if text := d.Summary + ": " + d.Detail; strings.Contains(text, field) {
				found = append(found, text)
				if attributeOf(d.Attribute) != at {
					t.Errorf("%s is reported on %q, want %q", field, attributeOf(d.Attribute), at)
				}
			} else if strings.Contains(text, "Please report") {
				found = append(found, text)
			}
		}
		if len(found) != 1 || !strings.Contains(found[0], "must be a whole number, but is 2.5") {
			t.Errorf("%s: %q", field, found)
		}
	}
	for _, f := range s.Fields {
		switch {
		case f.Type == jobschema.TypeInteger:
			check(f.ID, f.ID, attrs{f.ID: half})
		case f.Type == jobschema.TypeList && f.Items.Type == jobschema.TypeObject:
			for _, part := range f.Items.Fields {
				if part.Type == jobschema.TypeInteger {
					at := fmt.Sprintf("%s[1].%s", f.ID, part.ID)
					check(at, f.ID+".1", attrs{f.ID: []any{attrs{"name": "a"}, attrs{"name": "b", part.ID: half}}})
				}
			}
		}
	}
	if checked < 8 {
		t.Errorf("only %d whole numbers", checked)
	}
}

func TestANumberThatIsNoMultipleIsReportedDuringValidation(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	number := func(text string) *big.Float {
		n, _, err := big.ParseFloat(text, 10, 512, big.ToNearestEven)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	h.mustFail(h.validate(linux("web-01").with(attrs{"gb_ram_min": number("0.3"), "gb_ram_max": 16})), "gb_ram_min",
		"must be a multiple of 1/512, but is 0.3", "Use 0.298828125 or 0.30078125")
	h.mustFail(h.validate(linux("web-01").with(attrs{"gb_ram_min": 1, "gb_ram_max": number("1023.9999")})), "gb_ram_max", "Use 1023.998046875 or 1024")
	h.mustSucceed("a multiple", h.validate(linux("web-01").with(attrs{"gb_ram_min": number("0.501953125"), "gb_ram_max": 16})))
}
