// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// scope holds the fields of the schema, or of an object, while they are loaded.
type scope struct {
	parent *Field // the object; nil for the schema
	fields []Field
	index  map[string]int
	source []mapping // of each of fields
	valid  []bool    // of each of fields: its own keys have no fault
}

// Keys of the item of a list, of a field in an object, and of a field of the schema. Only a field of the schema can be inferred,
// changed and observed.
var (
	itemKeys   = []string{"type", "validations", "fields", "parameter_sets"}
	nestedKeys = append([]string{
		"id", "label", "description", "hint", "required", "default", "applicability", "stands_for", "guest", "cases", "deprecated", "ignore_case", "items",
	}, itemKeys...)
	fieldKeys = append([]string{"infer", "change", "observed"}, nestedKeys...)
)

// scope loads the fields in the key "fields" of a mapping.
func (l *loader) scope(m mapping, parent *Field) *scope {
	sc := &scope{parent: parent, index: map[string]int{}}
	for _, item := range m.list("fields") {
		l.field(sc, item)
	}
	for i := range sc.fields {
		l.applicability(sc, i)
		l.cases(sc, i)
		l.secretNames(sc, i)
	}
	return sc
}

// field loads a field. One with faults is kept, so that references to it are not reported as well.
func (l *loader) field(sc *scope, at place) {
	keys := fieldKeys
	if sc.parent != nil {
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
		Observed: m.text("observed"), StandsFor: m.text("stands_for"),
		IgnoreCase: m.boolean("ignore_case"), line: m.node.Line,
	}
	if f.IgnoreCase && f.Type != TypeString && f.Type != TypeHostname {
		l.fault(m.at("ignore_case"), "ignore_case does not apply to a field of type %s", f.Type)
	}
	if f.Required && m.has("deprecated") {
		l.fault(m.at("deprecated"), "a deprecated field cannot be required")
	}
	if f.StandsFor != "" && !fieldID.MatchString(f.StandsFor) {
		l.fault(m.at("stands_for"), "%q is not a valid id of a field", f.StandsFor)
	}
	l.change(sc, m, &f)
	l.children(sc, m, &f, l.validations(m, &f))
	l.guest(sc, m, &f)
	if m.has("default") {
		l.defaultValue(m, &f, len(l.faults) == before)
	}
	if l.fieldID(sc, m, f.ID) {
		sc.index[f.ID] = len(sc.fields)
		sc.fields = append(sc.fields, f)
		sc.source = append(sc.source, m)
		sc.valid = append(sc.valid, len(l.faults) == before)
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
	if sc.parent != nil {
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

// fieldID reports whether a field is to be stored under its id.
func (l *loader) fieldID(sc *scope, m mapping, id string) bool {
	switch i, taken := sc.index[id]; {
	case id == "":
		return false // reported by require or text
	case !fieldID.MatchString(id):
		l.fault(m.at("id"), "%q is not a valid id: use lower-case letters, digits and underscores, starting with a letter", id)
		return false
	case sc.parent == nil && l.options.Reserved[id] != "":
		l.fault(m.at("id"), "the id %q is reserved: %s", id, l.options.Reserved[id])
		return true
	case taken:
		l.fault(m.at("id"), "the id %q is already used by the field at line %d", id, sc.fields[i].line)
		return false
	}
	return true
}

// secretNames checks that no field has a name that the program forms from the id of a secret.
func (l *loader) secretNames(sc *scope, i int) {
	if !sc.fields[i].Secret() {
		return
	}
	for _, suffix := range l.options.SecretSuffixes {
		if j, taken := sc.index[sc.fields[i].ID+suffix]; taken {
			l.fault(sc.source[j].at("id"), "the id %q is reserved: it belongs to the secret %s", sc.fields[j].ID, sc.fields[i].ID)
		}
	}
}

func (l *loader) defaultValue(m mapping, f *Field, valid bool) {
	at := m.at("default")
	if f.Type == TypeList || f.Type == TypeObject {
		l.fault(at, "a field of type %s cannot have a default", f.Type)
		return
	}
	given := m.scalar("default")
	switch {
	case given == nil:
		return
	case f.Required:
		l.fault(m.at("required"), "a field with a default cannot be required: remove one of them")
	case m.has("infer"):
		l.fault(at, "an inferred field cannot have a default")
	case f.Secret():
		l.fault(at, "a secret cannot have a default: every reader of the schema would know it")
	case valid:
		v, fault := f.Check(given)
		switch {
		case fault != nil:
			l.fault(at, "the default is invalid: %s", fault)
		case v == nil:
			l.fault(at, "the default is empty: remove it")
		default:
			f.Default = v
			return
		}
	}
	f.Default = given
}

func (l *loader) applicability(sc *scope, index int) {
	if field := sc.source[index]; field.has("applicability") {
		sc.fields[index].Applicability = l.conditions(sc, field.at("applicability"), true)
	}
}

// cases loads the cases of a field.
func (l *loader) cases(sc *scope, index int) {
	field, f := sc.source[index], &sc.fields[index]
	if !field.has("cases") {
		return
	}
	if rule := types[f.Type]; f.Type.known() && (rule.convert == nil || rule.keys == nil) {
		l.fault(field.at("cases"), "does not apply to a field of type %s", f.Type)
		return
	}
	for _, item := range field.list("cases") {
		m, ok := l.mapping(item, "when", "hint", "validations")
		if !ok {
			continue
		}
		m.require("when", "validations")
		rules := Field{Type: f.Type}
		l.validations(m, &rules)
		c := Case{Hint: m.text("hint"), Validations: rules.Validations}
		if m.has("when") {
			c.When = l.conditions(sc, m.at("when"), false)
		}
		f.Cases = append(f.Cases, c)
	}
}

// conditions loads the values that other fields of an object must have. An empty list, where it is allowed, means that the other field must
// not be set.
func (l *loader) conditions(sc *scope, at place, canBeUnset bool) map[string][]string {
	m, ok := l.mapping(at)
	if !ok {
		return nil
	}
	if len(m.keys) == 0 {
		l.fault(m.place, "must name at least one field")
	}
	conditions := map[string][]string{}
	for _, id := range m.keys {
		unset := canBeUnset && m.isEmptyList(id)
		values, places := []string{}, []place(nil)
		if !unset {
			values, places = m.texts(id)
		}
		conditions[id] = values
		i, known := sc.index[id]
		if !known {
			l.fault(m.at(id), "unknown field %q%s", id, sc.suggest(id))
			continue
		}
		other := &sc.fields[i]
		var possible []string
		switch {
		case unset && (other.Required || sc.source[i].has("default") || sc.source[i].has("infer")):
			l.fault(m.at(id), "an empty list is about a field that can be unset, but %s always has a value", id)
		case unset:
		case other.Type == TypeEnum:
			possible = other.Validations.OneOf
		case other.Type == TypeBoolean:
			possible = []string{"true", "false"}
		default:
			if other.Type.known() {
				l.fault(m.at(id), "a condition can be about an enum or a boolean, but %s is of type %s; an empty list is about whether it is set", id, other.Type)
			}
			continue
		}
		if sc.source[i].has("applicability") {
			l.fault(m.at(id), "a condition can be about a field that always applies, but %s does not", id)
		}
		for j, v := range values {
			if len(possible) > 0 && !slices.Contains(possible, v) {
				l.fault(places[j], "%s cannot be %q: use %s", id, v, quotedList(possible))
			}
		}
	}
	return conditions
}

// property is a property of a virtual machine that hosts report.
type property struct {
	types []Type              // of the fields that can hold it
	items map[string]property // properties of the items of a list; nil if they are not checked
	item  []Type              // of the items of a list of single values
}

// observable returns the properties of job.VM that are tagged observable, by JSON name.
var observable = sync.OnceValue(func() map[string]property {
	return properties(reflect.TypeFor[job.VM](), func(f reflect.StructField) bool { return f.Tag.Get("observable") != "" })
})

func properties(t reflect.Type, want func(reflect.StructField) bool) map[string]property {
	all := map[string]property{}
	for i := range t.NumField() {
		if f := t.Field(i); want(f) {
			p := propertyOf(f.Type)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if strings.HasSuffix(name, "mac_address") {
				p.types = append(p.types, TypeMAC)
			}
			all[name] = p
		}
	}
	return all
}

func propertyOf(t reflect.Type) property {
	switch t.Kind() {
	case reflect.Pointer:
		return propertyOf(t.Elem())
	case reflect.Bool:
		return property{types: []Type{TypeBoolean}}
	case reflect.Int, reflect.Float64:
		return property{types: []Type{TypeInteger, TypeNumber}}
	case reflect.Slice:
		list := property{types: []Type{TypeList}}
		if t.Elem().Kind() != reflect.Struct {
			list.item = propertyOf(t.Elem()).types
		}
		if t == reflect.TypeFor[[]job.DataDisk]() {
			list.items = properties(t.Elem(), func(reflect.StructField) bool { return true })
		}
		return list
	}
	return property{types: []Type{TypeString, TypeMultiline, TypeHostname, TypeEnum}}
}

// observed checks that hosts report the property of an observed field.
func (l *loader) observed(field mapping, index int) {
	f := &l.schema.Fields[index]
	if f.Observed == "" {
		return
	}
	at := field.at("observed")
	p, known := observable()[f.Observed]
	if !known {
		l.fault(at, "unknown property %q: use %s", f.Observed, wordList(slices.Sorted(maps.Keys(observable())), "or"))
		return
	}
	if f.Type.known() && !slices.Contains(p.types, f.Type) {
		l.fault(at, "the property %s cannot be that of a field of type %s", f.Observed, f.Type)
	}
	l.observedItems(at, p, f)
	for i := range index {
		if other := &l.schema.Fields[i]; other.Observed == f.Observed {
			l.fault(at, "the property %s is already that of the field %s", f.Observed, other.ID)
		}
	}
}

// observedItems checks the items of an observed list: a host would seem to lack what it does not report of an item.
func (l *loader) observedItems(at place, p property, f *Field) {
	if f.Items != nil && p.item != nil && f.Items.Type.known() && !slices.Contains(p.item, f.Items.Type) {
		l.fault(at, "the property %s cannot be that of a list of type %s", f.Observed, f.Items.Type)
	}
	if p.items == nil || f.Items == nil {
		return
	}
	if f.Items.Type != TypeObject {
		l.fault(at, "the property %s is a list of objects: make the items of the field objects", f.Observed)
		return
	}
	for i := range f.Items.Fields {
		child := &f.Items.Fields[i]
		item, known := p.items[child.ObservedPart()]
		switch {
		case !known:
			l.fault(at, "the items of the property %s have no %q: use %s", f.Observed, child.ObservedPart(), wordList(slices.Sorted(maps.Keys(p.items)), "and"))
		case child.Type.known() && !slices.Contains(item.types, child.Type):
			l.fault(at, "%s of the items of the property %s cannot be that of a field of type %s", child.ObservedPart(), f.Observed, child.Type)
		}
	}
}

// ObservedPart returns the JSON name of the property that shows the value of a field in the objects of an observed list: the id that
// it stands for, or its own.
func (f *Field) ObservedPart() string { return cmp.Or(f.StandsFor, f.ID) }

// suggest returns the end of a message about an unknown id.
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
