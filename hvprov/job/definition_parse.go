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

// ParseDefinition reads what [Definition.Encode] writes. It refuses, with an error that wraps [ErrInvalidDefinition],
// whatever it does not know: other keys and operations, keys that are missing, repeated or differ in letter case, text
// that is not UTF-8, data after the end, nulls, and values more than [MaxDepth] levels deep. A list becomes []any and an
// object [Fields], empty or not. A number becomes an int64 where it has that value exactly, else a float64.
func ParseDefinition(data []byte) (Definition, error) {
	var d Definition
	if !utf8.Valid(data) {
		return d, fmt.Errorf("%w: it is not UTF-8", ErrInvalidDefinition)
	}
	p := parser{json.NewDecoder(bytes.NewReader(data))}
	p.UseNumber()
	if err := p.definition(&d); err != nil {
		return Definition{}, fmt.Errorf("%w: %w", ErrInvalidDefinition, err)
	}
	if _, err := p.Token(); !errors.Is(err, io.EOF) {
		return Definition{}, fmt.Errorf("%w: there is more data after its end", ErrInvalidDefinition)
	}
	if err := d.check(); err != nil {
		return Definition{}, err
	}
	return d, nil
}

// parser reads by token, because package json itself takes keys in any letter case, and the last of repeated ones.
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
			d.Fields, err = p.fields()
			return err
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

// object reads an object and hands each key to member, which reads the value. If known is not nil, it lists the keys
// that must all be there, and no other.
func (p parser) object(what string, known []string, member func(key string) error) error {
	tok, err := p.token()
	if err != nil {
		return err
	}
	if tok != json.Delim('{') {
		return fmt.Errorf("%s is not an object", what)
	}
	return p.members(what, known, member)
}

// members is the rest of object, after the brace.
func (p parser) members(what string, known []string, member func(key string) error) error {
	seen := map[string]bool{}
	for {
		tok, err := p.token()
		if err != nil {
			return err
		}
		key, ok := tok.(string)
		if !ok { // the token that ends the object
			break
		}
		if seen[key] {
			return fmt.Errorf("%s has the key %q twice", what, key)
		}
		seen[key] = true
		if known != nil && !slices.Contains(known, key) {
			return fmt.Errorf("%s has the unknown key %q", what, key)
		}
		if err := member(key); err != nil {
			return err
		}
	}
	for _, key := range known {
		if !seen[key] {
			return fmt.Errorf("%s lacks the key %q", what, key)
		}
	}
	return nil
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

// token is Token without the source's text in its errors: that may hold a secret.
func (p parser) token() (json.Token, error) {
	tok, err := p.Token()
	if err != nil {
		return nil, fmt.Errorf("it is not JSON, after byte %d", p.InputOffset())
	}
	return tok, nil
}
