// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"maps"
	"slices"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// level is the validation of fields that stand side by side: those of the schema, or those of one object.
type level struct {
	up     *target // the object; nil at the root
	words  words
	fields []Field
	index  map[string]int

	values  map[string]any  // typed; inferred ones and defaults included
	unknown map[string]bool // fields whose values come later
	failed  map[string]bool // fields that have a fault
	faults  []placed
}

// placed is a fault with the position of its field, -1 for none.
type placed struct {
	position int
	Fault
}

func (c *checking) level(up *target, words words, fields []Field, index map[string]int, given map[string]any) *level {
	l := &level{
		up: up, words: words, fields: fields, index: index,
		values: make(map[string]any, len(fields)), unknown: map[string]bool{}, failed: map[string]bool{},
	}
	l.unknownFields(given)
	for i := range fields {
		f := &fields[i]
		if f.Infer != nil && f.missing(given[f.ID]) {
			continue // its turn comes when the others' values are known
		}
		l.take(c, f, given[f.ID])
	}
	for i := range fields {
		if f := &fields[i]; f.Infer != nil && f.missing(given[f.ID]) {
			l.infer(c, f)
		}
	}
	l.applicability(given)
	return l
}

// take checks the value of a field, and keeps it or its faults.
func (l *level) take(c *checking, f *Field, given any) {
	v, faults := c.value(l.target(f), given)
	switch {
	case len(faults) > 0:
		l.failed[f.ID] = true
		for _, fault := range faults {
			l.faults = append(l.faults, placed{l.index[f.ID], fault})
		}
	case v == Unknown:
		l.unknown[f.ID] = true
	case v != nil:
		l.values[f.ID] = v
	case f.Default != nil:
		l.values[f.ID] = f.Default
	}
}

// infer gives a field the value that follows from another's. Where that has a fault, nothing can be said of this one.
func (l *level) infer(c *checking, f *Field) {
	from, ok := l.values[f.Infer.From].(string)
	switch {
	case l.unknown[f.Infer.From] || l.failed[f.Infer.From]:
		l.unknown[f.ID] = true
	case ok:
		if value, ok := f.Infer.Value(from); ok {
			l.values[f.ID] = value
		} else if f.Required {
			t := l.target(f)
			l.add(f.ID, *t.fault(FaultRequired, nil, t.name()+" is required: nothing infers it from "+l.of(f.Infer.From).name()+" "+l.of(f.Infer.From).show(from), t.setIt()))
		}
	default:
		l.take(c, f, nil)
	}
}

func (l *level) target(f *Field) target { return l.words.target(f, l.up) }

// of gives the field of an id.
func (l *level) of(id string) target { return l.target(&l.fields[l.index[id]]) }

// names gives what people call fields.
func (l *level) names(ids []string) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = l.of(id).name()
	}
	return names
}

// add keeps a fault of a field. A field's first fault is the one to mend, and the only one told.
func (l *level) add(id string, f Fault) {
	if l.failed[id] {
		return
	}
	l.failed[id] = true
	l.faults = append(l.faults, placed{l.index[id], f})
}

// sorted gives the faults in the order of the fields, and those of one field in the order in which they were found.
func (l *level) sorted() []Fault {
	slices.SortStableFunc(l.faults, func(a, b placed) int { return a.position - b.position })
	var faults []Fault
	for _, f := range l.faults {
		faults = append(faults, f.Fault)
	}
	return faults
}

// ordered gives the values as fields of a definition.
func (l *level) ordered() job.Fields {
	fields := make(job.Fields, 0, len(l.values))
	for i := range l.fields {
		if v, ok := l.values[l.fields[i].ID]; ok {
			fields = append(fields, job.Field{ID: l.fields[i].ID, Value: v})
		}
	}
	return fields
}

func (l *level) unknownFields(given map[string]any) {
	var strange []string // made only where there is a fault
	for id := range given {
		if _, ok := l.index[id]; !ok {
			strange = append(strange, id)
		}
	}
	slices.Sort(strange)
	for _, id := range strange {
		remedy := "remove it"
		if near := nearest(id, slices.Sorted(maps.Keys(l.index))); near != "" {
			remedy = "remove it, or write " + near
		}
		fault := Fault{Rule: FaultUnknownField, Message: "there is no field " + quote(id), Remedy: remedy}
		if l.up != nil {
			fault.Path = l.up.path()
			fault.Message = fault.Path.String() + " has no field " + quote(id)
		}
		// The value is not told: it may be a secret under a misspelt name.
		l.faults = append(l.faults, placed{-1, fault})
	}
}

// applicability refuses fields that have no meaning beside the others, drops the defaults of such fields, and the fault
// that one is missing which has no meaning, or may turn out to have none.
func (l *level) applicability(given map[string]any) {
	for i := range l.fields {
		f := &l.fields[i]
		other, wanted := f.inapplicable(l.values)
		if other == "" && !l.undecided(f) || l.unknown[f.ID] {
			continue
		}
		if f.missing(given[f.ID]) {
			delete(l.values, f.ID)
			if l.failed[f.ID] {
				delete(l.failed, f.ID)
				l.faults = slices.DeleteFunc(l.faults, func(p placed) bool { return p.position == i })
			}
			continue
		}
		if other == "" {
			continue
		}
		t, actual := l.target(f), l.of(other)
		l.add(f.ID, *t.fault(FaultApplicability, given[f.ID], t.name()+" has no meaning where "+actual.name()+" is "+actual.show(l.values[other]),
			"remove it, or set "+actual.name()+" to "+quotedList(wanted)))
	}
}

// undecided tells whether f depends on a value that is not known, or has to be mended first.
func (l *level) undecided(f *Field) bool {
	for id := range f.Applicability {
		if l.unknown[id] || l.failed[id] {
			return true
		}
	}
	return false
}
