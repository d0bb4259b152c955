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
	source := func(at place, path string) bool {
		switch {
		case !fieldPath.MatchString(path):
			l.fault(at, "%q is neither an id nor a path such as data_disks.size", path)
		case sources[path]:
			l.fault(at, "%q is told of twice", path)
		default:
			sources[path] = true
			return true
		}
		return false
	}
	dropped, places := m.texts("dropped")
	for i, path := range dropped {
		if source(places[i], path) {
			migration.Dropped = append(migration.Dropped, path)
		}
	}
	read := migrationParts{l.part(m, "renamed"), l.part(m, "split"), l.part(m, "retyped"), map[string]mapping{}}
	l.renamed(read.renamed, &migration, source)
	l.split(read.split, &migration, source)
	l.retyped(read, &migration)
	migration.sort()
	l.schema.Migrations = append(l.schema.Migrations, migration)
	l.migrations = append(l.migrations, read)
}

// migrationParts are the mappings that a migration was read from.
type migrationParts struct {
	renamed, split, retyped mapping
	values                  map[string]mapping // of what is retyped
}

// part reads a mapping that may be left out, and is then empty.
func (l *loader) part(m mapping, key string) mapping {
	if !m.has(key) {
		return mapping{place: m.place}
	}
	part, _ := l.mapping(m.at(key))
	return part
}

func (l *loader) renamed(m mapping, migration *Migration, source func(place, string) bool) {
	for _, from := range m.keys {
		r := Renaming{From: from, To: m.text(from)}
		switch {
		case !source(m.at(from), from) || r.To == "": // told already
		case !fieldID.MatchString(r.To):
			l.fault(m.at(from), "%q is no id: a field keeps its place, so that only its new id is given", r.To)
		case slices.ContainsFunc(migration.Renamed, func(other Renaming) bool { return other.after() == r.after() }):
			l.fault(m.at(from), "another field is renamed to %q already", r.To)
		default:
			migration.Renamed = append(migration.Renamed, r)
		}
	}
}

func (l *loader) split(m mapping, migration *Migration, source func(place, string) bool) {
	for _, from := range m.keys {
		how, ok := l.mapping(m.at(from), "pattern")
		if !source(m.at(from), from) || !ok {
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
		if len(s.parts()) == 0 {
			l.fault(how.at("pattern"), "it has no named group: (?P<id>…) gives a part to the field of that id")
		}
		migration.Split = append(migration.Split, s)
	}
}

func (l *loader) retyped(read migrationParts, migration *Migration) {
	for m, i := read.retyped, 0; i < len(m.keys); i++ {
		path := m.keys[i]
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
		if known := typeNames(TypeObject); r.From != "" && !slices.Contains(known, string(r.From)) {
			l.fault(how.at("from"), "unknown type %q: use %s", r.From, wordList(known, "or"))
		}
		if values := l.part(how, "values"); len(values.keys) > 0 {
			read.values[path] = values
			r.Values = make(map[string]string, len(values.keys))
			for _, old := range values.keys {
				r.Values[old] = values.text(old)
			}
		}
		migration.Retyped = append(migration.Retyped, r)
	}
}

// migrationTargets checks what migrations lead to: a field of this schema, or what a later migration goes on from. It
// does so only where nothing has a fault, because what was left out for one would be missed here as well.
func (l *loader) migrationTargets() {
	if len(l.faults) > 0 {
		return
	}
	for i := range l.schema.Migrations {
		m, read := &l.schema.Migrations[i], l.migrations[i]
		exists := func(at place, path string) bool {
			if _, ok := l.schema.fieldAt(path); !ok && !goesOn(l.schema.Migrations[i+1:], path) {
				l.fault(at, "there is no field %q, and no later migration goes on from it", path)
				return false
			}
			return true
		}
		for _, r := range m.Renamed {
			exists(read.renamed.at(r.From), m.follow(r.From))
		}
		for _, s := range m.Split {
			for _, id := range s.parts() {
				exists(read.split.at(s.From), m.beside(s.From, id))
			}
		}
		for _, r := range m.Retyped {
			if f := l.schema.finalField(i, r.Field); exists(read.retyped.at(r.Field), r.Field) && f != nil {
				l.retypedValues(read.values[r.Field], f)
			}
		}
	}
}

// retypedValues holds the values that a retyped field gets to its rules.
func (l *loader) retypedValues(m mapping, f *Field) {
	for _, old := range m.keys {
		text := m.text(old)
		v, ok := convert(text, f)
		if !ok {
			v = text
		}
		if _, fault := f.Check(v); fault != nil {
			l.fault(m.at(old), "the value %q breaks the rules of the field: %s", text, fault)
		}
	}
}
