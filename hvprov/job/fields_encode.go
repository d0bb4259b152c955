// SPDX-License-Identifier: MPL-2.0

package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Encode gives the fields as one compact JSON object, in their order; see [Definition.Encode].
func (f Fields) Encode() ([]byte, error) {
	var b bytes.Buffer
	if err := encodeFields(&b, nil, f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidDefinition, err)
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
			return fmt.Errorf("field %q is given twice", at.field(field.ID).String())
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

// encodeScalar writes one value that is neither list nor object. Invalid UTF-8 is an error: the encoder would change it
// silently.
func encodeScalar(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, errNull
	case string:
		if !utf8.ValidString(v) {
			return nil, errors.New("text that is not UTF-8")
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
		return nil, fmt.Errorf("a value of type %T, not text, a number, a boolean, a list ([]any) or an object (job.Fields)", v)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

var errNull = errors.New("a null, which is no value")
