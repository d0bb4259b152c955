// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"fmt"
	"maps"
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
	keyPattern            = "pattern"
	keyPatternDescription = "pattern_description"
	keyOneOf              = "one_of"
)

// observable are the properties of a virtual machine that hosts report, and the types of the fields that can hold them.
var observable = func() map[string][]Type {
	text := []Type{TypeString, TypeMultiline, TypeHostname, TypeEnum}
	whole := []Type{TypeInteger, TypeNumber}
	return map[string][]Type{
		"name": text, "power_state": text, "notes": text, "switch_name": text, "mac_address": text,
		"generation": whole, "memory_gb": whole, "processor_count": whole, "vlan_id": whole,
		"clustered": {TypeBoolean},
	}
}()

// field reads one field. One that has faults is kept all the same, so that what names it is no fault as well.
func (l *loader) field(at place) {
	m, ok := l.mapping(at, "id", "label", "description", "hint", "type", "required", "default", "validations",
		"applicability", "change", "observed")
	if !ok {
		return
	}
	m.require("id", "type")
	before := len(l.faults)
	f := Field{
		ID: m.text("id"), Label: m.text("label"), Description: m.text("description"), Hint: m.text("hint"),
		Type: Type(m.text("type")), Required: m.boolean("required"), Change: ChangeReplace, Observed: m.text("observed"),
	}
	if _, known := types[f.Type]; !known && f.Type != "" {
		l.fault(m.at("type"), "unknown type %q: use %s", f.Type, wordList(typeNames(), "or"))
	}
	if m.has("change") {
		f.Change = Change(m.text("change"))
		if changes := []string{string(ChangeInPlace), string(ChangePowerCycle), string(ChangeReplace)}; f.Change != "" &&
			!slices.Contains(changes, string(f.Change)) {
			l.fault(m.at("change"), "unknown change %q: use %s", f.Change, wordList(changes, "or"))
		}
	}
	l.validations(m, &f)
	if m.has("default") {
		l.defaultValue(m, &f, len(l.faults) == before)
	}
	if l.fieldID(m, f.ID) {
		l.schema.index[f.ID] = len(l.schema.Fields)
		l.schema.Fields = append(l.schema.Fields, f)
		l.fields = append(l.fields, m)
	}
}

// fieldID tells whether a field may have an id.
func (l *loader) fieldID(m mapping, id string) bool {
	switch i, taken := l.schema.index[id]; {
	case id == "":
		return false // told already
	case !fieldID.MatchString(id):
		l.fault(m.at("id"), "%q is no id: use lower-case letters, digits and underscores, with a letter first", id)
		return false
	case reserved[id] != "":
		l.fault(m.at("id"), "the id %q is reserved: %s", id, reserved[id])
		return true
	case taken:
		l.fault(m.at("id"), "the id %q is taken by the field at line %d", id, l.fields[i].node.Line)
		return false
	}
	return true
}

func (l *loader) defaultValue(m mapping, f *Field, sound bool) {
	at := m.at("default")
	given := m.scalar("default")
	switch {
	case given == nil:
		return
	case f.Required:
		l.fault(m.at("required"), "a field with a default is never missing: leave required out, or the default")
	case f.Secret():
		l.fault(at, "a secret has no default: everyone who reads the schema would know it")
	case sound:
		v, fault := f.Check(given)
		switch {
		case fault != nil:
			l.fault(at, "the default breaks the field's own rules: %s", fault)
		case v == nil:
			l.fault(at, "the default is no value: leave it out")
		default:
			f.Default = v
			return
		}
	}
	f.Default = given
}

func (l *loader) validations(field mapping, f *Field) {
	if !field.has("validations") {
		if f.Type == TypeEnum {
			l.fault(field.place, "an enum needs its values in validations.one_of")
		}
		return
	}
	m, ok := l.mapping(field.at("validations"), keyMinLength, keyMaxLength, keyMinimum, keyMaximum, keyPattern,
		keyPatternDescription, keyOneOf)
	if !ok {
		return
	}
	rule, known := types[f.Type]
	for _, key := range m.keys {
		if known && !slices.Contains(rule.allowed, key) {
			l.fault(m.at(key), "it has no meaning for a field of type %s", f.Type)
		}
	}
	v := &f.Validations
	v.MinLength, v.MaxLength = l.length(m, keyMinLength), l.length(m, keyMaxLength)
	if v.MinLength != nil && v.MaxLength != nil && *v.MinLength > *v.MaxLength {
		l.fault(m.at(keyMinLength), "min_length %d is more than max_length %d", *v.MinLength, *v.MaxLength)
	}
	v.Minimum, v.Maximum = l.bound(m, keyMinimum, f.Type), l.bound(m, keyMaximum, f.Type)
	if v.Minimum != nil && v.Maximum != nil && *v.Minimum > *v.Maximum {
		l.fault(m.at(keyMinimum), "minimum %s is more than maximum %s", formatNumber(*v.Minimum), formatNumber(*v.Maximum))
	}
	l.pattern(m, v)
	if v.OneOf, _ = m.texts(keyOneOf); f.Type == TypeEnum && !m.has(keyOneOf) {
		l.fault(m.place, "an enum needs its values in one_of")
	}
}

