// SPDX-License-Identifier: MPL-2.0

package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

// ParseDefinition reads what [Definition.MarshalJSON] writes. It refuses everything else: other keys and operations, keys that
// are missing, repeated or differ in letter case, text that is not UTF-8, data after the end, nulls, and values with more than 8
// levels of lists and objects. A list becomes []any and an object [Fields], empty or not. A number becomes an int64 if that is
// exact, else a float64. Errors contain no value.
func ParseDefinition(data []byte) (Definition, error) {
	if !utf8.Valid(data) {
		return Definition{}, invalid(errNotUTF8)
	}
	p := parser{json.NewDecoder(bytes.NewReader(data))}
	p.UseNumber()
	var d Definition
	err := p.definition(&d)
	if err == nil {
		if _, end := p.Token(); !errors.Is(end, io.EOF) {
			err = fmt.Errorf("more data after byte %d", p.InputOffset())
		} else {
			err = d.check()
		}
	}
	if err != nil {
		return Definition{}, invalid(err)
	}
	return d, nil
}

// parser reads token by token, because encoding/json accepts keys in any letter case and uses the last of repeated keys.
type parser struct{ *json.Decoder }

func (p parser) definition(d *Definition) error {
	return p.object("the definition", []string{"schema", "operation", "fields"}, func(key string) (err error) {
		switch key {
		case "schema":
			return p.schema(&d.Schema)
		case "operation":
			var text string
			text, err = p.text("operation")
			d.Operation = Operation(text)
			return err
		default:
			d.Fields = Fields{}
			return p.object("fields", nil, p.field(&d.Fields, nil))
		}
	})
}

func (p parser) schema(ref *SchemaRef) error {
	return p.object("schema", []string{"id", "version"}, func(key string) (err error) {
		if key == "id" {
			ref.ID, err = p.text("schema id")
			return err
		}
		tok, err := p.token()
		if err != nil {
			return err
		}
		number, _ := tok.(json.Number)
		if ref.Version, err = strconv.Atoi(string(number)); err != nil {
			return errors.New("schema version is not a whole number")
		}
		return nil
	})
}

// object reads an object and calls member, which reads the value, for each key. If keys is not nil, the object must have these
// keys and no other.
func (p parser) object(what string, keys []string, member func(key string) error) error {
	tok, err := p.token()
	if err != nil {
		return err
	}
	if tok != json.Delim('{') {
		return fmt.Errorf("%s is not an object", what)
	}
	return p.members(what, keys, member)
}

// members is the part of object after the opening brace.
func (p parser) members(what string, keys []string, member func(key string) error) error {
	seen := map[string]bool{}
	for {
		tok, err := p.token()
		if err != nil {
			return err
		}
		key, ok := tok.(string)
		if !ok { // the closing brace
			break
		}
		if seen[key] {
			return fmt.Errorf("%s has the key %q twice", what, key)
		}
		seen[key] = true
		if keys != nil && !slices.Contains(keys, key) {
			return fmt.Errorf("%s has the unknown key %q", what, key)
		}
		if err := member(key); err != nil {
			return err
		}
	}
	for _, key := range keys {
		if !seen[key] {
			return fmt.Errorf("%s lacks the key %q", what, key)
		}
	}
	return nil
}

// field returns a function that reads the value of a field of the object at a path and appends the field to fields.
func (p parser) field(fields *Fields, at path) func(id string) error {
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
		err := p.members(fmt.Sprintf("field %q", at.text()), nil, p.field(&fields, at))
		return fields, err
	case nil:
		return nil, at.errorf("%w", errNull)
	}
	return tok, nil // text or a boolean
}

// list reads a list after the opening bracket.
func (p parser) list(at path) (any, error) {
	list := []any{}
	for p.More() {
		value, err := p.value(at.item(len(list)))
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	_, err := p.token() // the closing bracket, or a syntax error
	return list, err
}

func (p parser) text(what string) (string, error) {
	tok, err := p.token()
	if err != nil {
		return "", err
	}
	text, ok := tok.(string)
	if !ok {
		return "", fmt.Errorf("%s is not text", what)
	}
	return text, nil
}

// token is Token with errors that do not quote the source, which may contain a secret.
func (p parser) token() (json.Token, error) {
	tok, err := p.Token()
	if err != nil {
		return nil, fmt.Errorf("not JSON after byte %d", p.InputOffset())
	}
	return tok, nil
}
