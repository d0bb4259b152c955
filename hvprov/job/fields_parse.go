// SPDX-License-Identifier: MPL-2.0

package job

import (
	"encoding/json"
	"fmt"
)

func (p parser) fields() (Fields, error) {
	fields := Fields{}
	err := p.object("fields", nil, p.into(&fields, nil))
	return fields, err
}

// into gives what reads the values of the object at a path and appends them to fields.
func (p parser) into(fields *Fields, at path) func(id string) error {
	return func(id string) error {
		if id == "" {
			return at.errorf("a field has no id")
		}
		value, err := p.value(at.field(id))
		if err != nil {
			return err
		}
		*fields = append(*fields, Field{ID: id, Value: value})
		return nil
	}
}

func (p parser) value(at path) (any, error) {
	tok, err := p.token()
	if err != nil {
		return nil, err
	}
	switch v := tok.(type) {
	case json.Number:
		n, err := parseNumber(v)
		if err != nil {
			return nil, at.errorf("%w", err)
		}
		return n, nil
	case json.Delim:
		if err := at.checkDepth(); err != nil {
			return nil, err
		}
		if v == '[' {
			return p.list(at)
		}
		fields := Fields{}
		err := p.members(fmt.Sprintf("field %q", at.String()), nil, p.into(&fields, at))
		return fields, err
	case nil:
		return nil, at.errorf("%w", errNull)
	}
	return tok, nil // text or a boolean
}

// list reads the rest of a list, after the bracket.
func (p parser) list(at path) (any, error) {
	list := []any{}
	for p.More() {
		value, err := p.value(at.item(len(list)))
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	_, err := p.token() // the bracket that ends it, or what is wrong
	return list, err
}
