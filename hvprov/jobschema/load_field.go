// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// scope is where fields stand side by side: the schema, or an object.
type scope struct {
	up     *Field // the object; nil for the schema
	fields []Field
	index  map[string]int
	read   []mapping // of each of fields
	sound  []bool    // of each of fields: its own keys have no fault
}

// Keys of a field at the root, of one within an object, and of what a list is of. Only a whole root field can be
// observed, changed or inferred.
var (
	itemKeys   = []string{"type", "validations", "fields"}
	nestedKeys = append([]string{
		"id", "label", "description", "hint", "required", "default", "applicability", "stands_for", "deprecated", "items",
	}, itemKeys...)
	fieldKeys = append([]string{"infer", "change", "observed"}, nestedKeys...)
)

// scope reads the fields of a mapping's key "fields".
func (l *loader) scope(m mapping, up *Field) *scope {
	sc := &scope{up: up, index: map[string]int{}}
	for _, item := range m.list("fields") {
		l.field(sc, item)
	}
	for i := range sc.fields {
		l.applicability(sc, i)
		l.secretNames(sc, i)
	}
	return sc
}

// field reads one field. One that has faults is kept all the same, so that what names it is no fault as well.
func (l *loader) field(sc *scope, at place) {
	keys := fieldKeys
	if sc.up != nil {
		keys = nestedKeys
	}
	m, ok := l.mapping(at, keys...)
	if !ok {
		return
	}
	m.require("id", "type")
	before := len(l.faults)
	f := Field{
		ID: m.text("id"), Label: m.text("label"), Description: m.text("description"), Hint: m.text("hint"),
		Deprecated: m.text("deprecated"), Type: l.typeOf(m), Required: m.boolean("required"),
		Observed: m.text("observed"), StandsFor: m.text("stands_for"), line: m.node.Line,
	}
	if f.Required && m.has("deprecated") {
		l.fault(m.at("deprecated"), "a field that nobody is to use any more cannot be required")
	}
	if m.has("stands_for") && f.StandsFor != "" && !fieldID.MatchString(f.StandsFor) {
		l.fault(m.at("stands_for"), "%q is no id of a field", f.StandsFor)
	}
	l.change(sc, m, &f)
	l.parts(sc, m, &f, l.validations(m, &f))
	if m.has("default") {
		l.defaultValue(m, &f, len(l.faults) == before)
	}
	if l.fieldID(sc, m, f.ID) {
		sc.index[f.ID] = len(sc.fields)
		sc.fields = append(sc.fields, f)
		sc.read = append(sc.read, m)
		sc.sound = append(sc.sound, len(l.faults) == before)
	}
}

func (l *loader) typeOf(m mapping) Type {
	t := Type(m.text("type"))
	if !t.known() && t != "" {
		l.fault(m.at("type"), "unknown type %q: use %s", t, wordList(typeNames(), "or"))
	}
	return t
}

func (l *loader) change(sc *scope, m mapping, f *Field) {
	if sc.up != nil {
		return
	}
	if f.Change = ChangeReplace; !m.has("change") {
		return
	}
	f.Change = Change(m.text("change"))
	if changes := []string{string(ChangeInPlace), string(ChangePowerCycle), string(ChangeReplace)}; f.Change != "" &&
		!slices.Contains(changes, string(f.Change)) {
		l.fault(m.at("change"), "unknown change %q: use %s", f.Change, wordList(changes, "or"))
	}
}

// fieldID tells whether a field may have an id.
func (l *loader) fieldID(sc *scope, m mapping, id string) bool {
	switch i, taken := sc.index[id]; {
	case id == "":
		return false // told already
	case !fieldID.MatchString(id):
		l.fault(m.at("id"), "%q is no id: use lower-case letters, digits and underscores, with a letter first", id)
		return false
	case sc.up == nil && l.options.Reserved[id] != "":
		l.fault(m.at("id"), "the id %q is reserved: %s", id, l.options.Reserved[id])
		return true
	case taken:
		l.fault(m.at("id"), "the id %q is taken by the field at line %d", id, sc.fields[i].line)
		return false
	}
	return true
}

// secretNames checks that no field has a name that the program makes of the id of a secret.
func (l *loader) secretNames(sc *scope, i int) {
	if !sc.fields[i].Secret() {
		return
	}
	for _, suffix := range l.options.SecretSuffixes {
		if j, taken := sc.index[sc.fields[i].ID+suffix]; taken {
			l.fault(sc.read[j].at("id"), "the id %q is reserved: it belongs to the secret %s", sc.fields[j].ID, sc.fields[i].ID)
		}
	}
}

