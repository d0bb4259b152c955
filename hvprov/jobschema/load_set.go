// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"maps"
	"slices"
)

// parameterSet loads a parameter set of the schema or of an object into sets. The fields were loaded before.
func (l *loader) parameterSet(sc *scope, at place, sets *[]ParameterSet) {
	m, ok := l.mapping(at, "id", "label", "description", "members", "mode", "variants", "rules")
	if !ok {
		return
	}
	m.require("id")
	p := ParameterSet{ID: m.text("id"), Label: m.text("label"), Description: m.text("description")}
	if p.Label == "" {
		p.Label = p.ID
	}
	if p.ID != "" && !fieldID.MatchString(p.ID) {
		l.fault(m.at("id"), "%q is not a valid id: use lower-case letters, digits and underscores, starting with a letter", p.ID)
	}
	if p.ID != "" && slices.ContainsFunc(*sets, func(other ParameterSet) bool { return other.ID == p.ID }) {
		l.fault(m.at("id"), "the id %q is already used by another parameter set", p.ID)
	}
	switch hasMembers, hasVariants := m.has("members"), m.has("variants"); {
	case hasMembers && hasVariants:
		l.fault(m.place, "a parameter set cannot have both members and variants")
		return
	case hasMembers:
		l.members(sc, m, &p)
	case hasVariants:
		if m.has("mode") {
			l.fault(m.at("mode"), "a parameter set with variants cannot have a mode")
		}
		for _, item := range m.list("variants") {
			l.variant(sc, item, &p)
		}
	default:
		l.fault(m.place, "a parameter set must have members or variants")
	}
	for _, item := range m.list("rules") {
		l.rule(sc, item, &p)
	}
	*sets = append(*sets, p)
}

func (l *loader) members(sc *scope, m mapping, p *ParameterSet) {
	p.Members = l.fieldList(sc, m, "members")
	if items := m.at("members").node.Content; len(items) == 1 {
		l.fault(m.at("members"), "a parameter set must have more than one member")
	}
	m.require("mode")
	const allOrNone = "all-or-none"
	if p.Mode = m.text("mode"); p.Mode != "" && p.Mode != allOrNone {
		l.fault(m.at("mode"), "unknown mode %q: use %s", p.Mode, allOrNone)
	}
}

func (l *loader) variant(sc *scope, at place, p *ParameterSet) {
	m, ok := l.mapping(at, "id", "label", "required", "optional")
	if !ok {
		return
	}
	m.require("id", "required")
	v := Variant{ID: m.text("id"), Label: m.text("label"), Required: l.fieldList(sc, m, "required"), Optional: l.fieldList(sc, m, "optional")}
	if v.Label == "" {
		v.Label = v.ID
	}
	if slices.ContainsFunc(p.Variants, func(other Variant) bool { return other.ID == v.ID && v.ID != "" }) {
		l.fault(m.at("id"), "the id %q is already used by another variant", v.ID)
	}
	for _, id := range v.Optional {
		if slices.Contains(v.Required, id) {
			l.fault(m.at("optional"), "field %s is already required", id)
		}
	}
	p.Variants = append(p.Variants, v)
}

// fieldList loads a list of ids of fields that may be absent from values. Unknown ids are left out.
func (l *loader) fieldList(sc *scope, m mapping, key string) []string {
	var known []string
	ids, places := m.texts(key)
	for i, id := range ids {
		n, ok := sc.index[id]
		if !ok {
			l.fault(places[i], "unknown field %q%s", id, sc.suggest(id))
			continue
		}
		switch f := &sc.fields[n]; {
		case f.Required:
			l.fault(places[i], "field %s is required and cannot be in a parameter set", id)
		case sc.source[n].has("default"):
			l.fault(places[i], "field %s has a default and cannot be in a parameter set", id)
		case f.Infer != nil:
			l.fault(places[i], "field %s is inferred and cannot be in a parameter set", id)
		}
		known = append(known, id)
	}
	return known
}

func (l *loader) rule(sc *scope, at place, p *ParameterSet) {
	m, ok := l.mapping(at)
	if !ok {
		return
	}
	m.require(keyKind)
	name := m.text(keyKind)
	kind, known := ruleKinds[name]
	if !known {
		if name != "" {
			l.fault(m.at(keyKind), "unknown kind %q: use %s", name, wordList(slices.Sorted(maps.Keys(ruleKinds)), "or"))
		}
		return
	}
	r := map[string]string{keyKind: name}
	roles := []string{keyKind}
	for _, role := range kind.roles {
		roles = append(roles, role.name)
		l.role(sc, m, role, p, r)
	}
	for _, key := range m.keys {
		if !slices.Contains(roles, key) {
			l.fault(m.at(key), "unknown key %q: use %s", key, wordList(roles, "or"))
		}
	}
	p.Rules = append(p.Rules, r)
}

func typeTexts(types []Type) []string {
	texts := make([]string, len(types))
	for i, t := range types {
		texts[i] = string(t)
	}
	return texts
}

// role loads the field of a role in a rule.
func (l *loader) role(sc *scope, m mapping, r role, p *ParameterSet, rule map[string]string) {
	if !r.optional {
		m.require(r.name)
	} else if !m.has(r.name) {
		return
	}
	id := m.text(r.name)
	if id == "" {
		return
	}
	rule[r.name] = id
	i, known := sc.index[id]
	switch {
	case !known:
		l.fault(m.at(r.name), "unknown field %q%s", id, sc.suggest(id))
	case !sc.fields[i].Type.known(): // reported
	case !slices.Contains(r.types, sc.fields[i].Type):
		l.fault(m.at(r.name), "field %s must be of type %[3]s, but is of type %[2]s", id, sc.fields[i].Type, wordList(typeTexts(r.types), "or"))
	case !r.anywhere && !slices.Contains(p.fieldIDs(), id):
		l.fault(m.at(r.name), "field %s is not in the parameter set", id)
	}
}
