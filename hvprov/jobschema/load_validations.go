// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"math"
	"regexp"
	"slices"
)

// Keys of a field's validations.
const (
	keyMinLength          = "min_length"
	keyMaxLength          = "max_length"
	keyMinimum            = "minimum"
	keyMaximum            = "maximum"
	keyMultipleOf         = "multiple_of"
	keyZeroIsNone         = "zero_is_none"
	keyPattern            = "pattern"
	keyPatternDescription = "pattern_description"
	keyFileName           = "file_name"
	keyOneOf              = "one_of"
	keyMinItems           = "min_items"
	keyMaxItems           = "max_items"
	keyUnique             = "unique"
	keyUniqueBy           = "unique_by"
)

// validations loads the rules of a field and returns their mapping.
func (l *loader) validations(field mapping, f *Field) mapping {
	if !field.has("validations") {
		if f.Type == TypeEnum {
			l.fault(field.place, "an enum must have validations.one_of")
		}
		return mapping{}
	}
	m, ok := l.mapping(field.at("validations"), keyMinLength, keyMaxLength, keyMinimum, keyMaximum, keyMultipleOf, keyZeroIsNone, keyPattern,
		keyPatternDescription, keyFileName, keyOneOf, keyMinItems, keyMaxItems, keyUnique, keyUniqueBy)
	if !ok {
		return m
	}
	rule, known := types[f.Type]
	for _, key := range m.keys {
		if known && !slices.Contains(rule.keys, key) {
			l.fault(m.at(key), "does not apply to a field of type %s", f.Type)
		}
	}
	v := &f.Validations
	v.MinLength, v.MaxLength = l.counts(m, keyMinLength, keyMaxLength)
	v.MinItems, v.MaxItems = l.counts(m, keyMinItems, keyMaxItems)
	v.Minimum, v.Maximum = l.bound(m, keyMinimum, f.Type), l.bound(m, keyMaximum, f.Type)
	if v.Minimum != nil && v.Maximum != nil && *v.Minimum > *v.Maximum {
		l.fault(m.at(keyMinimum), "minimum %s is more than maximum %s", formatNumber(*v.Minimum), formatNumber(*v.Maximum))
	}
	if v.MultipleOf = l.bound(m, keyMultipleOf, f.Type); v.MultipleOf != nil && *v.MultipleOf <= 0 {
		l.fault(m.at(keyMultipleOf), "must be above 0, but is %s", formatNumber(*v.MultipleOf))
	}
	if v.ZeroIsNone = m.boolean(keyZeroIsNone); v.ZeroIsNone && (f.Required || field.has("default")) {
		l.fault(m.at(keyZeroIsNone), "does not apply to a field that is required or has a default")
	}
	l.pattern(m, v)
	v.FileName = m.boolean(keyFileName)
	v.Unique, v.UniqueBy = m.boolean(keyUnique), m.text(keyUniqueBy)
	if v.OneOf, _ = m.texts(keyOneOf); f.Type == TypeEnum && !m.has(keyOneOf) {
		l.fault(m.place, "an enum must have one_of")
	}
	return m
}

// counts loads a minimum and a maximum number.
func (l *loader) counts(m mapping, lowKey, highKey string) (low, high *int) {
	low, high = l.count(m, lowKey, 0), l.count(m, highKey, 1)
	if low != nil && high != nil && *low > *high {
		l.fault(m.at(lowKey), "%s %d is more than %s %d", lowKey, *low, highKey, *high)
	}
	return low, high
}

func (l *loader) count(m mapping, key string, least int) *int {
	n, ok := m.integer(key)
	if !ok {
		return nil
	}
	if n < least {
		l.fault(m.at(key), "must be at least %d, but is %d", least, n)
	}
	return &n
}

func (l *loader) bound(m mapping, key string, t Type) *float64 {
	n, ok := m.number(key)
	if !ok {
		return nil
	}
	// A float64 does not hold every whole number beyond 2^53.
	if t == TypeInteger && (n != math.Trunc(n) || math.Abs(n) > 1<<53) {
		l.fault(m.at(key), "the limit of an integer must be a whole number between -2^53 and 2^53")
	}
	return &n
}

func (l *loader) pattern(m mapping, v *Validations) {
	v.Pattern, v.PatternDescription = m.text(keyPattern), m.text(keyPatternDescription)
	if m.has(keyPatternDescription) && !m.has(keyPattern) {
		l.fault(m.at(keyPatternDescription), "pattern_description needs a pattern")
	}
	v.pattern = l.compileWhole(m.at(keyPattern), v.Pattern)
}

// compileWhole returns a regular expression that matches a whole text; nil if the pattern is invalid, which it reports.
func (l *loader) compileWhole(at place, pattern string) *regexp.Regexp {
	if l.compile(at, pattern) == nil { // by itself: in the group below, "a)(b" would be valid
		return nil
	}
	return l.compile(at, `\A(?:`+pattern+`)\z`)
}

// compile returns a regular expression; nil if the pattern is invalid, which it reports.
func (l *loader) compile(at place, pattern string) *regexp.Regexp {
	if pattern == "" {
		return nil // absent, or reported
	}
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		l.fault(at, "the pattern does not compile: %v", err)
		return nil
	}
	return compiled
}