func (l *loader) defaultValue(m mapping, f *Field, sound bool) {
	at := m.at("default")
	if f.Type == TypeList || f.Type == TypeObject {
		l.fault(at, "a field of type %s has no default", f.Type)
		return
	}
	given := m.scalar("default")
	switch {
	case given == nil:
		return
	case f.Required:
		l.fault(m.at("required"), "a field with a default is never missing: leave required out, or the default")
	case m.has("infer"):
		l.fault(at, "a field that is inferred has no default")
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

func (l *loader) applicability(sc *scope, index int) {
	field, f := sc.read[index], &sc.fields[index]
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
		i, known := sc.index[id]
		if !known {
			l.fault(m.at(id), "there is no field %q%s", id, sc.suggest(id))
			continue
		}
		other := &sc.fields[i]
		var possible []string
		switch other.Type {
		case TypeEnum:
			possible = other.Validations.OneOf
		case TypeBoolean:
			possible = []string{"true", "false"}
		default:
			if other.Type.known() {
				l.fault(m.at(id), "a field can depend on an enum or a boolean, and %s is of type %s", id, other.Type)
			}
			continue
		}
		if sc.read[i].has("applicability") {
			l.fault(m.at(id), "a field can depend on one that always applies, and %s does not", id)
		}
		for j, v := range values {
			if len(possible) > 0 && !slices.Contains(possible, v) {
				l.fault(places[j], "%s has no value %q: use %s", id, v, quotedList(possible))
			}
		}
	}
}

// observable are the properties of a virtual machine that hosts report, and the types of the fields that can hold them.
var observable = func() map[string][]Type {
	text := []Type{TypeString, TypeMultiline, TypeHostname, TypeEnum}
	whole := []Type{TypeInteger, TypeNumber}
	return map[string][]Type{
		"name": text, "power_state": text, "notes": text, "switch_name": text, "mac_address": text, "static_mac_address": text,
		"checkpoint_type": text, "start_action": text, "stop_action": text,
		"generation": whole, "memory_gb": whole, "processor_count": whole, "vlan_id": whole, "disk_size_gb": whole,
		"memory_minimum_gb": whole, "memory_maximum_gb": whole,
		"clustered": {TypeBoolean}, "secure_boot": {TypeBoolean}, "tpm": {TypeBoolean},
		"data_disks": {TypeList}, "network_adapters": {TypeList},
	}
}()

// observableParts are the properties of the items of those that are lists, and the types of the parts of an object that can
// hold them.
var observableParts = map[string]map[string][]Type{
	"data_disks": {
		"name": observable["name"], "size_gb": observable["memory_gb"], "type": observable["power_state"],
	},
}

// observedParts holds the items of a list that is observed to what hosts report of them: what an item has beyond that would
// be seen as missing there.
func (l *loader) observedParts(field mapping, f *Field) {
	parts, ok := observableParts[f.Observed]
	if !ok || f.Items == nil {
		return
	}
	at := field.at("observed")
	if f.Items.Type != TypeObject {
		l.fault(at, "the property %s is a list of objects, and a list of another kind cannot show it", f.Observed)
		return
	}
	for i := range f.Items.Fields {
		part := &f.Items.Fields[i]
		fits, known := parts[part.ObservedPart()]
		switch {
		case !known:
			l.fault(at, "the items of the property %s have no %q: use %s", f.Observed, part.ObservedPart(), wordList(slices.Sorted(maps.Keys(parts)), "and"))
		case part.Type.known() && !slices.Contains(fits, part.Type):
			l.fault(at, "%s of the items of the property %s does not fit a field of type %s", part.ObservedPart(), f.Observed, part.Type)
		}
	}
}

// ObservedPart gives the property of an item that shows the value of this field, a part of the objects of a list that is
// observed: that of its own id, or of the id that it stands for.
func (f *Field) ObservedPart() string { return cmp.Or(f.StandsFor, f.ID) }

func (l *loader) observed(field mapping, index int) {
	f := &l.schema.Fields[index]
	if f.Observed == "" {
		return
	}
	at := field.at("observed")
	fits, known := observable[f.Observed]
	if !known {
		l.fault(at, "hosts report no property %q: use %s", f.Observed, wordList(slices.Sorted(maps.Keys(observable)), "or"))
		return
	}
	if f.Type.known() && !slices.Contains(fits, f.Type) {
		l.fault(at, "the property %s does not fit a field of type %s", f.Observed, f.Type)
	}
	l.observedParts(field, f)
	for i := range index {
		if other := &l.schema.Fields[i]; other.Observed == f.Observed {
			l.fault(at, "the property %s is that of field %s already", f.Observed, other.ID)
		}
	}
}

// suggest is the end of a message about an id that no field has.
func (sc *scope) suggest(id string) string {
	if near := nearest(id, slices.Sorted(maps.Keys(sc.index))); near != "" {
		return fmt.Sprintf(": did you mean %s?", near)
	}
	return ""
}

func typeNames(without ...Type) []string {
	var names []string
	for t := range types {
		if !slices.Contains(without, t) {
			names = append(names, string(t))
		}
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
