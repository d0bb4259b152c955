// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"maps"
	"slices"
)

// parameterSet reads one parameter set. What it says of fields is checked against the fields, so they come first.
func (l *loader) parameterSet(at place) {
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
		l.fault(m.at("id"), "%q is no id: use lower-case letters, digits and underscores, with a letter first", p.ID)
	}
	if p.ID != "" && slices.ContainsFunc(l.schema.ParameterSets, func(other ParameterSet) bool { return other.ID == p.ID }) {
		l.fault(m.at("id"), "the id %q is taken by another parameter set", p.ID)
	}
	switch hasMembers, hasVariants := m.has("members"), m.has("variants"); {
	case hasMembers && hasVariants:
		l.fault(m.place, "a parameter set has either members or variants")
		return
	case hasMembers:
		l.members(m, &p)
	case hasVariants:
		if m.has("mode") {
			l.fault(m.at("mode"), "only members have a mode")
		}
		for _, item := range m.list("variants") {
			l.variant(item, &p)
		}
	default:
		l.fault(m.place, "a parameter set needs members or variants")
	}
	for _, item := range m.list("rules") {
		l.rule(item, &p)
	}
	l.schema.ParameterSets = append(l.schema.ParameterSets, p)
}

func (l *loader) members(m mapping, p *ParameterSet) {
	p.Members = l.fieldList(m, "members")
	if items := m.at("members").node.Content; len(items) == 1 {
		l.fault(m.at("members"), "a single member is no set")
	}
	m.require("mode")
	if p.Mode = Mode(m.text("mode")); p.Mode != "" && p.Mode != ModeAllOrNone {
		l.fault(m.at("mode"), "unknown mode %q: use %s", p.Mode, ModeAllOrNone)
	}
}

func (l *loader) variant(at place, p *ParameterSet) {
	m, ok := l.mapping(at, "id", "label", "required", "optional")
	if !ok {
		return
	}
	m.require("id", "required")
	v := Variant{ID: m.text("id"), Label: m.text("label"), Required: l.fieldList(m, "required"), Optional: l.fieldList(m, "optional")}
	if v.Label == "" {
		v.Label = v.ID
	}
	if slices.ContainsFunc(p.Variants, func(other Variant) bool { return other.ID == v.ID && v.ID != "" }) {
		l.fault(m.at("id"), "the id %q is taken by another variant", v.ID)
	}
	for _, id := range v.Optional {
		if slices.Contains(v.Required, id) {
			l.fault(m.at("optional"), "field %s is required already", id)
		}
	}
	p.Variants = append(p.Variants, v)
}

// fieldList reads a list of fields that may be left out, and leaves out those that there are not.
func (l *loader) fieldList(m mapping, key string) []string {
	var known []string
	ids, places := m.texts(key)
	for i, id := range ids {
		n, ok := l.top.index[id]
		if !ok {
			l.fault(places[i], "there is no field %q%s", id, l.top.suggest(id))
			continue
		}
		switch f := &l.schema.Fields[n]; {
		case f.Required:
			l.fault(places[i], "field %s is required, and so it cannot decide about a parameter set", id)
		case l.top.read[n].has("default"):
			l.fault(places[i], "field %s has a default, and so it cannot decide about a parameter set", id)
		case f.Infer != nil:
			l.fault(places[i], "field %s is inferred, and so it cannot decide about a parameter set", id)
		}
		known = append(known, id)
	}
	return known
}

func (l *loader) rule(at place, p *ParameterSet) {
	m, ok := l.mapping(at)
	if !ok {
		return
	}
	m.require("kind")
	r := Rule{Kind: RuleKind(m.text("kind")), Fields: map[string]string{}}
	if r.Kind == "" {
		return
	}
	kind, known := ruleKinds[r.Kind]
	if !known {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(ruleKinds)) {
			names = append(names, string(name))
		}
		l.fault(m.at("kind"), "unknown kind %q: use %s", r.Kind, wordList(names, "or"))
		return
	}
	roles := []string{"kind"}
	for _, role := range kind.roles {
		roles = append(roles, role.name)
		l.role(m, role, p, &r)
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

// role reads which field has a role in a rule.
func (l *loader) role(m mapping, r role, p *ParameterSet, rule *Rule) {
	if !r.optional {
		m.require(r.name)
	} else if !m.has(r.name) {
		return
	}
	id := m.text(r.name)
	if id == "" {
		return
	}
	rule.Fields[r.name] = id
	i, known := l.top.index[id]
	switch {
	case !known:
		l.fault(m.at(r.name), "there is no field %q%s", id, l.top.suggest(id))
	case !l.schema.Fields[i].Type.known(): // told already
	case !slices.Contains(r.types, l.schema.Fields[i].Type):
		l.fault(m.at(r.name), "field %s is of type %s, and must be of type %s", id, l.schema.Fields[i].Type, wordList(typeTexts(r.types), "or"))
	case !r.anywhere && !slices.Contains(p.fieldIDs(), id):
		l.fault(m.at(r.name), "field %s is not in the parameter set", id)
	}
}
