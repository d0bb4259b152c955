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

// verifier holds what Validate gave to what a schema says, without any of the code that made it: the plain reading of
// the language, slow and by brute force. It panics with a breach.
type verifier struct{ s *jobschema.Schema }

type breach string

// verify gives what is wrong with fields that were made of values; nil when nothing is.
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

func (verifier) hold(ok bool, format string, args ...any) {
	if !ok {
		panic(breach(fmt.Sprintf(format, args...)))
	}
}

// none is what counts as no value for a field.
func none(f *jobschema.Field, given any) bool {
	text, ok := given.(string)
	return given == nil || ok && f.Default == nil && (text == "" || f.Required && strings.TrimSpace(text) == "")
}

func (v verifier) level(at string, list []jobschema.Field, given m, fields job.Fields) {
	position := map[string]int{}
	for i := range list {
		position[list[i].ID] = i
	}
	for id := range given {
		_, known := position[id]
		v.hold(known, "%s: unknown field %q was taken", at, id)
	}
	last := -1
	for _, field := range fields {
		i, known := position[field.ID]
		v.hold(known && i > last, "%s: %q is unknown, twice or out of order", at, field.ID)
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
		if !none(f, given[f.ID]) {
			v.hold(there && applies, "%s: there %v, applies %v", at, there, applies)
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
		v.hold(there == (want != nil) && value == want, "%s: not given, and %v, not %v", at, value, want)
		v.hold(there || !f.Required || !applies, "%s: required and not there", at)
		if there {
			v.value(at, f, value, value)
		}
	}
}

// inferred gives what the first rule that matches says; nil for nothing.
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

// value holds one typed value to its field's rules, and to the value that was given for it.
func (v verifier) value(at string, f *jobschema.Field, given, value any) {
	rules := &f.Validations
	switch f.Type {
	case jobschema.TypeList:
		v.list(at, f, given, value)
		return
	case jobschema.TypeObject:
		object, ok := value.(job.Fields)
		v.hold(ok, "%s: an object is a %T", at, value)
		v.level(at, f.Fields, asMap(given), object)
		return
	case jobschema.TypeBoolean:
		_, ok := value.(bool)
		v.hold(ok && fmt.Sprint(given) == fmt.Sprint(value), "%s: %v of %v", at, value, given)
		return
	case jobschema.TypeInteger:
		n, ok := value.(int64)
		v.hold(ok && sameNumber(given, new(big.Rat).SetInt64(n)), "%s: %v of %v", at, value, given)
		v.bounds(at, rules, new(big.Rat).SetInt64(n))
		return
	case jobschema.TypeNumber:
		n, ok := value.(float64)
		r := new(big.Rat).SetFloat64(n)
		v.hold(ok && r != nil, "%s: %v", at, value)
		if text := fmt.Sprint(given); given != value {
			parsed, err := strconv.ParseFloat(text, 64)
			v.hold(err == nil && parsed == n, "%s: %v of %v", at, value, given)
		}
		v.bounds(at, rules, r)
		return
	}
	text, ok := value.(string)
	v.hold(ok && given == value, "%s: %T %v of %v", at, value, value, given)
	v.text(at, f, text)
}

func (v verifier) bounds(at string, rules *jobschema.Validations, n *big.Rat) {
	low, high := rules.Minimum, rules.Maximum
	v.hold(low == nil || n.Cmp(new(big.Rat).SetFloat64(*low)) >= 0, "%s: %v is below %v", at, n, low)
	v.hold(high == nil || n.Cmp(new(big.Rat).SetFloat64(*high)) <= 0, "%s: %v is above %v", at, n, high)
}

// sameNumber compares exactly, but not where the exponent is absurd.
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
	v.hold(text != "" || f.Default != nil, "%s: it is empty", at)
	v.hold(utf8.ValidString(text), "%s: it is not UTF-8", at)
	lines := f.Type == jobschema.TypeSecret || f.Type == jobschema.TypeMultiline
	for _, r := range text {
		v.hold(!unicode.IsControl(r) || lines && (r == '\n' || r == '\r' || r == '\t'), "%s: control character %U", at, r)
	}
	switch f.Type {
	case jobschema.TypeEnum:
		v.hold(slices.Contains(rules.OneOf, text), "%s: %q is none of %q", at, text, rules.OneOf)
		return
	case jobschema.TypeIPv4:
		parts := dottedQuad.FindStringSubmatch(text)
		v.hold(parts != nil, "%s: %q is no address", at, text)
		for _, part := range parts[1:] {
			n, _ := strconv.Atoi(part)
			v.hold(n <= 255, "%s: %q is no address", at, text)
		}
	case jobschema.TypeHostname:
		v.hold(len(text) <= 253 && dnsName.MatchString(text), "%s: %q is no DNS name", at, text)
	}
	v.hold(lines || strings.TrimSpace(text) == text, "%s: %q has white space around it", at, text)
	length := len([]rune(text))
	v.hold(rules.MinLength == nil || length >= *rules.MinLength, "%s: %d characters", at, length)
	v.hold(rules.MaxLength == nil || length <= *rules.MaxLength, "%s: %d characters", at, length)
	if rules.Pattern != "" {
		// The longest match from the left is the whole, if the whole matches.
		pattern := regexp.MustCompile(rules.Pattern)
		pattern.Longest()
		found := pattern.FindStringIndex(text)
		v.hold(found != nil && found[0] == 0 && found[1] == len(text), "%s: %q does not match %q", at, text, rules.Pattern)
	}
}

