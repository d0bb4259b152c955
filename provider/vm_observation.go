// SPDX-License-Identifier: MPL-2.0

package provider

import (
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
	if vm.DiskSizeGB == nil {
		delete(seen, "disk_size_gb") // the host cannot tell: a machine without a disk to tell of is no other machine
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

// of gives what was seen of a field: ok is false where hosts cannot tell, as with a boolean that is null. Nothing, an empty
// text and the number that stands for nothing are nil.
func (o observation) of(f *jobschema.Field) (value any, ok bool) {
	if f.Observed == "" {
		return nil, false
	}
	value, ok = o[f.Observed]
	switch x := value.(type) {
	case nil:
		// What a host cannot tell; a list that it has nothing of is one that nobody keeps.
		return nil, ok && f.Type != jobschema.TypeBoolean && f.Type != jobschema.TypeList
	case []any:
		return parts(f, x), true
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

// parts gives a list of objects that a host reported by the names that the field's own objects have.
func parts(f *jobschema.Field, seen []any) []any {
	items := make([]any, 0, len(seen))
	for _, one := range seen {
		properties, _ := one.(map[string]any)
		item := map[string]any{}
		for i := range f.Items.Fields {
			part := &f.Items.Fields[i]
			value := properties[part.ObservedPart()]
			if size, ok := value.(float64); ok && part.Type == jobschema.TypeInteger {
				value = math.Floor(size) // see of
			}
			item[part.ID] = value
		}
		items = append(items, item)
	}
	return items
}
