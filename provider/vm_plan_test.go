// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

func TestARunningVMAcceptsALowerMinimumAndAHigherMaximumOfMemory(t *testing.T) {
	t.Parallel()
	number := func(v any) tftypes.Value { return tftypes.NewValue(tftypes.Number, v) }
	for _, c := range []struct {
		observed      string
		before, after any
		live          bool
	}{
		{"memory_minimum_gb", 2, 1, true},
		{"memory_minimum_gb", 1, 2, false},
		{"memory_maximum_gb", 8, 16, true},
		{"memory_maximum_gb", 16, 8, false},
		{"memory_maximum_gb", 0, 8, false}, // turns dynamic memory on
		{"memory_minimum_gb", 2, 0, false}, // and off
		{"memory_minimum_gb", nil, 1, false},
		{"memory_maximum_gb", 8, tftypes.UnknownValue, false},
		{"memory_gb", 4, 8, false},
	} {
		if live := changesLive(&jobschema.Field{Observed: c.observed}, number(c.before), number(c.after)); live != c.live {
			t.Errorf("%s from %v to %v: %v", c.observed, c.before, c.after, live)
		}
	}
}