func (l *loader) length(m mapping, key string) *int {
	n, ok := m.integer(key)
	if !ok {
		return nil
	}
	if n < 0 || key == keyMaxLength && n == 0 {
		l.fault(m.at(key), "%d is no length", n)
	}
	return &n
}

func (l *loader) bound(m mapping, key string, t Type) *float64 {
	n, ok := m.number(key)
	if !ok {
		return nil
	}
	// Beyond 2^53 a float64 does not hold every whole number, and comparing would be a matter of luck.
	if t == TypeInteger && (n != math.Trunc(n) || math.Abs(n) > 1<<53) {
		l.fault(m.at(key), "the limit of an integer is a whole number from -2^53 to 2^53")
	}
	return &n
}

func (l *loader) pattern(m mapping, v *Validations) {
	v.Pattern, v.PatternDescription = m.text(keyPattern), m.text(keyPatternDescription)
	if m.has(keyPatternDescription) && !m.has(keyPattern) {
		l.fault(m.at(keyPatternDescription), "there is no pattern to describe")
	}
	if v.Pattern == "" {
		return
	}
	// By itself first: within the brackets below, "a)(b" would be a pattern.
	_, err := regexp.Compile(v.Pattern)
	if err == nil {
		v.pattern, err = regexp.Compile(`\A(?:` + v.Pattern + `)\z`)
	}
	if err != nil {
		l.fault(m.at(keyPattern), "the pattern does not compile: %v", err)
	}
}

// applicability reads when a field has a meaning. The field that decides must be one that always applies, and whose
// values can be listed.
func (l *loader) applicability(field mapping, f *Field) {
	if !field.has("applicability") {
		return
	}
	m, ok := l.mapping(field.at("applicability"))
	if !ok {
		return
	}
	if len(m.keys) == 0 {
		l.fault(m.place, "it names no field")
	}
	f.Applicability = map[string][]string{}
	for _, id := range m.keys {
		values, places := m.texts(id)
		f.Applicability[id] = values
		i, known := l.schema.index[id]
		if !known {
			l.fault(m.at(id), "there is no field %q%s", id, l.suggestField(id))
			continue
		}
		other := &l.schema.Fields[i]
		var possible []string
		switch other.Type {
		case TypeEnum:
			possible = other.Validations.OneOf
		case TypeBoolean:
			possible = []string{"true", "false"}
		default:
			l.fault(m.at(id), "a field can depend on an enum or a boolean, and %s is of type %s", id, other.Type)
			continue
		}
		if l.fields[i].has("applicability") {
			l.fault(m.at(id), "a field can depend on one that always applies, and %s does not", id)
		}
		for j, v := range values {
			if len(possible) > 0 && !slices.Contains(possible, v) {
				l.fault(places[j], "%s has no value %q: use %s", id, v, quotedList(possible))
			}
		}
	}
}

func (l *loader) observed(field mapping, f *Field) {
	if f.Observed == "" {
		return
	}
	at := field.at("observed")
	fits, known := observable[f.Observed]
	if !known {
		l.fault(at, "hosts report no property %q: use %s", f.Observed, wordList(slices.Sorted(maps.Keys(observable)), "or"))
		return
	}
	if _, ok := types[f.Type]; ok && !slices.Contains(fits, f.Type) {
		l.fault(at, "the property %s does not fit a field of type %s", f.Observed, f.Type)
	}
	for i := range l.schema.Fields {
		if other := &l.schema.Fields[i]; other == f {
			return
		} else if other.Observed == f.Observed {
			l.fault(at, "the property %s is that of field %s already", f.Observed, other.ID)
		}
	}
}

// suggestField is the end of a message about an id that no field has.
func (l *loader) suggestField(id string) string {
	var known []string
	for i := range l.schema.Fields {
		known = append(known, l.schema.Fields[i].ID)
	}
	if near := nearest(id, known); near != "" {
		return fmt.Sprintf(": did you mean %s?", near)
	}
	return ""
}

func typeNames() []string {
	var names []string
	for t := range types {
		names = append(names, string(t))
	}
	slices.Sort(names)
	return names
}
