// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Translation takes fields of one schema to another, so that hosts, whose agents know one schema, can be asked for what
// people write in the words of another.
type Translation struct {
	from, to *Schema
	words    words // what the first schema calls the fields of the second
}

// Translate finds how fields of a schema stand for those of another: each for the one that its StandsFor names, or for
// the one of its own id. A field that stands for none keeps its id.
//
// The error is a [*LoadError], about from: a field that the other schema requires and none stands for, one that two stand
// for, types that do not fit, a secret that would be none, a change that the other schema does not allow. Where both have
// the same id they have to be the same, but for texts: another version is a [*VersionMismatchError].
func Translate(from, to *Schema) (*Translation, error) {
	t := &Translation{from: from, to: to}
	if from.ID == to.ID {
		if from.Version != to.Version {
			return nil, &VersionMismatchError{Expected: to.Ref(), Given: from.Ref()}
		}
		if err := from.sameAs(to); err != nil {
			return nil, err
		}
		return t, nil
	}
	var d decoder
	stood := t.pairs(&d, "", from.Fields, to.Fields, to.index)
	for i := range to.Fields {
		f := &to.Fields[i]
		switch by := stood[f.ID]; {
		case !f.Required || f.Infer != nil:
		case by == nil:
			d.tell(0, "", "no field stands for %s, which hosts need: give one stands_for: %s", f.ID, f.ID)
		case by.Applicability != nil:
			d.tell(by.line, by.ID, "it stands for %s, which hosts need: it must always apply", f.ID)
		case !by.always():
			d.tell(by.line, by.ID, "it stands for %s, which hosts need: make it required, or give it a default", f.ID)
		}
	}
	if err := d.err(from.file); err != nil {
		return nil, err
	}
	t.words = wordsOf(from.Fields, to.Fields, to.index)
	return t, nil
}

// sameAs refuses a schema that goes by the id of another and asks for something else.
func (s *Schema) sameAs(other *Schema) error {
	var differs *LoadError
	if !errors.As(s.Succeeds(other), &differs) {
		return nil
	}
	var places []string
	for _, f := range differs.Faults {
		if f.Path != "" && !slices.Contains(places, f.Path) {
			places = append(places, f.Path)
		}
	}
	const shown = 3
	if len(places) > shown {
		places = append(places[:shown], fmt.Sprintf("%d more", len(places)-shown))
	}
	var d decoder
	d.fault(place{path: "id"}, "it has the id of the schema that agents know, %s, and differs from it (%s): give a schema of your own another id",
		other.ID, strings.Join(places, ", "))
	return d.err(s.file)
}

// Ref gives the schema that fields are translated to.
func (t *Translation) Ref() job.SchemaRef { return t.to.Ref() }

// pairs checks the fields of one level, and gives those that stand for another, by its id.
func (t *Translation) pairs(d *decoder, at string, fields, others []Field, index map[string]int) map[string]*Field {
	stood := map[string]*Field{}
	for i := range fields {
		f := &fields[i]
		id := f.counterpart(index)
		fault := func(reason string) { d.tell(f.line, at+f.ID, "%s", reason) }
		j, known := index[id]
		switch {
		case id == "" && at == "":
			continue
		case id == "":
			fault("it stands for nothing, and within what stands for something hosts have no place for it")
			continue
		case !known:
			fault("it stands for " + id + ", and " + t.to.Ref().String() + " has no such field")
			continue
		case stood[id] != nil:
			fault("it stands for " + id + ", as " + stood[id].ID + " does")
			continue
		}
		stood[id] = f
		other := &others[j]
		if !fits(f, other) {
			fault("it is of type " + typeText(f) + ", and " + id + ", which it stands for, is of type " + typeText(other))
			continue
		}
		if order := []Change{ChangeInPlace, ChangePowerCycle, ChangeReplace}; slices.Index(order, f.Change) < slices.Index(order, other.Change) {
			fault("its change is " + string(f.Change) + ", and " + id + ", which it stands for, changes by " + string(other.Change))
		}
		if inner, outer := f.parts(), other.parts(); inner.Fields != nil {
			below := t.pairs(d, at+f.ID+".", inner.Fields, outer.Fields, outer.index)
			for k := range outer.Fields {
				if need := &outer.Fields[k]; need.Required && (below[need.ID] == nil || !below[need.ID].always()) {
					fault("none of its fields that always has a value stands for " + id + "." + need.ID + ", which hosts need")
				}
			}
		}
	}
	return stood
}

// always tells whether the field has a value wherever its object is.
func (f *Field) always() bool { return f.Applicability == nil && (f.Required || f.Default != nil) }

// counterpart gives the id of the field that f stands for; empty when it stands for none.
func (f *Field) counterpart(index map[string]int) string {
	if f.StandsFor != "" {
		return f.StandsFor
	}
	if _, ok := index[f.ID]; ok {
		return f.ID
	}
	return ""
}

