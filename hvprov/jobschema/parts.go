// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// object checks the parts of an object.
func (c *checking) object(t target, v any) (any, []Fault) {
	given, ok := asObject(v)
	if !ok {
		return nil, []Fault{*t.typeFault(v)}
	}
	l := c.level(&t, t.words, t.Fields, t.index, given)
	if faults := l.sorted(); len(faults) > 0 {
		return nil, faults
	}
	return l.ordered(), nil
}

// list checks the items of a list, and what holds between them.
func (c *checking) list(t target, v any) (any, []Fault) {
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
		return f.fault(FaultMinItems, nil, fmt.Sprintf("%s must have at least %s, and has %d", f.name(), itemCount(*low), n), "add to it")
	case high != nil && n > *high:
		return f.fault(FaultMaxItems, nil, fmt.Sprintf("%s must have at most %s, and has %d", f.name(), itemCount(*high), n), "take some out of it")
	}
	return nil
}

// checkUnique blames each object that has what an earlier one has in the field that tells them apart.
func (f target) checkUnique(items []any) (faults []Fault) {
	id := f.Validations.UniqueBy
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
		key := folded(fmt.Sprint(v))
		first, taken := seen[key]
		if !taken {
			seen[key] = i
			continue
		}
		owner := f.item(i)
		t := owner.words.target(&f.Items.Fields[f.Items.index[id]], &owner)
		faults = append(faults, *t.fault(FaultUniqueBy, v,
			fmt.Sprintf("%s is %s, as it is in %s[%d]", t.name(), t.show(v), f.name(), first), "give each another"))
	}
	return faults
}

// folded gives the same text for all that [strings.EqualFold] takes to be the same.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, s)
}

func itemCount(n int) string {
	if n == 1 {
		return "1 item"
	}
	return fmt.Sprintf("%d items", n)
}

func asObject(v any) (map[string]any, bool) {
	switch v := v.(type) {
	case map[string]any:
		return v, true
	case job.Fields:
		m := make(map[string]any, len(v))
		for _, field := range v {
			m[field.ID] = field.Value
		}
		return m, true
	}
	return nil, false
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
