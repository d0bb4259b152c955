// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// migration converts values of one version of a schema to the next. Fields are named by paths into objects and lists of objects,
// such as "data_disks.size". Its parts are applied in the order of the struct, all entries of a part at once.
type migration struct {
	From    int                  `json:"from"` // to version From+1
	Dropped []string             `json:"dropped,omitempty"`
	Renamed map[string]string    `json:"renamed,omitempty"` // path before, to the new id in the same object
	Split   map[string]splitting `json:"split,omitempty"`   // by path before
	Retyped map[string]retyping  `json:"retyped,omitempty"` // by path after
}

// splitting assigns the named groups of Pattern, a regular expression (RE2) that matches the whole text, to the fields of the
// same object that have these ids.
type splitting struct {
	Pattern string `json:"pattern"`

	pattern *regexp.Regexp
}

// retyping converts the value of a field if that is exact.
type retyping struct {
	From   Type              `json:"from"`             // the type before
	Values map[string]string `json:"values,omitempty"` // the new value by the old one as text; nil: values are kept
}

// ids returns the ids of the fields that receive a part.
func (s splitting) ids() []string {
	return slices.DeleteFunc(slices.Clone(s.pattern.SubexpNames()), func(name string) bool { return name == "" })
}

// parentOf splits a path into the path of the parent, empty for the schema, and the id of the field.
func parentOf(path string) (parent, id string) {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

// sibling returns the path of another field of the same object.
func sibling(path, id string) string {
	if parent, _ := parentOf(path); parent != "" {
		return parent + "." + id
	}
	return id
}

// renamedPath returns the path of a field after the renamings.
func (m *migration) renamedPath(path string) string {
	_, id := parentOf(path)
	if to, ok := m.Renamed[path]; ok {
		id = to
	}
	return m.renamedSibling(path, id)
}

// renamedSibling returns the path, after the renamings, of the field with an id in the object of the field that had a path before.
func (m *migration) renamedSibling(path, id string) string {
	parent, _ := parentOf(path)
	if to, ok := m.Renamed[parent]; ok && parent != "" {
		return sibling(parent, to) + "." + id
	}
	return sibling(path, id)
}

// ends reports whether the value of a field is dropped, and whether it is split.
func (m *migration) ends(path string) (dropped, split bool) {
	parent, _ := parentOf(path)
	dropped = slices.Contains(m.Dropped, path) || parent != "" && slices.Contains(m.Dropped, parent)
	_, split = m.Split[path]
	return dropped, split
}

// retypes reports whether a field, by its path after the renamings, is converted.
func (m *migration) retypes(path string) bool {
	_, ok := m.Retyped[path]
	return ok
}

// followPath returns the path of a field after migrations. stays is false if the value is dropped or split.
func followPath(list []migration, path string) (after string, stays bool) {
	for i := range list {
		if dropped, split := list[i].ends(path); dropped || split {
			return "", false
		}
		path = list[i].renamedPath(path)
	}
	return path, true
}

// CurrentPath returns the path that a value has in this version of the schema, given its path in an earlier one, in the form of
// [Path.String]: for example "volumes[0].pass" for "disks[0].key" after the renamings of the migrations. A text that is not a
// path is returned unchanged.
func (s *Schema) CurrentPath(from int, path string) string {
	p, err := ParsePath(path)
	if err != nil || len(p) == 0 {
		return path
	}
	var at []int // the steps that are ids
	var ids []string
	for i, step := range p {
		if step.Field != "" {
			at, ids = append(at, i), append(ids, step.Field)
		}
	}
	current := strings.Join(ids, ".")
	for i := range s.migrations {
		if s.migrations[i].From >= from {
			current = s.migrations[i].renamedPath(current)
		}
	}
	for i, id := range strings.Split(current, ".") {
		p[at[i]].Field = id
	}
	return p.String()
}

// finalField returns the field for which a value is converted: the one of this schema, or a text field if a later migration splits
// the value; nil if a later one drops it, or converts it again.
func (s *Schema) finalField(index int, path string) *Field {
	for i := index + 1; i < len(s.migrations); i++ {
		m := &s.migrations[i]
		switch dropped, split := m.ends(path); {
		case dropped:
			return nil
		case split:
			return &Field{Type: TypeString}
		}
		if path = m.renamedPath(path); m.retypes(path) {
			return nil
		}
	}
	f, _ := s.fieldAt(path)
	return f
}

// fieldAt returns the field at a path. Items of lists have no part in it.
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
		owner := f.owner()
		fields, index, path = owner.Fields, owner.index, rest
	}
}

// eachField calls do with the path of each field, including those within others.
func (s *Schema) eachField(do func(path string, f *Field)) {
	for i := range s.Fields {
		f := &s.Fields[i]
		do(f.ID, f)
		owner := f.owner()
		for j := range owner.Fields {
			do(f.ID+"."+owner.Fields[j].ID, &owner.Fields[j])
		}
	}
}

// renamingsByParent groups the paths before renamings by their parents, innermost first: a path has the old ids of its parents.
func (m *migration) renamingsByParent() [][]string {
	groups := map[string][]string{}
	for path := range m.Renamed {
		parent, _ := parentOf(path)
		groups[parent] = append(groups[parent], path)
	}
	var ordered [][]string
	for _, parent := range slices.SortedFunc(maps.Keys(groups), func(a, b string) int { return len(b) - len(a) }) {
		ordered = append(ordered, groups[parent])
	}
	return ordered
}
