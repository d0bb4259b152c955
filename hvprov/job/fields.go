// SPDX-License-Identifier: MPL-2.0

package job

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
)

// Field is one field of a job: its id in the schema, and its value, which is a string, a bool, an int64 or a float64.
// An int is taken as well where a Field is written.
type Field struct {
	ID    string
	Value any
}

// Fields are the fields of a job in the schema's order. A field without a value is left out. The zero value holds none.
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

// Map gives a new map from id to value.
func (f Fields) Map() map[string]any {
	m := make(map[string]any, len(f))
	for _, field := range f {
		m[field.ID] = field.Value
	}
	return m
}

// Without gives a copy that lacks the fields of the given ids.
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

// Encode gives the fields as one compact JSON object, in their order; see [Definition.Encode].
func (f Fields) Encode() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	seen := make(map[string]bool, len(f))
	for i, field := range f {
		if field.ID == "" {
			return nil, fmt.Errorf("%w: field number %d has no id", ErrInvalidDefinition, i+1)
		}
		if seen[field.ID] {
			return nil, fmt.Errorf("%w: field %q is given twice", ErrInvalidDefinition, field.ID)
		}
		seen[field.ID] = true
		id, err := encodeScalar(field.ID)
		if err != nil {
			return nil, fmt.Errorf("%w: id of field number %d: %w", ErrInvalidDefinition, i+1, err)
		}
		value, err := encodeScalar(field.Value)
		if err != nil {
			return nil, fmt.Errorf("%w: field %q: %w", ErrInvalidDefinition, field.ID, err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(id)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
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
