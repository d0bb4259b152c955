// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Translation converts fields of a source schema, in which users write, to a target schema, which agents know.
type Translation struct {
	from, to *Schema
	aliases  aliases           // ids in the source of the fields of the target
	guest    map[string]string // roles in the guest by path in the source
}

// Translate finds the counterpart of each field of a schema in the schema to: the field that its StandsFor names, the field with its role
// in the guest, or the field with the same id. A field without a counterpart keeps its id.
//
// The error is a [*LoadError] about from: a field that the target requires has no counterpart, two fields have the same
// counterpart, types differ, or the target does not allow the change of a field. If both have the same id, they may differ in texts
// only; for another version the error is a [*VersionMismatchError].
func Translate(from, to *Schema) (*Translation, error) {
	t := &Translation{from: from, to: to, guest: map[string]string{}}
	if from.ID == to.ID {
		if from.Version != to.Version {
			return nil, &VersionMismatchError{Expected: to.Ref(), Given: from.Ref()}
		}
		if err := from.sameAs(to); err != nil {
			return nil, err
		}
		from.eachField(func(path string, f *Field) { t.setGuest(path, f) })
		return t, nil
	}
	var d decoder
	mappedBy := t.mapFields(&d, "", from.Fields, to.Fields, to.index)
	for i := range to.Fields {
		f := &to.Fields[i]
		switch by := mappedBy[f.ID]; {
		case !f.Required || f.Infer != nil:
		case by == nil:
			d.faultAt(0, "", "no field stands for %s, which is required on hosts: add stands_for: %s to one", f.ID, f.ID)
		case by.Applicability != nil:
			d.faultAt(by.line, by.ID, "the field stands for %s, which is required on hosts: remove its applicability", f.ID)
		case !by.always():
			d.faultAt(by.line, by.ID, "the field stands for %s, which is required on hosts: make it required, or add a default", f.ID)
		}
	}
	if err := d.err(from.file); err != nil {
		return nil, err
	}
	t.aliases = aliasesOf(from.Fields, to.Fields, to.index)
	return t, nil
}

