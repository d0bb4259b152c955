// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Docs returns the documentation of the field as a paragraph of Markdown: label and description, allowed values, default, example,
// applicability, parameter sets, and the effect of a change. A deprecation comes first. If there is nothing of that, it is the kind
// of value.
func (f *Field) Docs() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if f.Deprecated != "" {
		add("**Deprecated:** %s", asSentence(f.Deprecated))
	}
	if f.Label != "" {
		add("**%s.**", f.Label)
	}
	if f.Description != "" {
		add("%s", asSentence(f.Description))
	}
	f.addValues(add)
	if f.IgnoreCase {
		add("Not case-sensitive.")
	}
	switch {
	case f.Default != nil:
		add("Defaults to `%v`.", f.Default)
	case f.Infer != nil:
		add("If omitted, inferred from `%s` when possible.", f.Infer.From)
	}
	if f.Hint != "" {
		add("Example: %s.", code(f.Hint))
	}
	for _, id := range slices.Sorted(maps.Keys(f.Applicability)) {
		add("Applies only when %s.", conditionText(map[string][]string{id: f.Applicability[id]}))
	}
	parts = append(parts, f.sets...)
	switch f.Change {
	case ChangePowerCycle:
		add("Changes require a power cycle.")
	case ChangeReplace:
		add("Forces replacement.")
	}
	if len(parts) == 0 {
		noun := nouns[f.Type]
		add("%s.", strings.ToUpper(noun[:1])+noun[1:])
	}
	return strings.Join(parts, " ")
}

// addValues adds the allowed values. For a list it includes those of single items: the documentation shows only the fields of
// objects separately.
func (f *Field) addValues(add func(string, ...any)) {
	v := &f.Validations
	if len(v.OneOf) > 0 {
		add("Must be %s.", wordList(codes(v.OneOf), "or"))
	}
	if text := f.rangeText(); text != "" {
		add("Must be %s.", text)
	}
	if text := f.multipleText(); text != "" {
		add("Must be %s.", text)
	}
	if v.ZeroIsNone {
		add("`0` means none.")
	}
	if v.PatternDescription != "" {
		add("Must be %s.", strings.TrimSuffix(v.PatternDescription, "."))
	}
	if v.FileName {
		add("For a new virtual machine it must be valid as the name of a file on Windows.")
	}
	addCount(add, v.MinLength, v.MaxLength, "character")
	addCount(add, v.MinItems, v.MaxItems, "item")
	if v.Unique {
		add("Items must differ.")
	}
	if v.UniqueBy != "" {
		add("Items must have different values of `%s`.", v.UniqueBy)
	}
	for _, c := range f.Cases {
		rules := Field{Validations: c.Validations}
		rules.addValues(prefixed(add, "If "+conditionText(c.When)+": "))
		if c.Hint != "" {
			add("Example: %s.", code(c.Hint))
		}
	}
	if f.Items != nil {
		f.Items.addValues(prefixed(add, "Each item: "))
	}
}

// prefixed returns add for sentences that follow a prefix.
func prefixed(add func(string, ...any), prefix string) func(string, ...any) {
	return func(format string, args ...any) {
		add("%s", prefix+strings.ToLower(format[:1])+fmt.Sprintf(format[1:], args...))
	}
}

// conditionText returns the values that other fields must have.
func conditionText(conditions map[string][]string) string {
	var texts []string
	for _, id := range slices.Sorted(maps.Keys(conditions)) {
		value := "not set"
		if len(conditions[id]) > 0 {
			value = wordList(codes(conditions[id]), "or")
		}
		texts = append(texts, code(id)+" is "+value)
	}
	return wordList(texts, "and")
}

func addCount(add func(string, ...any), low, high *int, noun string) {
	switch {
	case low != nil && high != nil && *low == *high:
		add("Must have %s.", count(*low, noun))
	case low != nil && high != nil:
		add("Must have between %d and %s.", *low, count(*high, noun))
	case low != nil:
		add("Must have at least %s.", count(*low, noun))
	case high != nil:
		add("Must have at most %s.", count(*high, noun))
	}
}

// describeSets stores the sentences about parameter sets in their fields.
func (s *Schema) describeSets() {
	describeSets(s.ParameterSets, s.Fields, s.index)
	for i := range s.Fields {
		o := s.Fields[i].owner()
		describeSets(o.ParameterSets, o.Fields, o.index)
	}
}

func describeSets(sets []ParameterSet, fields []Field, index map[string]int) {
	for i := range sets {
		p := &sets[i]
		for _, id := range p.fieldIDs() {
			f := &fields[index[id]]
			f.sets = append(f.sets, p.sentence(id))
		}
	}
}

// sentence returns what the set requires beside one of its fields.
func (p *ParameterSet) sentence(id string) string {
	others := func(v Variant) string {
		rest := slices.DeleteFunc(slices.Clone(v.Required), func(other string) bool { return other == id })
		return wordList(codes(rest), "and")
	}
	var with []string
	for _, v := range p.AllVariants() {
		if slices.Contains(v.Required, id) || slices.Contains(v.Optional, id) {
			if text := others(v); text != "" && !slices.Contains(with, text) {
				with = append(with, text)
			}
		}
	}
	if len(with) == 0 {
		return "Part of: " + p.Label + "."
	}
	return "Part of: " + p.Label + ", together with " + strings.Join(with, ", or with ") + "."
}

func asSentence(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// code returns text as Markdown code, with a longer fence if the text contains back quotes.
func code(s string) string {
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		return fence + " " + s + " " + fence
	}
	return fence + s + fence
}

func codes(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = code(s)
	}
	return out
}
