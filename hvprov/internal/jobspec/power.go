// SPDX-License-Identifier: MPL-2.0

package jobspec

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// powerFields returns the values of a power job as fields of a definition. They are the same in every job schema: power_action, and
// optionally force_stop, wait_for and wait_seconds.
func powerFields(values map[string]any) (fields job.Fields, err error) {
	checks := map[string]func(v any) string{
		"power_action": oneOf(job.PowerActions()...),
		"force_stop": func(v any) string {
			if _, ok := v.(bool); ok {
				return ""
			}
			return "a boolean"
		},
		"wait_for": oneOf("nothing", "heartbeat", "address"),
		"wait_seconds": func(v any) string {
			n, err := job.Fields{{ID: "n", Value: v}}.MarshalJSON()
			var seconds float64
			if _, scanErr := fmt.Sscanf(string(n), `{"n":%g}`, &seconds); err != nil || scanErr != nil || seconds != math.Trunc(seconds) || seconds < 1 || seconds > 7200 {
				return "a whole number from 1 to 7200"
			}
			return ""
		},
	}
	for _, id := range slices.Sorted(maps.Keys(values)) {
		check, ok := checks[id]
		if !ok {
			return nil, fmt.Errorf("a power job has no field %s: use %s", id, strings.Join(slices.Sorted(maps.Keys(checks)), ", "))
		}
		if want := check(values[id]); want != "" {
			return nil, fmt.Errorf("%s of a power job must be %s, but is %v", id, want, values[id])
		}
		fields = append(fields, job.Field{ID: id, Value: values[id]})
	}
	if _, ok := values["power_action"]; !ok {
		return nil, fmt.Errorf("a power job requires the field power_action: use one of %s", strings.Join(job.PowerActions(), ", "))
	}
	return fields, nil
}

func oneOf(choices ...string) func(v any) string {
	return func(v any) string {
		if s, ok := v.(string); ok && slices.Contains(choices, s) {
			return ""
		}
		return "one of " + strings.Join(choices, ", ")
	}
}