// fits tells whether each value of a field has the type of the other's. Whether it keeps the other's rules is seen when
// there is one.
func fits(f, other *Field) bool {
	text := []Type{TypeString, TypeEnum, TypeIPv4, TypeHostname}
	switch other.Type {
	case f.Type:
		return other.Type != TypeList || fits(f.Items, other.Items)
	case TypeString, TypeEnum, TypeHostname, TypeIPv4:
		return slices.Contains(text, f.Type)
	case TypeMultiline:
		return slices.Contains(text, f.Type)
	case TypeNumber:
		return f.Type == TypeInteger
	}
	return false
}

func typeText(f *Field) string {
	if f.Type == TypeList {
		return "list of " + string(f.Items.Type)
	}
	return string(f.Type)
}

// Fields translates fields that the first schema's Validate gave. They are held to the second schema as well, since
// that is what hosts rely on; its faults, a [*ValidationError], are told of the first one's fields.
func (t *Translation) Fields(fields job.Fields) (job.Fields, error) {
	if t.from.ID == t.to.ID {
		return fields, nil
	}
	given, extra := t.split(fields)
	l := t.to.check(given, checking{words: t.words})
	if faults := l.sorted(); len(faults) > 0 {
		return nil, &ValidationError{Faults: faults}
	}
	return append(l.ordered(), extra...), nil
}

// Partial translates fields of which some may be missing, as they are for a dry run.
func (t *Translation) Partial(fields job.Fields) job.Fields {
	if t.from.ID == t.to.ID {
		return fields
	}
	given, translated := t.split(fields)
	known := make(job.Fields, 0, len(fields))
	for i := range t.to.Fields {
		f := &t.to.Fields[i]
		if v, ok := given[f.ID]; ok {
			known = append(known, job.Field{ID: f.ID, Value: v})
		} else if f.Infer != nil {
			if from, ok := given[f.Infer.From].(string); ok {
				if v, ok := f.Infer.Value(from); ok {
					known = append(known, job.Field{ID: f.ID, Value: v})
				}
			}
		}
	}
	return append(known, translated...)
}

// split gives the fields that stand for others, by those, and the rest.
func (t *Translation) split(fields job.Fields) (given map[string]any, extra job.Fields) {
	given = map[string]any{}
	for _, field := range fields {
		f, ok := t.from.Field(field.ID)
		if !ok {
			continue
		}
		id := f.counterpart(t.to.index)
		if id == "" {
			extra = append(extra, field)
			continue
		}
		other, _ := t.to.Field(id)
		given[id] = translateValue(field.Value, f, other)
	}
	return given, extra
}

func translateValue(v any, f, other *Field) any {
	switch v := v.(type) {
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = translateValue(item, f.Items, other.Items)
		}
		return items
	case job.Fields:
		object := make(job.Fields, 0, len(v))
		for _, field := range v {
			part := &f.Fields[f.index[field.ID]]
			id := part.counterpart(other.index)
			object = append(object, job.Field{ID: id, Value: translateValue(field.Value, part, &other.Fields[other.index[id]])})
		}
		return object
	}
	return v
}

// wordsOf gives what the first schema calls the fields of one level of the second.
func wordsOf(fields, others []Field, index map[string]int) words {
	w := make(words, len(others))
	for i := range fields {
		f := &fields[i]
		if j, ok := index[f.counterpart(index)]; ok {
			inner, outer := f.parts(), others[j].parts()
			w[others[j].ID] = word{f.ID, wordsOf(inner.Fields, outer.Fields, outer.index)}
		}
	}
	return w
}

// Target gives the id that a field of the first schema has in the second.
func (t *Translation) Target(id string) string {
	if f, ok := t.from.Field(id); ok {
		if other := f.counterpart(t.to.index); other != "" {
			return other
		}
	}
	return id
}

// Origin gives the id that a field of the second schema has in the first; its own where none stands for it. A path to a part
// of it, such as data_disks[1].size_gb, is given as a path.
func (t *Translation) Origin(id string) string {
	p, err := ParsePath(id)
	if err != nil {
		return id
	}
	words := t.words
	for i, step := range p {
		if step.Field == "" {
			continue
		}
		w, ok := words[step.Field]
		if ok && w.id != "" {
			p[i].Field = w.id
		}
		words = w.parts
	}
	return p.String()
}

// Back gives values that are known by the second schema's ids by those of the first. What the first has no field for is
// left out.
func (t *Translation) Back(values map[string]any) map[string]any {
	back := make(map[string]any, len(values))
	for i := range t.from.Fields {
		f := &t.from.Fields[i]
		id := t.Target(f.ID)
		v, ok := values[id]
		if !ok {
			continue
		}
		if other, known := t.to.Field(id); known {
			v = untranslateValue(v, f, other)
		}
		back[f.ID] = v
	}
	return back
}

func untranslateValue(v any, f, other *Field) any {
	switch v := v.(type) {
	case []any:
		if f.Items == nil || other.Items == nil {
			return v // it is not from this schema
		}
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = untranslateValue(item, f.Items, other.Items)
		}
		return items
	case map[string]any:
		if f.Fields == nil || other.Fields == nil {
			return v // as above
		}
		object := map[string]any{}
		for i := range f.Fields {
			part := &f.Fields[i]
			if id := part.counterpart(other.index); id != "" && v[id] != nil {
				object[part.ID] = untranslateValue(v[id], part, &other.Fields[other.index[id]])
			}
		}
		return object
	}
	return v
}
