// SPDX-License-Identifier: MPL-2.0

package jobschema

import "regexp"

// fieldPath is an id, or the path of a field in an object or in the objects of a list.
var fieldPath = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$`)

// migrationSource holds the mappings of a migration for errors.
type migrationSource struct {
	renamed, split, retyped mapping
	values                  map[string]mapping // by path of retyped
	paths                   map[string]bool    // that were named
}

// migration loads the migration from one version to the next.
func (l *loader) migration(at place) {
	m, ok := l.mapping(at, "from", "dropped", "renamed", "split", "retyped")
	if !ok {
		return
	}
	m.require("from")
	var mig migration
	if mig.From, ok = m.integer("from"); ok {
		switch list := l.schema.migrations; {
		case mig.From < 1 || mig.From >= l.schema.Version:
			l.fault(m.at("from"), "a migration must be from a version before this one, which is %d", l.schema.Version)
		case len(list) > 0 && mig.From <= list[len(list)-1].From:
			l.fault(m.at("from"), "migrations must be in the order of their versions, with at most one for each")
		}
	}
	src := migrationSource{
		l.optionalMapping(m, "renamed"), l.optionalMapping(m, "split"), l.optionalMapping(m, "retyped"), map[string]mapping{}, map[string]bool{},
	}
	dropped, places := m.texts("dropped")
	for i, path := range dropped {
		if l.pathBefore(&src, places[i], path) {
			mig.Dropped = append(mig.Dropped, path)
		}
	}
	l.renamed(&src, &mig)
	l.split(&src, &mig)
	l.retyped(&src, &mig)
	l.schema.migrations = append(l.schema.migrations, mig)
	l.migrations = append(l.migrations, src)
}

// pathBefore reports whether a path before the migration is valid and named once.
func (l *loader) pathBefore(src *migrationSource, at place, path string) bool {
	switch {
	case !fieldPath.MatchString(path):
		l.fault(at, "%q is neither an id nor a path such as data_disks.size", path)
	case src.paths[path]:
		l.fault(at, "%q is named twice in this migration", path)
	default:
		src.paths[path] = true
		return true
	}
	return false
}

// optionalMapping loads a mapping, which is empty if the key is absent.
func (l *loader) optionalMapping(m mapping, key string) mapping {
	if !m.has(key) {
		return mapping{}
	}
	value, _ := l.mapping(m.at(key))
	return value
}

func (l *loader) renamed(src *migrationSource, mig *migration) {
	targets := map[string]bool{}
	for _, path := range src.renamed.keys {
		at, to := src.renamed.at(path), src.renamed.text(path)
		switch after := sibling(path, to); {
		case !l.pathBefore(src, at, path) || to == "": // reported
		case !fieldID.MatchString(to):
			l.fault(at, "%q is not a valid id: use the new id only, a field cannot be moved to another object", to)
		case targets[after]:
			l.fault(at, "another field is already renamed to %q", to)
		default:
			targets[after] = true
			set(&mig.Renamed, path, to)
		}
	}
}

func (l *loader) split(src *migrationSource, mig *migration) {
	for _, path := range src.split.keys {
		how, ok := l.mapping(src.split.at(path), "pattern")
		if !l.pathBefore(src, src.split.at(path), path) || !ok {
			continue
		}
		how.require("pattern")
		s := splitting{Pattern: how.text("pattern")}
		if s.pattern = l.compileWhole(how.at("pattern"), s.Pattern); s.pattern == nil {
			continue
		}
		if len(s.ids()) == 0 {
			l.fault(how.at("pattern"), "must have a named group for each part, such as (?P<id>…) for the field id")
		}
		set(&mig.Split, path, s)
	}
}

func (l *loader) retyped(src *migrationSource, mig *migration) {
	for _, path := range src.retyped.keys {
		at := src.retyped.at(path)
		if !fieldPath.MatchString(path) {
			l.fault(at, "%q is neither an id nor a path such as data_disks.size", path)
			continue
		}
		how, ok := l.mapping(at, "from", "values")
		if !ok {
			continue
		}
		how.require("from")
		r := retyping{From: Type(how.text("from"))}
		if r.From != "" && (!r.From.known() || r.From == TypeObject) {
			l.fault(how.at("from"), "unknown type %q: use %s", r.From, wordList(typeNames(TypeObject), "or"))
		}
		src.values[path] = l.optionalMapping(how, "values")
		for _, old := range src.values[path].keys {
			set(&r.Values, old, src.values[path].text(old))
		}
		set(&mig.Retyped, path, r)
	}
}

// set sets an entry of a map that may be nil.
func set[V any](m *map[string]V, key string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = v
}

// migrationTargets checks that the fields of migrations exist in this schema or in a later migration. It is skipped if the schema
// has other faults, because what was left out for them would be reported as well.
func (l *loader) migrationTargets() {
	if len(l.faults) > 0 {
		return
	}
	for i := range l.schema.migrations {
		m, src := &l.schema.migrations[i], &l.migrations[i]
		exists := func(at place, path string) bool {
			_, ok := l.schema.fieldAt(path)
			for j := range l.schema.migrations[i+1:] {
				later := &l.schema.migrations[i+1+j]
				dropped, split := later.ends(path)
				ok = ok || dropped || split || later.renamedPath(path) != path
			}
			if !ok {
				l.fault(at, "neither this schema nor a later migration has the field %q", path)
			}
			return ok
		}
		for _, path := range src.renamed.keys {
			exists(src.renamed.at(path), m.renamedPath(path))
		}
		for _, path := range src.split.keys {
			for _, id := range m.Split[path].ids() {
				exists(src.split.at(path), m.renamedSibling(path, id))
			}
		}
		for _, path := range src.retyped.keys {
			if f := l.schema.finalField(i, path); exists(src.retyped.at(path), path) && f != nil {
				l.retypedValues(src.values[path], f)
			}
		}
	}
}

// retypedValues checks the new values of a retyped field.
func (l *loader) retypedValues(m mapping, f *Field) {
	for _, old := range m.keys {
		text := m.text(old)
		v, ok := convert(text, f)
		if !ok {
			v = text
		}
		if _, fault := f.Check(v); fault != nil {
			l.fault(m.at(old), "the value %q is invalid: %s", text, fault)
		}
	}
}
