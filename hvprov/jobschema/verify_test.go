// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// verifier checks the result of Validate against a schema with independent code, slowly and by brute force. It panics with a breach.
type verifier struct{ s *jobschema.Schema }

type breach string

// verify returns what is wrong with fields that Validate returned for values; nil if nothing is.
func verify(s *jobschema.Schema, values m, fields job.Fields) (err error) {
	defer func() {
		if what, ok := recover().(breach); ok {
			err = fmt.Errorf("%s", string(what))
		}
	}()
	v := verifier{s}
	v.level("", s.Fields, values, fields)
	for i := range s.ParameterSets {
		v.set(&s.ParameterSets[i], fields)
	}
	return nil
}

func (verifier) check(ok bool, format string, args ...any) {
	if !ok {
		panic(breach(fmt.Sprintf(format, args...)))
	}
}

// isUnset reports whether a value counts as none for a field.
func isUnset(f *jobschema.Field, given any) bool {
	text, ok := given.(string)
	if f.Validations.ZeroIsNone && given != nil && !ok && sameNumber(given, new(big.Rat)) || ok && f.Validations.ZeroIsNone && text == "0" {
		return true
	}
	return given == nil || ok && f.Default == nil && (text == "" || f.Required && strings.TrimSpace(text) == "")
}

func (v verifier) level(at string, list []jobschema.Field, given m, fields job.Fields) {
	position := map[string]int{}
	for i := range list {
		position[list[i].ID] = i
	}
	for id := range given {
		_, known := position[id]
		v.check(known, "%s: unknown field %q was accepted", at, id)
	}
	last := -1
	for _, field := range fields {
		i, known := position[field.ID]
		v.check(known && i > last, "%s: %q is unknown, repeated or out of order", at, field.ID)
		last = i
	}
	for i := range list {
		f := &list[i]
		at := at + "." + f.ID
		value, there := fields.Get(f.ID)
		applies := true
		for id, allowed := range f.Applicability {
			other, known := fields.Get(id)
			applies = applies && (!known || slices.Contains(allowed, fmt.Sprint(other)))
		}
		if !isUnset(f, given[f.ID]) {
			v.check(there && applies, "%s: present %v, applies %v", at, there, applies)
			v.value(at, f, given[f.ID], value)
			continue
		}
		var want any
		switch {
		case !applies:
		case f.Infer != nil:
			want = inferred(f, fields)
		default:
			want = f.Default
		}
		v.check(there == (want != nil) && value == want, "%s: not set: got %v, want %v", at, value, want)
		v.check(there || !f.Required || !applies, "%s: required but absent", at)
		if there {
			v.value(at, f, value, value)
		}
	}
}

// inferred returns the value of the first rule that matches; nil if none does.
func inferred(f *jobschema.Field, fields job.Fields) any {
	from, _ := fields.Get(f.Infer.From)
	text, ok := from.(string)
	for _, rule := range f.Infer.Rules {
		if ok && regexp.MustCompile(rule.Pattern).MatchString(text) {
			return rule.Value
		}
	}
	return nil
}

// value checks a typed value against the rules of its field and the value that was set.
func (v verifier) value(at string, f *jobschema.Field, given, value any) {
	rules := &f.Validations
	switch f.Type {
	case jobschema.TypeList:
		v.list(at, f, given, value)
		return
	case jobschema.TypeObject:
		object, ok := value.(job.Fields)
		v.check(ok, "%s: an object is a %T", at, value)
		v.level(at, f.Fields, asMap(given), object)
		return
	case jobschema.TypeBoolean:
		_, ok := value.(bool)
		v.check(ok && fmt.Sprint(given) == fmt.Sprint(value), "%s: %v of %v", at, value, given)
		return
	case jobschema.TypeInteger:
		n, ok := value.(int64)
		v.check(ok && sameNumber(given, new(big.Rat).SetInt64(n)), "%s: %v of %v", at, value, given)
		v.bounds(at, rules, new(big.Rat).SetInt64(n))
		return
	case jobschema.TypeNumber:
		n, ok := value.(float64)
		r := new(big.Rat).SetFloat64(n)
		v.check(ok && r != nil, "%s: %v", at, value)
		if text := fmt.Sprint(given); given != value {
			parsed, err := strconv.ParseFloat(text, 64)
			v.check(err == nil && parsed == n, "%s: %v of %v", at, value, given)
		}
		v.bounds(at, rules, r)
		return
	}
	text, ok := value.(string)
	v.check(ok && given == value, "%s: %T %v of %v", at, value, value, given)
	v.text(at, f, text)
}

