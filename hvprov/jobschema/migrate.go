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
// passed is not changed. A field that is absent gets its inferred or default value, which was in effect before.
//
// Companions are suffixes of ids under which the caller stores further values of a field, for example the version of a secret. These
// are renamed and dropped with the field.
//
// The error names the field whose value cannot be converted.
func (s *Schema) Migrate(from int, values map[string]any, companions ...string) (map[string]any, error) {
	if from > s.Version {
		return nil, migrationError(from, s.Version, "", "the version is later than the schema's: use the schema that made the values")
	}
	moved := cloneObject(values)
	for i := range s.migrations {
		if s.migrations[i].From < from {
			continue
		}
		if err := s.migrate(i, moved, companions); err != nil {
			return nil, err
		}
	}
	complete(moved, s.Fields, func(_ *Field, _, present bool) bool { return !present })
	return moved, nil
}

func migrationError(from, to int, path, reason string) error {
	if path != "" {
		reason = "field " + path + ": " + reason
	}
	return fmt.Errorf("values of schema version %d cannot be converted to version %d: %s", from, to, reason)
}

func (s *Schema) migrate(index int, values map[string]any, companions []string) error {
	m := &s.migrations[index]
	fail := func(path, reason string) error { return migrationError(m.From, m.From+1, path, reason) }
	for _, path := range m.Dropped {
		_ = walk(values, path, func(object map[string]any, id string) error {
			remove(object, id, companions)
			return nil
		})
	}
	// A field that is split is named as before the renamings, and its parts are as after them.
	var parts []func()
	for _, path := range slices.Sorted(maps.Keys(m.Split)) {
		split := m.Split[path]
		err := walk(values, path, func(object map[string]any, id string) error {
			before := object[id]
			remove(object, id, companions)
			if before == nil {
				return nil
			}
			found, ok := split.apply(before)
			if !ok {
				return fail(path, "the value does not match the pattern "+split.Pattern)
			}
			parts = append(parts, func() { maps.Copy(object, found) })
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, paths := range m.renamingsByParent() {
		m.rename(values, paths, companions)
	}
	for _, set := range parts {
		set()
	}
	for _, path := range slices.Sorted(maps.Keys(m.Retyped)) {
		r, f := m.Retyped[path], s.finalField(index, path)
		err := walk(values, path, func(object map[string]any, id string) error {
			before, present := object[id]
			if !present {
				return nil
			}
			v, ok := r.convert(before, f)
			if !ok {
				noun := "its new type"
				if f != nil {
					noun = nouns[f.Type]
				}
				return fail(path, "the value cannot be converted to "+noun+": change it with the earlier version first")
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

// rename moves the values of fields of the same object, all at once, so that two fields can be swapped.
func (m *migration) rename(values map[string]any, paths, companions []string) {
	_ = walk(values, paths[0], func(object map[string]any, _ string) error {
		moved := map[string]any{}
		for _, path := range paths {
			_, id := parentOf(path)
			for _, suffix := range append([]string{""}, companions...) {
				if v, ok := object[id+suffix]; ok {
					moved[m.Renamed[path]+suffix] = v
					delete(object, id+suffix)
				}
			}
		}
		maps.Copy(object, moved)
		return nil
	})
}

func remove(object map[string]any, id string, companions []string) {
	delete(object, id)
	for _, suffix := range companions {
		delete(object, id+suffix)
	}
}

// walk calls do for each object that the field at a path belongs to, whether or not the field has a value.
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

// apply returns the parts of a text by field id. ok is false if the pattern does not match.
func (s splitting) apply(v any) (parts map[string]any, ok bool) {
	text, ok := v.(string)
	if !ok {
		return nil, false
	}
	found := s.pattern.FindStringSubmatch(text)
	if found == nil {
		return nil, false
	}
	parts = map[string]any{}
	for i, name := range s.pattern.SubexpNames() {
		if name != "" && found[i] != "" {
			parts[name] = found[i]
		}
	}
	return parts, true
}

// convert returns a value for a field; f is nil if a later migration converts it again. ok is false if that is not exact.
func (r retyping) convert(v any, f *Field) (converted any, ok bool) {
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

// plainText returns a JSON scalar as text. Equal numbers have equal texts.
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
