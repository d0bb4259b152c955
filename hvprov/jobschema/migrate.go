// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Migrate converts the values of an earlier version of the schema, by field id, to this version. Values are as encoding/json
// decodes them, with numbers as json.Number or float64. Values of ids that the schema does not have are kept, and the map that is
// passed is not changed. A field that is absent gets the value that [Field.Implied] returns: this is what was in effect before.
//
// Companions are suffixes of ids under which the caller keeps further values of a field, for example a version of a secret.
// They are renamed and dropped with the field.
//
// If a value cannot be converted, the error is a [*MigrationError].
func (s *Schema) Migrate(from int, values map[string]any, companions ...string) (map[string]any, error) {
	if from > s.Version {
		return nil, &MigrationError{From: from, To: s.Version, Reason: "the version is later than the schema's: use the schema that made the values"}
	}
	moved := cloneObject(values)
	for i := range s.Migrations {
		if s.Migrations[i].From < from {
			continue
		}
		if err := s.migrate(i, moved, companions); err != nil {
			return nil, err
		}
	}
	complete(moved, s.Fields, func(_ *Field, _, present bool) bool { return !present })
	return moved, nil
}

// MigrationError says why a state could not be taken to another version of its schema.
type MigrationError struct {
	Field    string // path of the field; empty when it is none's
	From, To int    // versions
	Reason   string
}

// Error implements error.
func (e *MigrationError) Error() string {
	at := ""
	if e.Field != "" {
		at = "field " + e.Field + ": "
	}
	return fmt.Sprintf("values of schema version %d cannot be taken to version %d: %s%s", e.From, e.To, at, e.Reason)
}

