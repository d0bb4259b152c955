// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

const (
	maxSize  = 16 << 20 // bytes of JSON that are read
	maxDepth = 16       // levels of lists and objects in it
)

// readValues reads the only JSON value of r, which has to be an object. It refuses keys that are given twice, of which
// package json would take the last. Its errors tell no value, since that may be secret.
func readValues(r io.Reader) (map[string]any, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxSize:
		return nil, fmt.Errorf("it has more than %d bytes", maxSize)
	case !utf8.Valid(data):
		return nil, errors.New("it is not UTF-8")
	}
	d := decoder{json.NewDecoder(bytes.NewReader(data))}
	d.UseNumber()
	value, err := d.value(0)
	if err != nil {
		return nil, err
	}
	values, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("it is not a JSON object of values by field id")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("there is more behind the object, after byte %d", d.InputOffset())
	}
	return values, nil
}

type decoder struct{ *json.Decoder }

func (d decoder) value(depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, d.syntax()
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("it is more than %d levels deep, at byte %d", maxDepth, d.InputOffset())
	}
	if delim == '[' {
		return d.list(depth + 1)
	}
	return d.object(depth + 1)
}

func (d decoder) list(depth int) (any, error) {
	list := []any{}
	for d.More() {
		item, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	if _, err := d.Token(); err != nil {
		return nil, d.syntax()
	}
	return list, nil
}

func (d decoder) object(depth int) (any, error) {
	object := map[string]any{}
	for {
		token, err := d.Token()
		if err != nil {
			return nil, d.syntax()
		}
		key, ok := token.(string)
		if !ok { // the brace that ends it
			return object, nil
		}
		if _, taken := object[key]; taken {
			return nil, fmt.Errorf("the key %q is given twice, before byte %d", key, d.InputOffset())
		}
		if object[key], err = d.value(depth); err != nil {
			return nil, err
		}
	}
}

func (d decoder) syntax() error { return fmt.Errorf("it is not JSON, after byte %d", d.InputOffset()) }