// sameAs returns an error if a schema differs from another with the same id and version in more than texts.
func (s *Schema) sameAs(other *Schema) error {
	var differs *LoadError
	if !errors.As(s.CheckCompatible(other), &differs) {
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
	d.fault(place{path: "id"}, "the schema has the id of the schema that agents know, %s, but differs from it (%s): use another id for a custom schema",
		other.ID, strings.Join(places, ", "))
	return d.err(s.file)
}

// Ref returns the id and version of the target schema.
func (t *Translation) Ref() job.SchemaRef { return t.to.Ref() }

// mapFields checks the fields of the schema, or of an object, and returns them by the ids of their counterparts.
func (t *Translation) mapFields(d *decoder, at string, fields, others []Field, index map[string]int) map[string]*Field {
	mappedBy := map[string]*Field{}
	for i := range fields {
		f := &fields[i]
		id := f.counterpart(others, index)
		fault := func(reason string) { d.faultAt(f.line, at+f.ID, "%s", reason) }
		j, known := index[id]
		switch {
		case id == "" && f.Guest != "":
			fault("the field has the role " + f.Guest + " in the guest, which no field of " + t.to.Ref().String() + " has here")
			continue
		case id == "" && at == "":
			continue
		case id == "":
			fault("the nested field has no stands_for and no counterpart in " + t.to.Ref().String())
			continue
		case !known:
			fault("the field stands for " + id + ", which " + t.to.Ref().String() + " does not have")
			continue
		case mappedBy[id] != nil:
			fault("the field stands for " + id + ", like " + mappedBy[id].ID)
			continue
		}
		mappedBy[id] = f
		other := &others[j]
		if !fits(f, other) {
			fault("the field is of type " + typeText(f) + ", but stands for " + id + " of type " + typeText(other))
			continue
		}
		if order := []Change{ChangeInPlace, ChangePowerCycle, ChangeReplace}; slices.Index(order, f.Change) < slices.Index(order, other.Change) {
			fault("the field has the change " + string(f.Change) + ", but stands for " + id + " with the change " + string(other.Change))
		}
		t.setGuest(at+f.ID, other)
		if inner, outer := f.owner(), other.owner(); inner.Fields != nil {
			below := t.mapFields(d, at+f.ID+".", inner.Fields, outer.Fields, outer.index)
			for k := range outer.Fields {
				need := &outer.Fields[k]
				if by := below[need.ID]; need.Required && (by == nil || !by.always() && need.Applicability == nil) {
					fault("no field of it that always has a value stands for " + id + "." + need.ID + ", which is required on hosts")
				}
			}
		}
	}
	return mappedBy
}

// always reports whether the field has a value wherever its object has one.
func (f *Field) always() bool { return f.Applicability == nil && (f.Required || f.Default != nil) }

func (t *Translation) setGuest(path string, f *Field) {
	if f.Guest != "" {
		t.guest[path] = f.Guest
	}
}

// GuestRole returns the role in the guest of a field of the source schema, which is that of its counterpart; empty if it has none. The
// path of a field in an object, or in the objects of a list, is of the form network_adapters.ipv4_address.
func (t *Translation) GuestRole(path string) string { return t.guest[path] }

// counterpart returns the id of the counterpart of f among others, with their index; empty if there is none.
func (f *Field) counterpart(others []Field, index map[string]int) string {
	switch {
	case f.StandsFor != "":
		return f.StandsFor
	case f.Guest != "":
		for i := range others {
			if others[i].Guest == f.Guest {
				return others[i].ID
			}
		}
		return ""
	}
	if _, ok := index[f.ID]; ok {
		return f.ID
	}
	return ""
}

// fits reports whether each value of a field has the type of the other. Whether it satisfies the rules of the other is checked when
// there is a value.
func fits(f, other *Field) bool {
	text := []Type{TypeString, TypeEnum, TypeIPv4, TypeIPv6, TypeIP, TypeMAC, TypeHostname}
	switch other.Type {
	case f.Type:
		return other.Type != TypeList || fits(f.Items, other.Items)
	case TypeString, TypeEnum, TypeHostname, TypeIPv4, TypeIPv6, TypeIP, TypeMAC:
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

// Fields converts validated fields of the source schema, and validates them against the target schema. The error is a
// [*ValidationError] about fields of the source schema.
func (t *Translation) Fields(fields job.Fields) (job.Fields, error) {
	if t.from.ID == t.to.ID {
		return fields, nil
	}
	mapped, rest := t.split(fields)
	v := t.to.validate(mapped, validation{aliases: t.aliases})
	if faults := v.sorted(); len(faults) > 0 {
		return nil, &ValidationError{Faults: faults}
	}
	return append(v.ordered(), rest...), nil
}

// Partial converts those of the values of the source schema that are valid by themselves, for a check while others are missing,
// invalid or [Unknown]. It adds what the target schema infers from them, but no defaults.
func (t *Translation) Partial(values map[string]any) job.Fields {
	fields := make(job.Fields, 0, len(values))
	for i := range t.from.Fields {
		f := &t.from.Fields[i]
		if v, fault := f.Check(values[f.ID]); fault == nil && v != nil {
			fields = append(fields, job.Field{ID: f.ID, Value: v})
		}
	}
	if t.from.ID == t.to.ID {
		return fields
	}
	mapped, rest := t.split(fields)
	known := make(job.Fields, 0, len(fields))
	for i := range t.to.Fields {
		f := &t.to.Fields[i]
		if v, ok := mapped[f.ID]; ok {
			known = append(known, job.Field{ID: f.ID, Value: v})
		} else if f.Infer != nil {
			from, _ := mapped[f.Infer.From].(string)
			if v, ok := f.Infer.Value(from); ok && from != "" {
				known = append(known, job.Field{ID: f.ID, Value: v})
			}
		}
	}
	return append(known, rest...)
}

// split returns the values of fields with counterparts, by the ids of these, and the other fields.
func (t *Translation) split(fields job.Fields) (mapped map[string]any, rest job.Fields) {
	mapped = map[string]any{}
	for _, field := range fields {
		f, ok := t.from.Field(field.ID)
		if !ok {
			continue
		}
		id := f.counterpart(t.to.Fields, t.to.index)
		if id == "" {
			rest = append(rest, field)
			continue
		}
		other, _ := t.to.Field(id)
		mapped[id] = toTarget(field.Value, f, other)
	}
	return mapped, rest
}

// toTarget converts a value of the field f to one of the field other.
func toTarget(v any, f, other *Field) any {
	switch v := v.(type) {
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = toTarget(item, f.Items, other.Items)
		}
		return items
	case job.Fields:
		object := make(job.Fields, 0, len(v))
		for _, field := range v {
			child := &f.Fields[f.index[field.ID]]
			id := child.counterpart(other.Fields, other.index)
			object = append(object, job.Field{ID: id, Value: toTarget(field.Value, child, &other.Fields[other.index[id]])})
		}
		return object
	}
	return v
}

// aliasesOf returns the ids in the source of fields of the target.
func aliasesOf(fields, others []Field, index map[string]int) aliases {
	a := make(aliases, len(others))
	for i := range fields {
		f := &fields[i]
		if j, ok := index[f.counterpart(others, index)]; ok {
			inner, outer := f.owner(), others[j].owner()
			a[others[j].ID] = alias{f.ID, aliasesOf(inner.Fields, outer.Fields, outer.index)}
		}
	}
	return a
}

// TargetID returns the id that a field of the source schema has in the target schema.
func (t *Translation) TargetID(id string) string {
	if f, ok := t.from.Field(id); ok {
		if other := f.counterpart(t.to.Fields, t.to.index); other != "" {
			return other
		}
	}
	return id
}

// SourceID returns the id that a field of the target schema has in the source schema; id if it has no counterpart. The path of a
// nested field, such as data_disks[1].size_gb, is converted as well.
func (t *Translation) SourceID(id string) string {
	p, err := ParsePath(id)
	if err != nil {
		return id
	}
	names := t.aliases
	for i, step := range p {
		if step.Field == "" {
			continue
		}
		a := names[step.Field]
		if a.id != "" {
			p[i].Field = a.id
		}
		names = a.children
	}
	return p.String()
}

// FromTarget converts values by ids of the target schema to values by ids of the source schema. Values for which the source has no
// field are left out.
func (t *Translation) FromTarget(values map[string]any) map[string]any {
	converted := make(map[string]any, len(values))
	for i := range t.from.Fields {
		f := &t.from.Fields[i]
		id := t.TargetID(f.ID)
		v, ok := values[id]
		if !ok {
			continue
		}
		if other, known := t.to.Field(id); known {
			v = fromTarget(v, f, other)
		}
		converted[f.ID] = v
	}
	return converted
}

// fromTarget converts a value of the field other to one of the field f. A value of another structure is kept.
func fromTarget(v any, f, other *Field) any {
	switch v := v.(type) {
	case []any:
		if f.Items == nil || other.Items == nil {
			return v
		}
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = fromTarget(item, f.Items, other.Items)
		}
		return items
	case map[string]any:
		if f.Fields == nil || other.Fields == nil {
			return v
		}
		object := map[string]any{}
		for i := range f.Fields {
			child := &f.Fields[i]
			if id := child.counterpart(other.Fields, other.index); id != "" && v[id] != nil {
				object[child.ID] = fromTarget(v[id], child, &other.Fields[other.index[id]])
			}
		}
		return object
	}
	return v
}
