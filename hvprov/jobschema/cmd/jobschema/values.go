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
	maxSize  = 16 << 20 // of the JSON in bytes
	maxDepth = 16       // levels of lists and objects
)

// readValues reads a JSON object. It refuses repeated keys, of which encoding/json would use the last. Errors contain no value, which
// may be secret.
func readValues(r io.Reader) (map[string]any, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxSize:
		return nil, fmt.Errorf("more than %d bytes", maxSize)
	case !utf8.Valid(data):
		return nil, errors.New("not valid UTF-8")
	}
	d := decoder{json.NewDecoder(bytes.NewReader(data))}
	d.UseNumber()
	value, err := d.value(0)
	if err != nil {
		return nil, err
	}
	values, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("not a JSON object of values by field id")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("more data after byte %d", d.InputOffset())
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
		return nil, fmt.Errorf("more than %d levels deep at byte %d", maxDepth, d.InputOffset())
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
		if !ok { // the closing brace
			return object, nil
		}
		if _, taken := object[key]; taken {
			return nil, fmt.Errorf("the key %q is repeated before byte %d", key, d.InputOffset())
		}
		if object[key], err = d.value(depth); err != nil {
			return nil, err
		}
	}
}

func (d decoder) syntax() error { return fmt.Errorf("not JSON after byte %d", d.InputOffset()) }
