// SPDX-License-Identifier: MPL-2.0

package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// MarshalJSON returns the fields as a compact JSON object, in their order; see [Definition.MarshalJSON].
func (f Fields) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	if err := encodeFields(&b, nil, f); err != nil {
		return nil, invalid(err)
	}
	return b.Bytes(), nil
}

func encodeFields(b *bytes.Buffer, at path, fields Fields) error {
	b.WriteByte('{')
	seen := make(map[string]bool, len(fields))
	for i, field := range fields {
		if field.ID == "" {
			return at.errorf("field number %d has no id", i+1)
		}
		id, err := encodeScalar(field.ID)
		if err != nil {
			return at.errorf("id of field number %d: %w", i+1, err)
		}
		if seen[field.ID] {
			return fmt.Errorf("field %q is present twice", at.field(field.ID).text())
		}
		seen[field.ID] = true
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(id)
		b.WriteByte(':')
		if err := encodeValue(b, at.field(field.ID), field.Value); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func encodeList(b *bytes.Buffer, at path, list []any) error {
	b.WriteByte('[')
	for i, item := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := encodeValue(b, at.item(i), item); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}

func encodeValue(b *bytes.Buffer, at path, v any) error {
	switch v := v.(type) {
	case Fields:
		if err := at.checkDepth(); err != nil {
			return err
		}
		return encodeFields(b, at, v)
	case []any:
		if err := at.checkDepth(); err != nil {
			return err
		}
		return encodeList(b, at, v)
	}
	scalar, err := encodeScalar(v)
	if err != nil {
		return at.errorf("%w", err)
	}
	b.Write(scalar)
	return nil
}

// encodeScalar writes a value that is neither a list nor an object. Invalid UTF-8 is an error: the JSON encoder would replace it
// silently.
func encodeScalar(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, errNull
	case string:
		if !utf8.ValidString(v) {
			return nil, errNotUTF8
		}
	case bool, int, int64:
	case float64:
		n, err := exactNumber(v)
		if err != nil {
			return nil, err
		}
		if whole, ok := n.(int64); ok {
			return encodeScalar(whole)
		}
	case json.Number:
		n, err := parseNumber(v)
		if err != nil {
			return nil, err
		}
		return encodeScalar(n)
	default:
		return nil, fmt.Errorf("value has the unsupported type %T: use text, a number, a boolean, a list ([]any) or an object (job.Fields)", v)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

var (
	errNull        = errors.New("value is null")
	errNotUTF8     = errors.New("text is not valid UTF-8")
	errNumberRange = errors.New("number is out of range")
)

// parseNumber returns an int64 if that is exact, so that a number has one spelling however it was written.
func parseNumber(n json.Number) (any, error) {
	text := string(n)
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, errNumberRange
	}
	return exactNumber(f)
}

// exactNumber returns f as an int64 if it is whole. Larger numbers than an int64 holds are refused: JSON does not distinguish a
// large whole number from a rounded float64.
func exactNumber(f float64) (any, error) {
	if math.IsNaN(f) || math.Abs(f) >= 1<<63 {
		return nil, errNumberRange
	}
	if f == math.Trunc(f) {
		return int64(f), nil
	}
	return f, nil
}