func (s *Schema) migrate(index int, values map[string]any, companions []string) error {
	m := &s.Migrations[index]
	fail := func(path, reason string) error {
		return &MigrationError{Field: path, From: m.From, To: m.From + 1, Reason: reason}
	}
	for _, path := range m.Dropped {
		_ = walk(values, path, func(object map[string]any, id string) error {
			remove(object, id, companions)
			return nil
		})
	}
	// What is taken apart is named as before the renamings, and its parts as after them.
	var parts []func()
	for _, split := range m.Split {
		err := walk(values, split.From, func(object map[string]any, id string) error {
			before := object[id]
			remove(object, id, companions)
			if before == nil {
				return nil
			}
			found, ok := split.of(before)
			if !ok {
				return fail(split.From, "its value does not have the form "+split.Pattern)
			}
			parts = append(parts, func() { maps.Copy(object, found) })
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, r := range innerFirst(m.Renamed) {
		rename(values, r, companions)
	}
	for _, put := range parts {
		put()
	}
	for _, r := range m.Retyped {
		f := s.finalField(index, r.Field)
		err := walk(values, r.Field, func(object map[string]any, id string) error {
			before, given := object[id]
			if !given {
				return nil
			}
			v, ok := r.convert(before, f)
			if !ok {
				noun := "what it is now"
				if f != nil {
					noun = nouns[f.Type]
				}
				return fail(r.Field, "its value cannot be made "+noun+": change it with the earlier version first")
			}
			object[id] = v
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// finalField gives the field that a value is converted for: that of this schema, or text where a later migration takes it
// apart; nil where a later one drops it, or converts it once more.
func (s *Schema) finalField(index int, path string) *Field {
	for i := index + 1; i < len(s.Migrations); i++ {
		m := &s.Migrations[i]
		switch dropped, split := m.ends(path); {
		case dropped:
			return nil
		case split:
			return &Field{Type: TypeString}
		}
		if path = m.follow(path); m.retypes(path) {
			return nil
		}
	}
	f, _ := s.fieldAt(path)
	return f
}

// rename moves values, all at once for the renamings of one object, so that two fields can change places.
func rename(values map[string]any, group []Renaming, companions []string) {
	_ = walk(values, group[0].From, func(object map[string]any, _ string) error {
		moved := map[string]any{}
		for _, r := range group {
			_, id := parentOf(r.From)
			for _, suffix := range append([]string{""}, companions...) {
				if v, ok := object[id+suffix]; ok {
					moved[r.To+suffix] = v
					delete(object, id+suffix)
				}
			}
		}
		maps.Copy(object, moved)
		return nil
	})
}

// innerFirst gives renamings by the object that they are about, innermost first: paths name what is around a field as it
// was called before.
func innerFirst(list []Renaming) [][]Renaming {
	groups := map[string][]Renaming{}
	for _, r := range list {
		parent, _ := parentOf(r.From)
		groups[parent] = append(groups[parent], r)
	}
	var ordered [][]Renaming
	for _, parent := range slices.SortedFunc(maps.Keys(groups), func(a, b string) int { return len(b) - len(a) }) {
		ordered = append(ordered, groups[parent])
	}
	return ordered
}

func remove(object map[string]any, id string, companions []string) {
	delete(object, id)
	for _, suffix := range companions {
		delete(object, id+suffix)
	}
}

// walk calls do for each object that holds the field of a path, whether or not the field has a value.
func walk(values map[string]any, path string, do func(object map[string]any, id string) error) error {
	id, rest, more := strings.Cut(path, ".")
	if !more {
		return do(values, id)
	}
	switch v := values[id].(type) {
	case map[string]any:
		return walk(v, rest, do)
	case []any:
		for _, item := range v {
			if object, ok := item.(map[string]any); ok {
				if err := walk(object, rest, do); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *Splitting) of(v any) (map[string]any, bool) {
	text, ok := v.(string)
	if !ok {
		return nil, false
	}
	found := s.pattern.FindStringSubmatch(text)
	if found == nil {
		return nil, false
	}
	parts := map[string]any{}
	for i, name := range s.pattern.SubexpNames() {
		if name != "" && found[i] != "" {
			parts[name] = found[i]
		}
	}
	return parts, true
}

// convert gives a value for a field; nil for one that is converted once more later. ok is false when that is not exact.
func (r *Retyping) convert(v any, f *Field) (converted any, ok bool) {
	if v == nil {
		return nil, true
	}
	if r.Values != nil {
		if v, ok = r.Values[plainText(v)]; !ok {
			return nil, false
		}
	}
	if f == nil {
		return v, true
	}
	return convert(v, f)
}

func convert(v any, f *Field) (any, bool) {
	switch f.Type {
	case TypeObject:
		_, isObject := v.(map[string]any)
		return v, isObject || v == nil
	case TypeList:
		items, isList := v.([]any)
		if !isList {
			items = []any{v}
		}
		converted := make([]any, len(items))
		for i, item := range items {
			var ok bool
			if converted[i], ok = convert(item, f.Items); !ok {
				return nil, false
			}
		}
		return converted, true
	}
	switch v.(type) {
	case map[string]any, []any:
		return nil, false
	case nil:
		return nil, true
	}
	switch f.Type {
	case TypeInteger:
		n, ok := toInt64(v)
		return json.Number(strconv.FormatInt(n, 10)), ok
	case TypeNumber:
		n, ok := toFloat64(v)
		return json.Number(formatNumber(n)), ok
	case TypeBoolean:
		b, fault := boolean(target{Field: f}, v)
		return b, fault == nil
	}
	return plainText(v), true
}

// plainText writes a JSON scalar as people do, and a number in one way, however it was written.
func plainText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return formatNumber(v)
	case json.Number:
		if n, ok := toInt64(v); ok {
			return strconv.FormatInt(n, 10)
		}
	}
	return fmt.Sprint(v)
}

func cloneObject(values map[string]any) map[string]any {
	copied := make(map[string]any, len(values))
	for key, v := range values {
		copied[key] = cloneValue(v)
	}
	return copied
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return cloneObject(v)
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = cloneValue(item)
		}
		return items
	}
	return v
}
