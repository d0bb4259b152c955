// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// objectValidator validates the fields of the schema, or of one object.
type objectValidator struct {
	parent  *target // the object; nil for the schema
	aliases aliases
	fields  []Field
	index   map[string]int

	values  map[string]any  // typed, with inferred and default values
	unknown map[string]bool // fields with unknown values
	failed  map[string]bool // fields with faults
	faults  []positioned
}

// positioned is a fault with the position of its field in the schema, -1 for unknown fields.
type positioned struct {
	position int
	Fault
}

func (c *validation) object(parent *target, a aliases, fields []Field, index map[string]int, given map[string]any) *objectValidator {
	v := &objectValidator{
		parent: parent, aliases: a, fields: fields, index: index,
		values: make(map[string]any, len(fields)), unknown: map[string]bool{}, failed: map[string]bool{},
	}
	v.unknownFields(given)
	for i := range fields {
		if f := &fields[i]; f.Infer == nil || !f.missing(given[f.ID]) {
			v.set(c, f, given[f.ID])
		}
	}
	for i := range fields { // the values to infer from are known now
		if f := &fields[i]; f.Infer != nil && f.missing(given[f.ID]) {
			v.infer(c, f)
		}
	}
	v.applicability(given)
	v.cases()
	return v
}

// set validates the value of a field and stores it, or its faults.
func (v *objectValidator) set(c *validation, f *Field, given any) {
	value, faults := c.value(v.target(f), given)
	switch {
	case len(faults) > 0:
		v.failed[f.ID] = true
		for _, fault := range faults {
			v.faults = append(v.faults, positioned{v.index[f.ID], fault})
		}
	case value == Unknown:
		v.unknown[f.ID] = true
	case value != nil:
		v.values[f.ID] = value
	case f.Default != nil:
		v.values[f.ID] = f.Default
	}
}

// infer sets a field that is not given to the value that follows from another. If the other has a fault, it is unknown.
func (v *objectValidator) infer(c *validation, f *Field) {
	from, ok := v.values[f.Infer.From].(string)
	switch {
	case v.unknown[f.Infer.From] || v.failed[f.Infer.From]:
		v.unknown[f.ID] = true
	case !ok:
		v.set(c, f, nil)
	default:
		if value, ok := f.Infer.Value(from); ok {
			v.values[f.ID] = value
		} else if f.Required {
			t, other := v.target(f), v.field(f.Infer.From)
			v.add(f.ID, t.fault(ruleRequired, nil, "is required: it cannot be inferred from "+other.name()+" "+other.show(from), t.setIt()))
		}
	}
}

func (v *objectValidator) target(f *Field) target { return v.aliases.target(f, v.parent) }

// field returns the field with an id.
func (v *objectValidator) field(id string) target { return v.target(&v.fields[v.index[id]]) }

// names returns the names of fields for messages.
func (v *objectValidator) names(ids []string) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = v.field(id).name()
	}
	return names
}

// add stores a fault of a field, unless the field has one: only root causes are reported.
func (v *objectValidator) add(id string, f *Fault) {
	if v.failed[id] {
		return
	}
	v.failed[id] = true
	v.faults = append(v.faults, positioned{v.index[id], *f})
}

// sorted returns the faults in the order of the fields, and those of a field in the order in which they were found.
func (v *objectValidator) sorted() []Fault {
	slices.SortStableFunc(v.faults, func(a, b positioned) int { return a.position - b.position })
	var faults []Fault
	for _, f := range v.faults {
		faults = append(faults, f.Fault)
	}
	return faults
}

// ordered returns the values as fields of a definition.
func (v *objectValidator) ordered() job.Fields {
	fields := make(job.Fields, 0, len(v.values))
	for i := range v.fields {
		if value, ok := v.values[v.fields[i].ID]; ok {
			fields = append(fields, job.Field{ID: v.fields[i].ID, Value: value})
		}
	}
	return fields
}

// unknownFields reports ids that the schema does not have. Their values are not shown: one may be a secret under a misspelt id.
func (v *objectValidator) unknownFields(given map[string]any) {
	var ids []string
	for id := range given {
		if _, ok := v.index[id]; !ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		remedy := "remove it"
		if near := nearest(id, slices.Sorted(maps.Keys(v.index))); near != "" {
			remedy = "remove it, or use " + near
		}
		fault := Fault{Rule: ruleUnknownField, Message: "unknown field " + quote(id), Remedy: remedy}
		if v.parent != nil {
			fault.Path = v.parent.path()
			fault.Message += " in " + fault.Path.String()
		}
		v.faults = append(v.faults, positioned{-1, fault})
	}
}