func (v verifier) bounds(at string, rules *jobschema.Validations, n *big.Rat) {
	low, high := rules.Minimum, rules.Maximum
	v.check(low == nil || n.Cmp(new(big.Rat).SetFloat64(*low)) >= 0, "%s: %v is below %v", at, n, low)
	v.check(high == nil || n.Cmp(new(big.Rat).SetFloat64(*high)) <= 0, "%s: %v is above %v", at, n, high)
}

// sameNumber compares exactly, except for huge exponents.
func sameNumber(given any, n *big.Rat) bool {
	text := fmt.Sprint(given)
	if f, err := strconv.ParseFloat(text, 64); err != nil || f == 0 {
		return err == nil && n.Sign() == 0
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 && len(text)-i > 5 {
		return true
	}
	r, ok := new(big.Rat).SetString(text)
	return ok && r.Cmp(n) == 0
}

var (
	dottedQuad = regexp.MustCompile(`^(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})$`)
	dnsName    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$`)
)

func (v verifier) text(at string, f *jobschema.Field, text string) {
	rules := &f.Validations
	v.check(text != "" || f.Default != nil, "%s: empty", at)
	v.check(utf8.ValidString(text), "%s: not valid UTF-8", at)
	lines := f.Type == jobschema.TypeSecret || f.Type == jobschema.TypeMultiline
	for _, r := range text {
		v.check(!unicode.IsControl(r) || lines && (r == '\n' || r == '\r' || r == '\t'), "%s: control character %U", at, r)
	}
	switch f.Type {
	case jobschema.TypeEnum:
		v.check(slices.Contains(rules.OneOf, text), "%s: %q is not one of %q", at, text, rules.OneOf)
		return
	case jobschema.TypeIPv4:
		parts := dottedQuad.FindStringSubmatch(text)
		v.check(parts != nil, "%s: %q is not an address", at, text)
		for _, part := range parts[1:] {
			n, _ := strconv.Atoi(part)
			v.check(n <= 255, "%s: %q is not an address", at, text)
		}
	case jobschema.TypeHostname:
		v.check(len(text) <= 253 && dnsName.MatchString(text), "%s: %q is not a DNS name", at, text)
	}
	v.check(lines || strings.TrimSpace(text) == text, "%s: %q has white space around it", at, text)
	length := len([]rune(text))
	v.check(rules.MinLength == nil || length >= *rules.MinLength, "%s: %d characters", at, length)
	v.check(rules.MaxLength == nil || length <= *rules.MaxLength, "%s: %d characters", at, length)
	if rules.Pattern != "" {
		// If the whole text matches, it is the longest match from the left.
		pattern := regexp.MustCompile(rules.Pattern)
		pattern.Longest()
		found := pattern.FindStringIndex(text)
		v.check(found != nil && found[0] == 0 && found[1] == len(text), "%s: %q does not match %q", at, text, rules.Pattern)
	}
}

func (v verifier) list(at string, f *jobschema.Field, given, value any) {
	rules := &f.Validations
	items, ok := value.([]any)
	givenItems := asItems(given)
	v.check(ok && len(items) == len(givenItems), "%s: %T with %d items of %d", at, value, len(items), len(givenItems))
	v.check(rules.MinItems == nil || len(items) >= *rules.MinItems, "%s: %d items", at, len(items))
	v.check(rules.MaxItems == nil || len(items) <= *rules.MaxItems, "%s: %d items", at, len(items))
	for i, item := range items {
		v.check(item != nil, "%s[%d]: no value", at, i)
		v.value(fmt.Sprintf("%s[%d]", at, i), f.Items, givenItems[i], item)
		for j := range i {
			if rules.UniqueBy == "" {
				break
			}
			a, hasA := item.(job.Fields).Get(rules.UniqueBy)
			b, hasB := items[j].(job.Fields).Get(rules.UniqueBy)
			same := hasA && hasB && (a == b || strings.EqualFold(fmt.Sprint(a), fmt.Sprint(b)))
			v.check(!same, "%s: items %d and %d are the same by %s", at, j, i, rules.UniqueBy)
		}
	}
}

func asMap(v any) m {
	if fields, ok := v.(job.Fields); ok {
		flat := m{}
		for _, f := range fields {
			flat[f.ID] = f.Value
		}
		return flat
	}
	object, _ := v.(m)
	return object
}

func asItems(v any) []any {
	items, _ := v.([]any)
	return items
}

// set checks fields against a parameter set: no field of it is set, or one variant matches, whose required fields are set or do not
// apply, and which allows all fields of the set that are set.
func (v verifier) set(p *jobschema.ParameterSet, fields job.Fields) {
	variants := p.AllVariants()
	there := func(id string) bool { _, ok := fields.Get(id); return ok }
	given, fit := false, false
	for _, one := range variants {
		fits := true
		for _, id := range one.Required {
			fits = fits && (there(id) || v.inapplicable(id, fields))
		}
		for _, other := range variants {
			for _, id := range append(slices.Clone(other.Required), other.Optional...) {
				given = given || there(id)
				fits = fits && (!there(id) || slices.Contains(one.Required, id) || slices.Contains(one.Optional, id))
			}
		}
		fit = fit || fits
	}
	v.check(!given || fit, "no variant of %s fits", p.ID)
	for _, rule := range p.Rules {
		if rule["kind"] == "ascending" {
			if given {
				v.ascends(rule, fields)
			}
			continue
		}
		a, b, c := rule["address"], rule["prefix"], rule["gateway"]
		if there(a) && there(b) && there(c) {
			address, _ := fields.Get(a)
			prefix, _ := fields.Get(b)
			gateway, _ := fields.Get(c)
			v.subnet(number(address), prefix.(int64), number(gateway))
		}
	}
}

// ascends checks the order of the numbers of a rule if all are set.
func (v verifier) ascends(rule map[string]string, fields job.Fields) {
	var row []*big.Rat
	for _, role := range []string{"low", "middle", "high"} {
		id, named := rule[role]
		if !named {
			continue
		}
		value, there := fields.Get(id)
		if !there {
			return
		}
		n, _ := new(big.Rat).SetString(fmt.Sprint(value))
		row = append(row, n)
	}
	v.check(slices.IsSortedFunc(row, func(a, b *big.Rat) int { return a.Cmp(b) }), "%v do not ascend", row)
}

func (v verifier) inapplicable(id string, fields job.Fields) bool {
	f, _ := v.s.Field(id)
	for other, allowed := range f.Applicability {
		if value, ok := fields.Get(other); ok && !slices.Contains(allowed, fmt.Sprint(value)) {
			return true
		}
	}
	return false
}

// number returns an IPv4 address as a number.
func number(address any) (n int64) {
	for _, part := range strings.Split(address.(string), ".") {
		octet, _ := strconv.ParseInt(part, 10, 64)
		n = n*256 + octet
	}
	return n
}

func (v verifier) subnet(address, prefix, gateway int64) {
	v.check(prefix >= 1 && prefix <= 31, "prefix %d", prefix)
	size := int64(1) << (32 - prefix)
	v.check(address/size == gateway/size && address != gateway, "%d and %d with prefix %d", address, gateway, prefix)
	if prefix < 31 {
		for _, a := range []int64{address, gateway} {
			v.check(a%size != 0 && a%size != size-1, "%d is the first or last with prefix %d", a, prefix)
		}
	}
}

// asRead returns values as in a definition that was parsed: a whole number is an int64.
func asRead(v any) any {
	switch v := v.(type) {
	case job.Fields:
		fields := job.Fields{}
		for _, f := range v {
			fields = append(fields, job.Field{ID: f.ID, Value: asRead(f.Value)})
		}
		return fields
	case []any:
		items := []any{}
		for _, item := range v {
			items = append(items, asRead(item))
		}
		return items
	case float64:
		if n := int64(v); float64(n) == v {
			return n
		}
	case json.Number:
		panic("a json.Number was kept")
	}
	return v
}
