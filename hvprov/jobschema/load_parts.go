// SPDX-License-Identifier: MPL-2.0

package jobschema

import "slices"

// owners are the types that have parts, by the key that tells them.
var owners = []struct {
	key  string
	kind Type
}{{"items", TypeList}, {"fields", TypeObject}}

// parts reads what a list or an object is made of.
func (l *loader) parts(sc *scope, m mapping, f *Field, rules mapping) {
	if f.Type == TypeObject && sc.up != nil {
		l.fault(m.at("type"), "an object within an object is more than Terraform users can be asked to read: use fields with longer names")
		return
	}
	before := len(l.faults)
	for _, owner := range owners {
		if f.Type.known() && f.Type != owner.kind && m.has(owner.key) {
			l.fault(m.at(owner.key), "only a field of type %s has %s", owner.kind, owner.key)
		}
	}
	for _, owner := range owners {
		switch {
		case f.Type != owner.kind:
		case m.has(owner.key) && f.Type == TypeObject:
			l.object(m, f)
		case m.has(owner.key):
			l.items(sc, m.at(owner.key), f)
		case len(l.faults) == before:
			l.fault(m.place, "a field of type %s needs %s", owner.kind, owner.key)
		}
	}
	// A field that was left out for its faults is missed here as well.
	if len(l.faults) == before {
		l.uniqueBy(rules, f)
	}
}

func (l *loader) object(m mapping, f *Field) {
	sc := l.scope(m, f)
	f.Fields, f.index = sc.fields, sc.index
}

// items reads what a list is of. An item is always required: an empty one would be a place in the list and no value.
func (l *loader) items(sc *scope, at place, f *Field) {
	m, ok := l.mapping(at, itemKeys...)
	if !ok {
		return
	}
	m.require("type")
	item := &Field{Type: l.typeOf(m), Required: true, line: m.node.Line}
	f.Items = item
	l.validations(m, item)
	switch {
	case item.Type == TypeList || item.Type == TypeSecret:
		l.fault(m.at("type"), "items of type %s are not possible: use %s", item.Type, wordList(typeNames(TypeList, TypeSecret), "or"))
	case item.Type == TypeObject && sc.up != nil:
		l.fault(m.at("type"), "a list within an object is of single values, not of objects")
	case item.Type == TypeObject && !m.has("fields"):
		l.fault(m.place, "a field of type %s needs %s", TypeObject, "fields")
	case item.Type == TypeObject:
		l.object(m, item)
	case item.Type.known() && m.has("fields"):
		l.fault(m.at("fields"), "only a field of type %s has %s", TypeObject, "fields")
	}
}

// uniqueBy checks the field that tells the objects of a list apart.
func (l *loader) uniqueBy(rules mapping, f *Field) {
	id := f.Validations.UniqueBy
	if id == "" || f.Type != TypeList {
		return
	}
	at := rules.at(keyUniqueBy)
	i, ok := f.Items.index[id]
	switch {
	case f.Items.Type != TypeObject:
		l.fault(at, "it names a field, and the items of this list have none")
	case !ok:
		l.fault(at, "the items have no field %q", id)
	case slices.Contains([]Type{TypeSecret, TypeMultiline, TypeList}, f.Items.Fields[i].Type):
		l.fault(at, "a field of type %s cannot tell items apart", f.Items.Fields[i].Type)
	}
}

// inference reads how a field follows from another.
func (l *loader) inference(index int) {
	field, f := l.top.read[index], &l.schema.Fields[index]
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
		l.fault(m.place, "only a string or an enum can be inferred, and this is a field of type %s", f.Type)
	}
	if field.has("applicability") {
		l.fault(field.at("applicability"), "a field that is inferred always applies")
	}
	f.Infer = &Inference{From: m.text("from")}
	switch i, known := l.top.index[f.Infer.From]; {
	case f.Infer.From == "": // told already
	case !known:
		l.fault(m.at("from"), "there is no field %q%s", f.Infer.From, l.top.suggest(f.Infer.From))
	case !l.schema.Fields[i].Type.known(): // the same
	case l.schema.Fields[i].Type != TypeString && l.schema.Fields[i].Type != TypeEnum:
		l.fault(m.at("from"), "a field can be inferred from a string or an enum, and %s is of type %s", f.Infer.From, l.schema.Fields[i].Type)
	case l.top.read[i].has("infer"):
		l.fault(m.at("from"), "a field can be inferred from one that is not, and %s is", f.Infer.From)
	case l.top.read[i].has("applicability"):
		l.fault(m.at("from"), "a field can be inferred from one that always applies, and %s does not", f.Infer.From)
	}
	for _, item := range m.list("rules") {
		l.inferenceRule(item, f, possible && l.top.sound[index])
	}
}

// inferenceRule reads one rule. Its value is held to the field's own rules where these are sound.
func (l *loader) inferenceRule(at place, f *Field, sound bool) {
	m, ok := l.mapping(at, "pattern", "value")
	if !ok {
		return
	}
	m.require("pattern", "value")
	r := InferenceRule{Pattern: m.text("pattern"), Value: m.text("value")}
	if r.pattern = l.compile(m.at("pattern"), r.Pattern); r.pattern == nil {
		return
	}
	if _, fault := f.Check(r.Value); fault != nil && r.Value != "" && sound {
		l.fault(m.at("value"), "the value breaks the field's own rules: %s", fault)
	}
	f.Infer.Rules = append(f.Infer.Rules, r)
}
