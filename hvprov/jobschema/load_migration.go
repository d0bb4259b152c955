// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"regexp"
	"slices"
)

// fieldPath is an id, or a path into an object or the objects of a list. There is nothing below those.
var fieldPath = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$`)

// migration reads the way from one version to the next.
func (l *loader) migration(at place) {
	m, ok := l.mapping(at, "from", "dropped", "renamed", "split", "retyped")
	if !ok {
		return
	}
	m.require("from")
	var migration Migration
	if migration.From, ok = m.integer("from"); ok {
		switch list := l.schema.Migrations; {
		case migration.From < 1 || migration.From >= l.schema.Version:
			l.fault(m.at("from"), "a migration is from a version before this one, which is %d", l.schema.Version)
		case len(list) > 0 && migration.From <= list[len(list)-1].From:
			l.fault(m.at("from"), "migrations are in the order of their versions, and each version has one at most")
		}
	}
	sources := map[string]bool{}
	source := func(at place, path string) {
		switch {
		case !fieldPath.MatchString(path):
			l.fault(at, "%q is neither an id nor a path such as data_disks.size", path)
		case sources[path]:
			l.fault(at, "%q is told of twice", path)
		}
		sources[path] = true
	}
	dropped, places := m.texts("dropped")
	for i, path := range dropped {
		source(places[i], path)
		migration.Dropped = append(migration.Dropped, path)
	}
	read := migrationParts{l.part(m, "renamed"), l.part(m, "split"), l.part(m, "retyped")}
	l.renamed(read.renamed, &migration, source)
	l.split(read.split, &migration, source)
	l.retyped(read.retyped, &migration)
	l.schema.Migrations = append(l.schema.Migrations, migration)
	l.migrations = append(l.migrations, read)
}

// migrationParts are the mappings that a migration was read from.
type migrationParts struct{ renamed, split, retyped mapping }

// part reads a mapping that may be left out, and is then empty.
func (l *loader) part(m mapping, key string) mapping {
	if !m.has(key) {
		return mapping{place: m.place}
	}
	part, _ := l.mapping(m.at(key))
	return part
}

func (l *loader) renamed(m mapping, migration *Migration, source func(place, string)) {
	for _, from := range m.keys {
		source(m.at(from), from)
		r := Renaming{From: from, To: m.text(from)}
		switch {
		case r.To == "":
			continue
		case !fieldID.MatchString(r.To):
			l.fault(m.at(from), "%q is no id: a field keeps its place, so that only its new id is given", r.To)
			continue
		case slices.ContainsFunc(migration.Renamed, func(other Renaming) bool { return other.after() == r.after() }):
			l.fault(m.at(from), "another field is renamed to %q already", r.To)
		}
		migration.Renamed = append(migration.Renamed, r)
	}
}

func (l *loader) split(m mapping, migration *Migration, source func(place, string)) {
	for _, from := range m.keys {
		source(m.at(from), from)
		how, ok := l.mapping(m.at(from), "pattern")
		if !ok {
			continue
		}
		how.require("pattern")
		s := Splitting{From: from, Pattern: how.text("pattern")}
		if l.compile(how.at("pattern"), s.Pattern) == nil {
			continue
		}
		if s.pattern = l.compile(how.at("pattern"), `\A(?:`+s.Pattern+`)\z`); s.pattern == nil {
			continue
		}
		if !slices.ContainsFunc(s.pattern.SubexpNames(), func(name string) bool { return name != "" }) {
			l.fault(how.at("pattern"), "it has no named group: (?P<id>…) gives a part to the field of that id")
		}
		migration.Split = append(migration.Split, s)
	}
}

func (l *loader) retyped(m mapping, migration *Migration) {
	for _, path := range m.keys {
		if !fieldPath.MatchString(path) {
			l.fault(m.at(path), "%q is neither an id nor a path such as data_disks.size", path)
			continue
		}
		how, ok := l.mapping(m.at(path), "from", "values")
		if !ok {
			continue
		}
		how.require("from")
		r := Retyping{Field: path, From: Type(how.text("from"))}
		if scalars := typeNames(TypeObject, TypeList); r.From != "" && !slices.Contains(scalars, string(r.From)) {
			l.fault(how.at("from"), "unknown type %q: use %s", r.From, wordList(scalars, "or"))
		}
		if values := l.part(how, "values"); len(values.keys) > 0 {
			r.Values = make(map[string]string, len(values.keys))
			for _, old := range values.keys {
				r.Values[old] = values.text(old)
			}
		}
		migration.Retyped = append(migration.Retyped, r)
	}
}

// migrationTargets checks what migrations lead to: a field of this schema, or what a later migration goes on from.
func (l *loader) migrationTargets() {
	for i, m := range l.schema.Migrations {
		exists := func(at place, path string) {
			if _, ok := l.schema.fieldAt(path); !ok && !goesOn(l.schema.Migrations[i+1:], path) {
				l.fault(at, "there is no field %q, and no later migration goes on from it", path)
			}
		}
		for _, r := range m.Renamed {
			exists(l.migrations[i].renamed.at(r.From), r.after())
		}
		for _, s := range m.Split {
			for _, name := range s.pattern.SubexpNames() {
				if name != "" {
					exists(l.migrations[i].split.at(s.From), sibling(s.From, name))
				}
			}
		}
		for _, r := range m.Retyped {
			at := l.migrations[i].retyped.at(r.Field)
			exists(at, r.Field)
			l.retypedValues(at, r, l.schema.Migrations[i+1:])
		}
	}
}

// retypedValues checks the values that a retyped field gets, if it is of this schema as it then is.
func (l *loader) retypedValues(at place, r Retyping, later []Migration) {
	f, ok := l.schema.fieldAt(r.Field)
	if !ok || goesOn(later, r.Field) || len(l.faults) > 0 {
		return
	}
	for _, v := range r.Values {
		if _, fault := f.Check(v); fault != nil {
			l.fault(at, "the value %q breaks the rules of %s: %s", v, r.Field, fault)
			return
		}
	}
}

// goesOn tells whether one of the migrations starts from a field, or from what holds it.
func goesOn(later []Migration, path string) bool {
	for ; path != ""; path, _ = parentOf(path) {
		for _, m := range later {
			if slices.Contains(m.Dropped, path) ||
				slices.ContainsFunc(m.Renamed, func(r Renaming) bool { return r.From == path }) ||
				slices.ContainsFunc(m.Split, func(s Splitting) bool { return s.From == path }) ||
				slices.ContainsFunc(m.Retyped, func(r Retyping) bool { return r.Field == path }) {
				return true
			}
		}
	}
	return false
}
