// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"bytes"
	"fmt"
)

// Succeeds tells whether the schema may take the place of an older one: of the same version, if what both ask of values
// is the same; of a later version, if its migrations say what became of every field that is gone or of another type, no two
// values become one, and no field is required that nobody could have given.
// Else the error is a [*LoadError] that says what to do. Texts for people make no difference.
func (s *Schema) Succeeds(old *Schema) error {
	var d decoder
	switch {
	case s.ID != old.ID:
		d.fault(place{path: "id"}, "it is %q, and was %q: another schema does not take the place of this one", s.ID, old.ID)
	case s.Version < old.Version:
		d.fault(place{path: "version"}, "it is %d, and was %d already", s.Version, old.Version)
	case s.Version == old.Version:
		s.sameContract(old, &d)
	default:
		s.carriesOn(old, &d)
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
	old.eachField(func(path string, f *Field) { theirs[path] = f.contract() })
	old.eachField(func(path string, _ *Field) {
		if parent, _ := parentOf(path); mine[path] == nil && (parent == "" || mine[parent] != nil) {
			d.tell(0, path, "the field is gone, and the version is still %d: raise it, and say in migrations what becomes of the value", s.Version)
		}
	})
	s.eachField(func(path string, f *Field) {
		parent, _ := parentOf(path)
		switch was, known := theirs[path]; {
		case !known && parent != "" && theirs[parent] == nil: // told already
		case !known:
			d.tell(f.line, path, "the field is new, and the version is still %d: raise it", s.Version)
		case !bytes.Equal(was, mine[path]):
			d.tell(f.line, path, "what it asks for has changed, and the version is still %d: raise it", s.Version)
		}
	})
	if len(d.faults) == blamed {
		d.tell(0, "", "what the schema asks for has changed, and the version is still %d: raise it", s.Version)
	}
}

// carriesOn blames each field of an older version whose value has no place or none of its own, and each new one that has
// to have a value.
func (s *Schema) carriesOn(old *Schema, d *decoder) {
	told := map[string]bool{}
	from := map[string]string{} // paths of an older version, by those that their values have here
	old.eachField(func(path string, f *Field) {
		if parent, _ := parentOf(path); told[parent] {
			return
		}
		now, reason := s.fate(old.Version, path, f)
		if other, taken := from[now]; reason == "" && now != "" && taken {
			reason = fmt.Sprintf("its value would become that of %s, as that of %s does: name one of them in dropped", now, other)
		}
		if reason != "" {
			told[path] = true
			d.tell(0, path, "%s", reason)
		}
		from[now] = path
	})
	for i, m := range s.Migrations {
		for _, split := range m.Split {
			for _, id := range split.parts() {
				if now, stays := onward(s.Migrations[i+1:], m.beside(split.From, id)); stays && m.From >= old.Version {
					from[now] = split.From
				}
			}
		}
	}
	s.eachField(func(path string, f *Field) {
		parent, _ := parentOf(path)
		if from[path] == "" && f.Required && f.Infer == nil && (parent == "" || from[parent] != "") {
			d.tell(f.line, path, "a new field that is required breaks every configuration there is: give it a default, or infer it")
		}
	})
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

// contract is that part of a field. Fields within it have their own.
func (f *Field) contract() []byte {
	shape := f.shape()
	shape.silence()
	shape.Fields = nil
	if shape.Items != nil {
		shape.Items.Fields = nil
	}
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

// fate follows a field of an earlier version through the migrations, and gives the path that its value has in the end,
// empty where it ends on the way, or says what they leave open.
func (s *Schema) fate(version int, path string, f *Field) (now, reason string) {
	was := stateKind(f)
	for i := range s.Migrations {
		m := &s.Migrations[i]
		if m.From < version {
			continue
		}
		if dropped, split := m.ends(path); dropped || split {
			return "", ""
		}
		path = m.follow(path)
		if parent, _ := parentOf(path); parent != "" && m.retypes(parent) {
			return "", "" // it is what the whole was converted to that counts
		}
		if m.retypes(path) {
			was = ""
		}
	}
	switch f, ok := s.fieldAt(path); {
	case !ok:
		return path, "the field is gone, and migrations do not say what becomes of its value: name it in dropped, renamed or split"
	case was != "" && was != stateKind(f):
		return path, fmt.Sprintf("it was %s and is %s: name it in retyped", was, stateKind(f))
	}
	return path, ""
}

// onward gives the path that a field has after migrations; stays is false where its value ends on the way.
func onward(list []Migration, path string) (after string, stays bool) {
	for i := range list {
		if dropped, split := list[i].ends(path); dropped || split {
			return "", false
		}
		path = list[i].follow(path)
	}
	return path, true
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
