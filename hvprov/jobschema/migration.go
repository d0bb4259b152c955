// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"regexp"
	"slices"
	"strings"
)

// Migration is the way of the values that a state holds from one version of a schema to the next. Ids may be paths into
// objects and lists of objects, such as "data_disks.size". Its parts are done in this order, and what one of them lists, in
// the order of the ids, at once.
type Migration struct {
	From    int // the version before; after it comes From+1
	Dropped []string
	Renamed []Renaming
	Split   []Splitting
	Retyped []Retyping
}

// Renaming gives the value of a field to another. A secret's write-only twins go with it.
type Renaming struct {
	From string // path before
	To   string // id after, in the same object
}

// Splitting gives parts of a text to other fields: each named group of Pattern to the field of its name.
type Splitting struct {
	From    string // path before
	Pattern string // a regular expression (RE2) that the whole text must match

	pattern *regexp.Regexp
}

// Retyping converts a field's value, where that is exact.
type Retyping struct {
	Field  string            // path after
	From   Type              // the type that it had
	Values map[string]string // the new value, by the old one as text; nil: each value stays what it is
}

// sort brings what mappings tell, where order has no meaning, into one order.
func (m *Migration) sort() {
	slices.SortFunc(m.Renamed, func(a, b Renaming) int { return strings.Compare(a.From, b.From) })
	slices.SortFunc(m.Split, func(a, b Splitting) int { return strings.Compare(a.From, b.From) })
	slices.SortFunc(m.Retyped, func(a, b Retyping) int { return strings.Compare(a.Field, b.Field) })
}

// parentOf cuts a path into the path of what holds the field, empty for the schema itself, and the field's id.
func parentOf(path string) (parent, id string) {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

// sibling gives the path of another field beside one.
func sibling(path, id string) string {
	if parent, _ := parentOf(path); parent != "" {
		return parent + "." + id
	}
	return id
}

// after gives the path that a renaming leads to, if what is around the field keeps its name.
func (r Renaming) after() string { return sibling(r.From, r.To) }

// parts gives the ids of the fields that get a part each.
func (s *Splitting) parts() []string {
	var ids []string
	for _, name := range s.pattern.SubexpNames() {
		if name != "" {
			ids = append(ids, name)
		}
	}
	return ids
}

// follow gives the path that a field has after the renamings.
func (m *Migration) follow(path string) string {
	_, id := parentOf(path)
	for _, r := range m.Renamed {
		if r.From == path {
			id = r.To
		}
	}
	return m.beside(path, id)
}

// beside gives the path, after the renamings, of a field in what holds the one that had a path before.
func (m *Migration) beside(path, id string) string {
	parent, _ := parentOf(path)
	for _, r := range m.Renamed {
		if parent != "" && r.From == parent {
			return r.after() + "." + id
		}
	}
	return sibling(path, id)
}

// CurrentPath returns the path that a value has in this version of the schema, given its path in an earlier one, in the form of
// [Path.String]: for example "volumes[0].pass" for "disks[0].key" after the renamings of the migrations. A text that is not a
// path is returned as it is.
func (s *Schema) CurrentPath(from int, path string) string {
	p, err := ParsePath(path)
	if err != nil || len(p) == 0 {
		return path
	}
	for i := range s.Migrations {
		if m := &s.Migrations[i]; m.From >= from {
			m.renameIn(p)
		}
	}
	return p.String()
}

// renameIn applies the renamings to the ids of a path.
func (m *Migration) renameIn(p Path) {
	var at []int // the steps that are ids
	var ids []string
	for i, step := range p {
		if step.Field != "" {
			at, ids = append(at, i), append(ids, step.Field)
		}
	}
	for i, id := range strings.Split(m.follow(strings.Join(ids, ".")), ".") {
		p[at[i]].Field = id
	}
}

// ends tells whether the value of a field is dropped, or taken apart.
func (m *Migration) ends(path string) (dropped, split bool) {
	parent, _ := parentOf(path)
	dropped = slices.Contains(m.Dropped, path) || parent != "" && slices.Contains(m.Dropped, parent)
	return dropped, slices.ContainsFunc(m.Split, func(s Splitting) bool { return s.From == path })
}

// retypes tells whether a field, by its path after the renamings, is converted.
func (m *Migration) retypes(path string) bool {
	return slices.ContainsFunc(m.Retyped, func(r Retyping) bool { return r.Field == path })
}

// goesOn tells whether one of the migrations takes a field from where it is, and so says itself what is to become of it.
func goesOn(list []Migration, path string) bool {
	for i := range list {
		dropped, split := list[i].ends(path)
		if dropped || split || list[i].follow(path) != path {
			return true
		}
	}
	return false
}

// fieldAt gives the field of a path. The items of a list of objects are passed through.
func (s *Schema) fieldAt(path string) (*Field, bool) {
	fields, index := s.Fields, s.index
	for {
		id, rest, more := strings.Cut(path, ".")
		i, ok := index[id]
		if !ok {
			return nil, false
		}
		f := &fields[i]
		if !more {
			return f, true
		}
		owner := f.parts()
		fields, index, path = owner.Fields, owner.index, rest
	}
}

// eachField calls do with the path of each field, those within others included.
func (s *Schema) eachField(do func(path string, f *Field)) {
	for i := range s.Fields {
		f := &s.Fields[i]
		do(f.ID, f)
		owner := f.parts()
		for j := range owner.Fields {
			do(f.ID+"."+owner.Fields[j].ID, &owner.Fields[j])
		}
	}
}
