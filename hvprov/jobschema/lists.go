// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"fmt"
	"slices"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// objectValue validates an object.
func (c *validation) objectValue(t target, v any) (any, []Fault) {
	var given map[string]any
	switch v := v.(type) {
	case map[string]any:
		given = v
	case job.Fields:
		given = make(map[string]any, len(v))
		for _, field := range v {
			given[field.ID] = field.Value
		}
	default:
		return nil, []Fault{*t.typeFault(v)}
	}
	fields := c.object(&t, t.aliases, t.Fields, t.index, given)
	for i := range t.ParameterSets {
		fields.parameterSet(&t.ParameterSets[i])
	}
	if faults := fields.sorted(); len(faults) > 0 {
		return nil, faults
	}
	return fields.ordered(), nil
}

// list validates a list: each item, the number of items, and that they differ.
func (c *validation) list(t target, v any) (any, []Fault) {
	items, ok := asList(v)
	if !ok {
		return nil, []Fault{*t.typeFault(v)}
	}
	if fault := t.checkCount(len(items)); fault != nil {
		return nil, []Fault{*fault}
	}
	var faults []Fault
	typed := make([]any, len(items))
	for i, item := range items {
		value, found := c.value(t.item(i), item)
		typed[i] = value
		faults = append(faults, found...)
	}
	if faults = append(faults, t.checkUnique(typed)...); len(faults) > 0 {
		return nil, faults
	}
	return typed, nil
}

func (f target) checkCount(n int) *Fault {
	low, high := f.Validations.MinItems, f.Validations.MaxItems
	switch {
	case low != nil && n < *low:
		return f.fault(ruleMinItems, nil, fmt.Sprintf("must have at least %s, but has %d", count(*low, "item"), n), "add items")
	case high != nil && n > *high:
		return f.fault(ruleMaxItems, nil, fmt.Sprintf("must have at most %s, but has %d", count(*high, "item"), n), "remove items")
	}
	return nil
}

// checkUnique reports each item that repeats an earlier one, and each object whose value of the UniqueBy field is that of an earlier object.
func (f target) checkUnique(items []any) (faults []Fault) {
	id := f.Validations.UniqueBy
	if f.Validations.Unique {
		for i, item := range items {
			if t := f.item(i); item != Unknown && item != nil && slices.Contains(items[:i], item) {
				faults = append(faults, *t.fault(ruleUnique, item, fmt.Sprintf("is %s, which the list has already", t.show(item)), "name each once"))
			}
		}
		return faults
	}
	if id == "" {
		return nil
	}
	seen := make(map[string]int, len(items))
	for i, item := range items {
		object, _ := item.(job.Fields)
		v, ok := object.Get(id)
		if !ok || v == Unknown {
			continue
		}
		key := casefold.Key(fmt.Sprint(v))
		first, taken := seen[key]
		if !taken {
			seen[key] = i
			continue
		}
		parent := f.item(i)
		t := parent.aliases.target(&f.Items.Fields[f.Items.index[id]], &parent)
		faults = append(faults, *t.fault(ruleUniqueBy, v, fmt.Sprintf("is %s, like that of %s[%d]", t.show(v), f.name(), first), "use different values"))
	}
	return faults
}

func asList(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case []string:
		return toAny(v), true
	case []map[string]any:
		return toAny(v), true
	}
	return nil, false
}

func toAny[T any](list []T) []any {
	items := make([]any, len(list))
	for i, item := range list {
		items[i] = item
	}
	return items
}