// applicability reports fields that are given but do not apply. For fields that are not given and do not apply, or may turn out not
// to, it removes defaults and the fault that they are required.
func (v *objectValidator) applicability(given map[string]any) {
	for i := range v.fields {
		f := &v.fields[i]
		other, allowed := f.inapplicable(v.values)
		if other == "" && !v.undecided(f) || v.unknown[f.ID] {
			continue
		}
		if f.missing(given[f.ID]) {
			delete(v.values, f.ID)
			if v.failed[f.ID] {
				delete(v.failed, f.ID)
				v.faults = slices.DeleteFunc(v.faults, func(p positioned) bool { return p.position == i })
			}
			continue
		}
		if other == "" {
			continue
		}
		t, decides := v.target(f), v.field(other)
		remedy := "remove it, or "
		if len(allowed) == 0 {
			remedy += "remove " + decides.name()
		} else {
			remedy += "set " + decides.name() + " to " + quotedList(allowed)
		}
		v.add(f.ID, t.fault(ruleApplicability, given[f.ID], "does not apply when "+decides.name()+" is "+decides.show(v.values[other]), remedy))
	}
}

// cases checks values against the rules of their cases. A value that decides about the case and is not known decides nothing.
func (v *objectValidator) cases() {
	for i := range v.fields {
		f := &v.fields[i]
		value, ok := v.values[f.ID]
		for _, c := range f.Cases {
			if !ok || !v.matches(c.When) {
				continue
			}
			rules := *f
			rules.Validations, rules.Hint = c.Validations, cmp.Or(c.Hint, f.Hint)
			if _, fault := types[f.Type].convert(v.target(&rules), value); fault != nil {
				v.add(f.ID, fault)
			}
			break
		}
	}
}

// matches reports whether the values of fields are among those of the conditions.
func (v *objectValidator) matches(conditions map[string][]string) bool {
	for id, list := range conditions {
		if value, ok := v.values[id]; !ok || !slices.Contains(list, applicabilityText(value)) {
			return false
		}
	}
	return true
}

// undecided reports whether f depends on a value that is unknown or has a fault.
func (v *objectValidator) undecided(f *Field) bool {
	for id := range f.Applicability {
		if v.unknown[id] || v.failed[id] {
			return true
		}
	}
	return false
}

// parameterSet reports what is wrong with a set, at the fields that are missing, or that are in excess.
func (v *objectValidator) parameterSet(p *ParameterSet) {
	var given []string
	for _, id := range p.fieldIDs() {
		if v.failed[id] {
			return // its correction may change the result
		}
		if _, ok := v.values[id]; ok {
			given = append(given, id)
		}
	}
	if len(given) == 0 {
		return
	}
	missing, extra := v.closestVariant(p, given)
	switch {
	case len(extra) > 0:
		rest := slices.DeleteFunc(slices.Clone(given), func(id string) bool { return slices.Contains(extra, id) })
		for _, id := range extra {
			t := v.field(id)
			v.add(id, t.fault(ruleParameterSet, v.values[id], "conflicts with "+wordList(v.names(rest), "and")+" ("+p.Label+")",
				"remove it, or set one of: "+v.choices(p)))
		}
	case len(missing) > 0:
		names := wordList(v.names(given), "and")
		for _, id := range missing {
			t := v.field(id)
			v.add(id, t.fault(ruleParameterSet, nil, "is required with "+names+" ("+p.Label+")", t.setIt()+"; or remove "+names))
		}
	default:
		for _, r := range p.Rules {
			v.rule(r)
		}
	}
}

// closestVariant returns what the given fields lack and have in excess of the variant that matches best. A field that is unknown is
// not missing.
func (v *objectValidator) closestVariant(p *ParameterSet, given []string) (missing, extra []string) {
	for i, variant := range p.AllVariants() {
		var lacks, exceeds []string
		for _, id := range variant.Required {
			f := v.field(id).Field
			_, ok := v.values[id]
			if other, _ := f.inapplicable(v.values); !ok && !v.unknown[id] && other == "" && !v.undecided(f) {
				lacks = append(lacks, id)
			}
		}
		for _, id := range given {
			if !slices.Contains(variant.Required, id) && !slices.Contains(variant.Optional, id) {
				exceeds = append(exceeds, id)
			}
		}
		// One field in excess weighs more than any number of missing ones: what the user set was probably intended.
		if i == 0 || len(exceeds) < len(extra) || len(exceeds) == len(extra) && len(lacks) < len(missing) {
			missing, extra = lacks, exceeds
		}
	}
	return missing, extra
}

// choices returns the variants of a set for messages.
func (v *objectValidator) choices(p *ParameterSet) string {
	var texts []string
	for _, variant := range p.AllVariants() {
		text := wordList(v.names(variant.Required), "and")
		if len(variant.Optional) > 0 {
			text += " (optionally " + wordList(v.names(variant.Optional), "or") + ")"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " | ")
}
