// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"bytes"
	"fmt"
)

// Succeeds tells whether the schema may take the place of an older one: of the same version, if what both ask of values
// is the same; of a later version, if its migrations say what became of every field that is gone or of another type.
// Else the error is a [*LoadError] that says what to do. Texts for people make no difference.
func (s *Schema) Succeeds(old *Schema) error {
	var d decoder
	at := func(f *Field) place { return place{path: f.ID} }
	switch {
	case s.ID != old.ID:
		d.fault(place{path: "id"}, "it is %q, and was %q: another schema does not take the place of this one", s.ID, old.ID)
	case s.Version < old.Version:
		d.fault(place{path: "version"}, "it is %d, and was %d already", s.Version, old.Version)
	case s.Version == old.Version:
		s.sameContract(old, &d)
	default:
		old.eachField(func(path string, f *Field) {
			if reason := s.fate(old.Version, path, f); reason != "" {
				d.fault(place{path: path}, "%s", reason)
			}
		})
	}
	for i := range s.Fields {
		if f := &s.Fields[i]; f.Required && f.Infer == nil && s.Version > old.Version && !s.hadBefore(old, f.ID) {
			d.fault(at(f), "a new field that is required breaks every configuration there is: give it a default, or infer it")
		}
	}
	return d.err(s.file)
}

// sameContract blames each field that differs where nothing may.
func (s *Schema) sameContract(old *Schema, d *decoder) {
	now, before := s.contract(), old.contract()
	if bytes.Equal(now, before) {
		return
	}
	blamed := len(d.faults)
	mine, theirs := map[string][]byte{}, map[string][]byte{}
	s.eachField(func(path string, f *Field) { mine[path] = f.contract() })
	old.eachField(func(path string, f *Field) {
		theirs[path] = f.contract()
		if mine[path] == nil {
			d.fault(place{path: path}, "the field is gone, and the version is still %d: raise it, and say in migrations what becomes of the value", s.Version)
		}
	})
	s.eachField(func(path string, f *Field) {
		switch was, known := theirs[path]; {
		case !known:
			d.fault(place{path: path}, "the field is new, and the version is still %d: raise it", s.Version)
		case !bytes.Equal(was, mine[path]) && f.Items == nil && f.Fields == nil:
			d.fault(place{path: path}, "what it asks for has changed, and the version is still %d: raise it", s.Version)
		}
	})
	if len(d.faults) == blamed {
		d.fault(place{}, "what the schema asks for has changed, and the version is still %d: raise it", s.Version)
	}
}

// contract is the part of a schema that programs depend on: all but its texts and the way from earlier versions.
func (s *Schema) contract() []byte {
	shape := s.shape()
	shape.Name, shape.Description, shape.Migrations = "", "", nil
	for i := range shape.Fields {
		shape.Fields[i].silence()
	}
	for i := range shape.ParameterSets {
		p := &shape.ParameterSets[i]
		p.Label, p.Description = "", ""
		for j := range p.Variants {
			p.Variants[j].Label = ""
		}
	}
	text, err := s.encode(shape)
	if err != nil {
		panic(fmt.Sprintf("jobschema: %v", err)) // every part of a shape can be encoded
	}
	return text
}

func (f *Field) contract() []byte {
	shape := f.shape()
	shape.silence()
	text, err := (*Schema)(nil).encode(schemaShape{Fields: []fieldShape{shape}})
	if err != nil {
		panic(fmt.Sprintf("jobschema: %v", err)) // see above
	}
	return text
}

func (f *fieldShape) silence() {
	f.Label, f.Description, f.Hint, f.Deprecated = "", "", "", ""
	if f.Validations != nil {
		f.Validations.PatternDescription = ""
	}
	if f.Items != nil {
		f.Items.silence()
	}
	for i := range f.Fields {
		f.Fields[i].silence()
	}
}

// fate follows a field of an earlier version through the migrations, and says what they leave open; empty for nothing.
func (s *Schema) fate(version int, path string, f *Field) string {
	was := stateKind(f)
	for i := range s.Migrations {
		m := &s.Migrations[i]
		if m.From < version {
			continue
		}
		if dropped, split := m.ends(path); dropped || split {
			return ""
		}
		path = m.follow(path)
		if parent, _ := parentOf(path); parent != "" && m.retypes(parent) {
			return "" // it is what the whole was converted to that counts
		}
		if m.retypes(path) {
			was = ""
		}
	}
	now, ok := s.fieldAt(path)
	switch {
	case !ok:
		return "the field is gone, and migrations do not say what becomes of its value: name it in dropped, renamed or split"
	case was != "" && was != stateKind(now):
		return fmt.Sprintf("it was %s and is %s: name it in retyped", was, stateKind(now))
	}
	return ""
}

// hadBefore tells whether a field comes from an older schema.
func (s *Schema) hadBefore(old *Schema, id string) bool {
	if _, ok := old.Field(id); ok {
		return true
	}
	for _, m := range s.Migrations {
		for _, r := range m.Renamed {
			if r.after() == id && m.From >= old.Version {
				return true
			}
		}
		for _, split := range m.Split {
			for _, name := range split.pattern.SubexpNames() {
				if name == id && m.From >= old.Version {
					return true
				}
			}
		}
	}
	return false
}

// stateKind names what a state holds of a field.
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