func (v verifier) list(at string, f *jobschema.Field, given, value any) {
	rules := &f.Validations
	items, ok := value.([]any)
	givenItems := asItems(given)
	v.hold(ok && len(items) == len(givenItems), "%s: %T with %d items of %d", at, value, len(items), len(givenItems))
	v.hold(rules.MinItems == nil || len(items) >= *rules.MinItems, "%s: %d items", at, len(items))
	v.hold(rules.MaxItems == nil || len(items) <= *rules.MaxItems, "%s: %d items", at, len(items))
	for i, item := range items {
		v.hold(item != nil, "%s[%d]: no value", at, i)
		v.value(fmt.Sprintf("%s[%d]", at, i), f.Items, givenItems[i], item)
		for j := range i {
			if rules.UniqueBy == "" {
				break
			}
			a, hasA := item.(job.Fields).Get(rules.UniqueBy)
			b, hasB := items[j].(job.Fields).Get(rules.UniqueBy)
			same := hasA && hasB && (a == b || strings.EqualFold(fmt.Sprint(a), fmt.Sprint(b)))
			v.hold(!same, "%s: items %d and %d are the same by %s", at, j, i, rules.UniqueBy)
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

// set holds fields to a parameter set by its definition: nothing of it is given, or one of the variants fits, which has
// what it requires, unless that has no meaning here, and allows all that is there.
func (v verifier) set(p *jobschema.ParameterSet, fields job.Fields) {
	variants := p.AllVariants()
	there := func(id string) bool { _, ok := fields.Get(id); return ok }
	given, fit := false, false
	for _, one := range variants {
		fits := true
		for _, id := range one.Required {
			fits = fits && (there(id) || v.meaningless(id, fields))
		}
		for _, other := range variants {
			for _, id := range append(slices.Clone(other.Required), other.Optional...) {
				given = given || there(id)
				fits = fits && (!there(id) || slices.Contains(one.Required, id) || slices.Contains(one.Optional, id))
			}
		}
		fit = fit || fits
	}
	v.hold(!given || fit, "no variant of %s fits", p.ID)
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

// ascends holds the numbers of a rule to their order, if all are there.
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
	v.hold(slices.IsSortedFunc(row, func(a, b *big.Rat) int { return a.Cmp(b) }), "%v do not ascend", row)
}

func (v verifier) meaningless(id string, fields job.Fields) bool {
	f, _ := v.s.Field(id)
	for other, allowed := range f.Applicability {
		if value, ok := fields.Get(other); ok && !slices.Contains(allowed, fmt.Sprint(value)) {
			return true
		}
	}
	return false
}

// number is the number that an IPv4 address is.
func number(address any) (n int64) {
	for _, part := range strings.Split(address.(string), ".") {
		octet, _ := strconv.ParseInt(part, 10, 64)
		n = n*256 + octet
	}
	return n
}

func (v verifier) subnet(address, prefix, gateway int64) {
	v.hold(prefix >= 1 && prefix <= 31, "prefix %d", prefix)
	size := int64(1) << (32 - prefix)
	v.hold(address/size == gateway/size && address != gateway, "%d and %d with prefix %d", address, gateway, prefix)
	if prefix < 31 {
		for _, a := range []int64{address, gateway} {
			v.hold(a%size != 0 && a%size != size-1, "%d is the first or last with prefix %d", a, prefix)
		}
	}
}

// asRead gives values as a definition that was read has them: a whole number is an int64.
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
