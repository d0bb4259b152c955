// SPDX-License-Identifier: MPL-2.0

package job

import (
	"fmt"
	"log/slog"
	"strings"
)

// MaxDepth is how many levels of lists and objects the value of a [Field] may have. A list of objects has two.
const MaxDepth = 8

// Field is one field of a job, or of an object in it: its id in the schema, and its value, which is one of
//
//   - a string, a bool, an int64 or a float64; an int is taken as well where a Field is written
//   - a list, []any, of such values
//   - an object, [Fields]
//
// Formatting (fmt, log/slog) shows the id only, since the value may be secret.
type Field struct {
	ID    string
	Value any
}

// String tells the id, never the value.
func (f Field) String() string { return "field " + f.ID }

// GoString is [Field.String], so that no verb of fmt shows the value.
func (f Field) GoString() string { return f.String() }

// Format implements [fmt.Formatter]: whatever the verb, the id and never the value.
func (f Field) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(f.String())) }

// LogValue implements [slog.LogValuer] with the id.
func (f Field) LogValue() slog.Value { return slog.StringValue(f.String()) }

// Fields are the fields of a job, or of an object in it, in the schema's order. A field without a value is left out. The
// zero value holds none.
//
// Formatting (fmt, log/slog) shows the ids only, since values may be secret.
type Fields []Field

// Get gives the value of a field, and whether there is one.
func (f Fields) Get(id string) (any, bool) {
	for _, field := range f {
		if field.ID == id {
			return field.Value, true
		}
	}
	return nil, false
}

// IDs gives the ids in order.
func (f Fields) IDs() []string {
	ids := make([]string, len(f))
	for i, field := range f {
		ids[i] = field.ID
	}
	return ids
}

// Map gives a new map from id to value, in which objects are map[string]any too, and lists are new ones of such values.
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

// Without gives a copy that lacks the fields of the given ids. Objects in it are as they were.
func (f Fields) Without(ids ...string) Fields {
	drop := make(map[string]bool, len(ids))
	for _, id := range ids {
		drop[id] = true
	}
	kept := make(Fields, 0, len(f))
	for _, field := range f {
		if !drop[field.ID] {
			kept = append(kept, field)
		}
	}
	return kept
}

// MarshalJSON implements [json.Marshaler] with what [Fields.Encode] gives.
func (f Fields) MarshalJSON() ([]byte, error) { return f.Encode() }

// String tells the ids, never a value.
func (f Fields) String() string { return "fields " + strings.Join(f.IDs(), ", ") }

// GoString is [Fields.String], so that no verb of fmt shows a value.
func (f Fields) GoString() string { return f.String() }

// Format implements [fmt.Formatter]: whatever the verb, the ids and never a value.
func (f Fields) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(f.String())) }

// LogValue implements [slog.LogValuer] with the ids.
func (f Fields) LogValue() slog.Value { return slog.StringValue(f.String()) }
