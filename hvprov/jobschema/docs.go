// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Docs gives what people need to know of the field, as one paragraph of Markdown: label and description, the values it
// takes, default, example, where it applies, the parameter sets it is in, and what a change costs. That a field is
// deprecated comes first. Where there is nothing of that, it is what kind of value the field takes.
func (f *Field) Docs() string {
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if f.Deprecated != "" {
		say("**Deprecated:** %s", asSentence(f.Deprecated))
	}
	if f.Label != "" {
		say("**%s.**", f.Label)
	}
	if f.Description != "" {
		say("%s", asSentence(f.Description))
	}
	f.sayValues(say)
	switch {
	case f.Default != nil:
		say("Default: `%v`.", f.Default)
	case f.Infer != nil:
		say("Without it, it follows from `%s` where that tells.", f.Infer.From)
	}
	if f.Hint != "" {
		say("Example: %s.", code(f.Hint))
	}
	for _, id := range slices.Sorted(maps.Keys(f.Applicability)) {
		say("Only where `%s` is %s.", id, wordList(codes(f.Applicability[id]), "or"))
	}
	parts = append(parts, f.sets...)
	switch f.Change {
	case ChangePowerCycle:
		say("A change needs the machine to be off for a moment.")
	case ChangeReplace:
		say("A change makes a new machine in place of the old one.")
	}
	if len(parts) == 0 {
		noun := nouns[f.Type]
		say("%s.", strings.ToUpper(noun[:1])+noun[1:])
	}
	return strings.Join(parts, " ")
}

func (f *Field) sayValues(say func(string, ...any)) {
	rules := &f.Validations
	if f.Items != nil {
		f.sayItems(say)
		return
	}
	if len(rules.OneOf) > 0 {
		say("One of %s.", wordList(codes(rules.OneOf), "or"))
	}
	if text := f.rangeText(); text != "" {
		say("A number %s.", text)
	}
	if rules.PatternDescription != "" {
		say("Allowed: %s.", strings.TrimSuffix(rules.PatternDescription, "."))
	}
	switch low, high := rules.MinLength, rules.MaxLength; {
	case low != nil && high != nil:
		say("From %d to %s.", *low, characters(*high))
	case low != nil:
		say("At least %s.", characters(*low))
	case high != nil:
		say("At most %s.", characters(*high))
	}
}

// sayItems tells of a list. Terraform's documentation shows the fields of objects by themselves, but not what single
// values must be.
func (f *Field) sayItems(say func(string, ...any)) {
	switch low, high := f.Validations.MinItems, f.Validations.MaxItems; {
	case low != nil && high != nil:
		say("From %d to %s.", *low, itemCount(*high))
	case low != nil:
		say("At least %s.", itemCount(*low))
	case high != nil:
		say("At most %s.", itemCount(*high))
	}
	if f.Validations.UniqueBy != "" {
		say("No two have the same `%s`.", f.Validations.UniqueBy)
	}
	f.Items.sayValues(func(format string, args ...any) {
		say("Of each item: "+strings.ToLower(format[:1])+format[1:], args...)
	})
}

// describeSets tells each field of the parameter sets it is in.
func (s *Schema) describeSets() {
	for i := range s.ParameterSets {
		p := &s.ParameterSets[i]
		for _, id := range p.fieldIDs() {
			f := &s.Fields[s.index[id]]
			f.sets = append(f.sets, p.sentence(id))
		}
	}
}

// sentence says what the set asks for beside one of its fields.
func (p *ParameterSet) sentence(id string) string {
	others := func(v Variant) string {
		rest := slices.DeleteFunc(slices.Clone(v.Required), func(other string) bool { return other == id })
		return wordList(codes(rest), "and")
	}
	var with []string
	for _, v := range p.Ways() {
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

// code sets text as Markdown code; text that has back quotes itself needs longer ones.
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
