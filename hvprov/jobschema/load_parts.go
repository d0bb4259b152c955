// SPDX-License-Identifier: MPL-2.0

package jobschema

import "slices"

// parts reads what a list or an object is made of.
func (l *loader) parts(sc *scope, m mapping, f *Field) {
	for key, owner := range map[string]Type{"items": TypeList, "fields": TypeObject} {
		switch _, known := types[f.Type]; {
		case known && f.Type != owner && m.has(key):
			l.fault(m.at(key), "only a field of type %s has %s", owner, key)
		case f.Type == owner && !m.has(key):
			l.fault(m.place, "a field of type %s needs %s", owner, key)
		}
	}
	switch {
	case f.Type == TypeObject && sc.up != nil:
		l.fault(m.at("type"), "an object within an object is more than Terraform users can be asked to read: use fields with longer names")
	case f.Type == TypeObject:
		l.object(m, f)
	case f.Type == TypeList && m.has("items"):
		l.items(sc, m.at("items"), f)
	}
	l.uniqueBy(m, f)
}

func (l *loader) object(m mapping, f *Field) {
	if m.has("fields") {
		sc := l.scope(m, f)
		f.Fields, f.index = sc.fields, sc.index
	}
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
	case m.has("fields"):
		l.fault(m.at("fields"), "only a field of type %s has %s", TypeObject, "fields")
	}
}

// uniqueBy checks the field that tells the objects of a list apart.
func (l *loader) uniqueBy(m mapping, f *Field) {
	id := f.Validations.UniqueBy
	if id == "" || f.Type != TypeList || f.Items == nil {
		return
	}
	at := m.at("validations")
	i, ok := f.Items.index[id]
	switch {
	case f.Items.Type != TypeObject:
		l.fault(at, "unique_by names a field, and the items of this list have none")
	case !ok:
		l.fault(at, "unique_by: the items have no field %q", id)
	case slices.Contains([]Type{TypeSecret, TypeMultiline, TypeList}, f.Items.Fields[i].Type):
		l.fault(at, "unique_by: a field of type %s cannot tell items apart", f.Items.Fields[i].Type)
	}
}

// inference reads how a field follows from another.
func (l *loader) inference(field mapping, f *Field) {
	if !field.has("infer") {
		return
	}
	m, ok := l.mapping(field.at("infer"), "from", "rules")
	if !ok {
		return
	}
	m.require("from", "rules")
	if f.Type != TypeString && f.Type != TypeEnum {
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
	case l.schema.Fields[i].Type != TypeString && l.schema.Fields[i].Type != TypeEnum:
		l.fault(m.at("from"), "a field can be inferred from a string or an enum, and %s is of type %s", f.Infer.From, l.schema.Fields[i].Type)
	case l.top.read[i].has("infer"):
		l.fault(m.at("from"), "a field can be inferred from one that is not, and %s is", f.Infer.From)
	}
	for _, item := range m.list("rules") {
		l.inferenceRule(item, f)
	}
}

func (l *loader) inferenceRule(at place, f *Field) {
	m, ok := l.mapping(at, "pattern", "value")
	if !ok {
		return
	}
	m.require("pattern", "value")
	r := InferenceRule{Pattern: m.text("pattern"), Value: m.text("value")}
	if r.pattern = l.compile(m.at("pattern"), r.Pattern); r.pattern == nil {
		return
	}
	if _, fault := f.Check(r.Value); fault != nil && r.Value != "" && (f.Type == TypeString || f.Type == TypeEnum) {
		l.fault(m.at("value"), "the value breaks the field's own rules: %s", fault)
	}
	f.Infer.Rules = append(f.Infer.Rules, r)
}
