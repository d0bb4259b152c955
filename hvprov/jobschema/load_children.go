// SPDX-License-Identifier: MPL-2.0

package jobschema

import "slices"

// parentTypes are the types with child fields or items, by the key that has these.
var parentTypes = []struct {
	key string
	of  Type
}{{"items", TypeList}, {"fields", TypeObject}}

// children loads the items of a list, or the fields of an object.
func (l *loader) children(sc *scope, m mapping, f *Field, rules mapping) {
	if f.Type == TypeObject && sc.parent != nil {
		l.fault(m.at("type"), "an object cannot contain an object: use fields with longer names")
		return
	}
	before := len(l.faults)
	l.setsOfObject(m, f)
	for _, p := range parentTypes {
		if f.Type.known() && f.Type != p.of && m.has(p.key) {
			l.fault(m.at(p.key), "only a field of type %s can have %s", p.of, p.key)
		}
	}
	for _, p := range parentTypes {
		switch {
		case f.Type != p.of:
		case m.has(p.key) && f.Type == TypeObject:
			l.object(m, f)
		case m.has(p.key):
			l.items(sc, m.at(p.key), f)
		case len(l.faults) == before:
			l.fault(m.place, "a field of type %s must have %s", p.of, p.key)
		}
	}
	if len(l.faults) == before { // a field that was left out would be reported as well
		l.uniqueBy(rules, f)
	}
}

func (l *loader) object(m mapping, f *Field) {
	sc := l.scope(m, f)
	f.Fields, f.index = sc.fields, sc.index
	for _, item := range m.list("parameter_sets") {
		l.parameterSet(sc, item, &f.ParameterSets)
	}
}

// setsOfObject reports parameter sets of what has no fields.
func (l *loader) setsOfObject(m mapping, f *Field) {
	if f.Type.known() && f.Type != TypeObject && m.has("parameter_sets") {
		l.fault(m.at("parameter_sets"), "only a field of type %s can have %s", TypeObject, "parameter_sets")
	}
}

func (l *loader) items(sc *scope, at place, f *Field) {
	m, ok := l.mapping(at, itemKeys...)
	if !ok {
		return
	}
	m.require("type")
	item := &Field{Type: l.typeOf(m), isItem: true, line: m.node.Line}
	f.Items = item
	l.validations(m, item)
	l.setsOfObject(m, item)
	switch {
	case item.Type == TypeList || item.Type == TypeSecret:
		l.fault(m.at("type"), "items cannot be of type %s: use %s", item.Type, wordList(typeNames(TypeList, TypeSecret), "or"))
	case item.Type == TypeObject && sc.parent != nil:
		l.fault(m.at("type"), "a list in an object cannot have objects as items: use single values")
	case item.Type == TypeObject && !m.has("fields"):
		l.fault(m.place, "a field of type %s must have %s", TypeObject, "fields")
	case item.Type == TypeObject:
		l.object(m, item)
	case item.Type.known() && m.has("fields"):
		l.fault(m.at("fields"), "only a field of type %s can have %s", TypeObject, "fields")
	}
}

// uniqueBy checks that the items of a list have the field that distinguishes them.
func (l *loader) uniqueBy(rules mapping, f *Field) {
	if f.Validations.Unique && f.Type == TypeList && f.Items.Type == TypeObject {
		l.fault(rules.at(keyUnique), "a list of objects cannot have unique: use unique_by")
	}
	id := f.Validations.UniqueBy
	if id == "" || f.Type != TypeList {
		return
	}
	at := rules.at(keyUniqueBy)
	i, ok := f.Items.index[id]
	switch {
	case f.Items.Type != TypeObject:
		l.fault(at, "only a list of objects can have unique_by")
	case !ok:
		l.fault(at, "the items have no field %q", id)
	case slices.Contains([]Type{TypeSecret, TypeMultiline, TypeList}, f.Items.Fields[i].Type):
		l.fault(at, "a field of type %s cannot distinguish items", f.Items.Fields[i].Type)
	}
}

func (l *loader) inference(index int) {
	field, f := l.top.source[index], &l.schema.Fields[index]
	if !field.has("infer") {
		return
	}
	m, ok := l.mapping(field.at("infer"), "from", "rules")
	if !ok {
		return
	}
	m.require("from", "rules")
	possible := f.Type == TypeString || f.Type == TypeEnum
	if f.Type.known() && !possible {
		l.fault(m.place, "only a string or an enum can be inferred, but the field is of type %s", f.Type)
	}
	if field.has("applicability") {
		l.fault(field.at("applicability"), "an inferred field must always apply")
	}
	f.Infer = &Inference{From: m.text("from")}
	switch i, known := l.top.index[f.Infer.From]; {
	case f.Infer.From == "": // reported
	case !known:
		l.fault(m.at("from"), "unknown field %q%s", f.Infer.From, l.top.suggest(f.Infer.From))
	case !l.schema.Fields[i].Type.known(): // reported
	case l.schema.Fields[i].Type != TypeString && l.schema.Fields[i].Type != TypeEnum:
		l.fault(m.at("from"), "a field can be inferred from a string or an enum, but %s is of type %s", f.Infer.From, l.schema.Fields[i].Type)
	case l.top.source[i].has("infer"):
		l.fault(m.at("from"), "a field cannot be inferred from an inferred field, and %s is one", f.Infer.From)
	case l.top.source[i].has("applicability"):
		l.fault(m.at("from"), "a field can be inferred from a field that always applies, but %s does not", f.Infer.From)
	}
	for _, item := range m.list("rules") {
		l.inferenceRule(item, f, possible && l.top.valid[index])
	}
}

// inferenceRule loads a rule, and checks its value if the rules of the field are valid.
func (l *loader) inferenceRule(at place, f *Field, valid bool) {
	m, ok := l.mapping(at, "pattern", "value")
	if !ok {
		return
	}
	m.require("pattern", "value")
	r := InferenceRule{Pattern: m.text("pattern"), Value: m.text("value")}
	if r.pattern = l.compile(m.at("pattern"), r.Pattern); r.pattern == nil {
		return
	}
	if _, fault := f.Check(r.Value); fault != nil && r.Value != "" && valid {
		l.fault(m.at("value"), "the value is invalid: %s", fault)
	}
	f.Infer.Rules = append(f.Infer.Rules, r)
}
