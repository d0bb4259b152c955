// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"bytes"
	"fmt"
	"slices"
)

// CheckCompatible reports whether the schema can replace an older one with the same id. A schema of the same version may differ in
// texts only. The migrations of a later version must cover every field that was removed or has another type, no two values may
// become one, and a new field must not be required. Otherwise the error is a [*LoadError] with the remedies.
func (s *Schema) CheckCompatible(old *Schema) error {
	var d decoder
	switch {
	case s.ID != old.ID:
		d.fault(place{path: "id"}, "the id is %q, but was %q: a schema cannot replace another schema", s.ID, old.ID)
	case s.Version < old.Version:
		d.fault(place{path: "version"}, "the version is %d, but was %d", s.Version, old.Version)
	case s.Version == old.Version:
		s.checkSameVersion(old, &d)
	default:
		s.checkLaterVersion(old, &d)
	}
	return d.err(s.file)
}

// checkSameVersion reports each field whose contract differs.
func (s *Schema) checkSameVersion(old *Schema, d *decoder) {
	if bytes.Equal(s.contract(), old.contract()) {
		return
	}
	before := len(d.faults)
	mine, theirs := map[string][]byte{}, map[string][]byte{}
	s.eachField(func(path string, f *Field) { mine[path] = f.contract() })
	old.eachField(func(path string, f *Field) { theirs[path] = f.contract() })
	old.eachField(func(path string, _ *Field) {
		if parent, _ := parentOf(path); mine[path] == nil && (parent == "" || mine[parent] != nil) {
			d.faultAt(0, path, "the field was removed in version %d: raise the version, and name the field in migrations", s.Version)
		}
	})
	s.eachField(func(path string, f *Field) {
		parent, _ := parentOf(path)
		switch was, known := theirs[path]; {
		case !known && parent != "" && theirs[parent] == nil: // the parent was reported
		case !known:
			d.faultAt(f.line, path, "the field was added in version %d: raise the version", s.Version)
		case !bytes.Equal(was, mine[path]):
			d.faultAt(f.line, path, "the rules of the field were changed in version %d: raise the version", s.Version)
		}
	})
	if len(d.faults) == before {
		d.faultAt(0, "", "the rules of the schema were changed in version %d: raise the version", s.Version)
	}
}

// checkLaterVersion reports each field of an older version whose value is lost or merged, and each new field that needs a value.
func (s *Schema) checkLaterVersion(old *Schema, d *decoder) {
	reported := map[string]bool{}
	from := map[string]string{} // paths in the older version, by those in this one
	old.eachField(func(path string, f *Field) {
		if parent, _ := parentOf(path); reported[parent] {
			return
		}
		now, reason := s.finalPath(old.Version, path, f)
		if other, taken := from[now]; reason == "" && now != "" && taken {
			reason = fmt.Sprintf("the value would become that of %s, like that of %s: name one of them in dropped", now, other)
		}
		if reason != "" {
			reported[path] = true
			d.faultAt(0, path, "%s", reason)
		}
		from[now] = path
	})
	for i := range s.migrations {
		m := &s.migrations[i]
		for path, split := range m.Split {
			for _, id := range split.ids() {
				if now, stays := followPath(s.migrations[i+1:], m.renamedSibling(path, id)); stays && m.From >= old.Version {
					from[now] = path
				}
			}
		}
	}
	s.eachField(func(path string, f *Field) {
		parent, _ := parentOf(path)
		if from[path] == "" && f.Required && f.Infer == nil && (parent == "" || from[parent] != "") {
			d.faultAt(f.line, path, "a new field that is required breaks existing configurations: add a default, or infer it")
		}
	})
}

// finalPath follows a field of an earlier version through the migrations. It returns the path of its value in this version, empty
// if a migration ends it, or the reason why the migrations are incomplete.
func (s *Schema) finalPath(version int, path string, f *Field) (now, reason string) {
	was := stateKind(f)
	for i := range s.migrations {
		m := &s.migrations[i]
		if m.From < version {
			continue
		}
		if dropped, split := m.ends(path); dropped || split {
			return "", ""
		}
		path = m.renamedPath(path)
		if parent, _ := parentOf(path); parent != "" && m.retypes(parent) {
			return "", "" // the conversion of the parent decides
		}
		if m.retypes(path) {
			was = ""
		}
	}
	switch f, ok := s.fieldAt(path); {
	case !ok:
		return path, "the field was removed, but not in migrations: name it in dropped, renamed or split"
	case was != "" && was != stateKind(f):
		return path, fmt.Sprintf("the type was changed from %s to %s: name the field in retyped", was, stateKind(f))
	}
	return path, ""
}

// stateKind returns the kind of value that a client stores for a field.
func stateKind(f *Field) string {
	switch f.Type {
	case TypeInteger, TypeNumber:
		return "a number"
	case TypeBoolean:
		return "true or false"
	case TypeObject:
		return "an object"
	case TypeList:
		if f.Items == nil || f.Items.Type == TypeObject {
			return "a list of objects"
		}
		return "a list with " + stateKind(f.Items)
	}
	return "text"
}

// contract returns the part of the schema that programs depend on: all but texts and migrations.
func (s *Schema) contract() []byte {
	bare := Schema{ID: s.ID, Version: s.Version, Fields: withoutTexts(s.Fields), ParameterSets: setsWithoutTexts(s.ParameterSets)}
	return mustEncode(&bare)
}

func setsWithoutTexts(sets []ParameterSet) []ParameterSet {
	sets = slices.Clone(sets)
	for i := range sets {
		p := &sets[i]
		p.Label, p.Description = "", ""
		p.Variants = slices.Clone(p.Variants)
		for j := range p.Variants {
			p.Variants[j].Label = ""
		}
	}
	return sets
}

// contract returns that part of the field, without the fields in it.
func (f *Field) contract() []byte {
	bare := f.withoutTexts()
	bare.Fields = nil
	if bare.Items != nil {
		bare.Items.Fields = nil
	}
	return mustEncode(bare)
}

func mustEncode(v any) []byte {
	text, err := encode(v)
	if err != nil {
		panic(fmt.Sprintf("jobschema: %v", err)) // every schema can be encoded
	}
	return text
}

func withoutTexts(fields []Field) []Field {
	bare := make([]Field, len(fields))
	for i := range fields {
		bare[i] = fields[i].withoutTexts()
	}
	return bare
}

func (f *Field) withoutTexts() Field {
	bare := *f
	bare.Label, bare.Description, bare.Hint, bare.Deprecated = "", "", "", ""
	bare.Validations.PatternDescription = ""
	bare.Cases = slices.Clone(f.Cases)
	for i := range bare.Cases {
		bare.Cases[i].Hint, bare.Cases[i].Validations.PatternDescription = "", ""
	}
	bare.Fields, bare.ParameterSets = withoutTexts(f.Fields), setsWithoutTexts(f.ParameterSets)
	if f.Items != nil {
		items := f.Items.withoutTexts()
		bare.Items = &items
	}
	return bare
}
