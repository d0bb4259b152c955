// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"cmp"
	"encoding/json"
	"math"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// observation is what a host says of a virtual machine, by the names that a schema's `observed` uses.
type observation map[string]any

func observe(vm *job.VM) (observation, error) {
	text, err := json.Marshal(vm)
	if err != nil {
		return nil, err
	}
	var seen observation
	if err := json.Unmarshal(text, &seen); err != nil {
		return nil, err
	}
	// A machine on its way to a state is taken to be there: what is seen is compared with what is wanted.
	switch seen["power_state"] {
	case "starting":
		seen["power_state"] = "running"
	case "stopping":
		seen["power_state"] = "off"
	}
	return seen, nil
}

// observedItems gives the items of an observed list by the ids that a field has for their parts.
func observedItems(f *jobschema.Field, list []any) []any {
	seen := make([]any, len(list))
	for i, item := range list {
		seen[i] = item
		parts, ok := item.(map[string]any)
		if !ok || f.Items == nil {
			continue
		}
		named := map[string]any{}
		for j := range f.Items.Fields {
			part := &f.Items.Fields[j]
			named[part.ID] = parts[cmp.Or(part.StandsFor, part.ID)]
		}
		seen[i] = named
	}
	return seen
}

// of gives what was seen of a field: ok is false where hosts cannot tell. Nothing, an empty text and the number that
// stands for nothing are nil.
func (o observation) of(f *jobschema.Field) (value any, ok bool) {
	if f.Observed == "" {
		return nil, false
	}
	value, ok = o[f.Observed]
	switch x := value.(type) {
	case nil:
		return nil, ok && f.Type != jobschema.TypeList // a list that a host has nothing of is one that nobody keeps
	case []any:
		return observedItems(f, x), ok
	case string:
		if x == "" {
			return nil, ok
		}
	case float64:
		if x == 0 {
			return nil, ok
		}
		if f.Type == jobschema.TypeInteger {
			return math.Floor(x), ok // a fraction is a difference, and an integer can only show it as another one
		}
	}
	return value, ok
}
