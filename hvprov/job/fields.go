// SPDX-License-Identifier: MPL-2.0

package job

import (
	"fmt"
	"log/slog"
	"strings"
)

// Field is a field of a definition, or of an object in it: its id in the schema, and its value, which is one of
//
//   - a string, a bool, an int64 or a float64; an int is written as an int64
//   - a list, []any, of such values
//   - an object, [Fields]
//
// Lists and objects can be nested in 8 levels. Formatted with fmt or log/slog, a field shows its id only: the value may be secret.
type Field struct {
	ID    string
	Value any
}

// Format implements [fmt.Formatter]: every verb writes the id.
func (f Field) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, "field "+f.ID) }

// LogValue implements [slog.LogValuer] with the id.
func (f Field) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(f)) }

// Fields are the fields of a definition, or of an object in it, in the order of the schema. A field without a value is absent.
// Formatted with fmt or log/slog, they show their ids only: values may be secret.
type Fields []Field

// Get returns the value of a field, and whether the field is present.
func (f Fields) Get(id string) (any, bool) {
	for _, field := range f {
		if field.ID == id {
			return field.Value, true
		}
	}
	return nil, false
}

// Map returns a new map from id to value. Objects in it are map[string]any too, and lists are copied.
func (f Fields) Map() map[string]any {
	m := make(map[string]any, len(f))
	for _, field := range f {
		m[field.ID] = plain(field.Value)
	}
	return m
}

func plain(v any) any {
	switch v := v.(type) {
	case Fields:
		return v.Map()
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = plain(item)
		}
		return list
	}
	return v
}

// Format implements [fmt.Formatter]: every verb writes the ids.
func (f Fields) Format(s fmt.State, _ rune) {
	ids := make([]string, len(f))
	for i, field := range f {
		ids[i] = field.ID
	}
	_, _ = fmt.Fprint(s, "fields "+strings.Join(ids, ", "))
}

// LogValue implements [slog.LogValuer] with the ids.
func (f Fields) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(f)) }
