// SPDX-License-Identifier: MPL-2.0

package job

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
)

// Definition is what a job is asked to do. It names neither a host nor a job, so that it can be submitted to any host.
//
// A Definition holds secrets in clear text. Formatted with fmt or log/slog it shows the ids of its fields, not their values.
type Definition struct {
	Schema    SchemaRef
	Operation Operation
	Fields    Fields
}

// MarshalJSON returns the definition as compact UTF-8 JSON: schema, operation, and the fields in their order. Non-ASCII text and
// the characters <, > and & are not escaped, and equal definitions have equal bytes. Note that [encoding/json.Marshal] escapes
// <, > and & in the result; an encoder with SetEscapeHTML(false) does not.
//
// It fails for a definition that [ParseDefinition] would refuse. Its errors contain no value.
func (d Definition) MarshalJSON() ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, invalid(err)
	}
	schemaID, err := encodeScalar(d.Schema.ID)
	if err != nil {
		return nil, invalid(fmt.Errorf("schema id: %w", err))
	}
	fields, err := d.Fields.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"schema":{"id":%s,"version":%d},"operation":"%s","fields":%s}`,
		schemaID, d.Schema.Version, d.Operation, fields)
	return b.Bytes(), nil
}

// LogValue implements [slog.LogValuer]. Without it, a handler that encodes JSON would log the values of the fields.
func (d Definition) LogValue() slog.Value {
	return slog.StringValue(fmt.Sprintf("%s for %s with %s", d.Operation, d.Schema, d.Fields))
}

// check validates all but the fields.
func (d Definition) check() error {
	switch {
	case d.Schema.ID == "":
		return errors.New("the schema has no id")
	case d.Schema.Version < 1:
		return fmt.Errorf("schema version %d is less than 1", d.Schema.Version)
	case !d.Operation.Valid():
		return fmt.Errorf("unknown operation %q: use one of %v", d.Operation, Operations())
	}
	return nil
}

func invalid(err error) error { return fmt.Errorf("invalid job definition: %w", err) }
