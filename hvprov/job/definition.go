// SPDX-License-Identifier: MPL-2.0

package job

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
)

// ErrInvalidDefinition is wrapped by every error about a definition that cannot be written or read.
var ErrInvalidDefinition = errors.New("invalid job definition")

// Operation is what a job is to do.
type Operation string

// The operations of a [Definition].
const (
	OperationProvision Operation = "provision"
	OperationUpdate    Operation = "update"
	OperationDelete    Operation = "delete"
)

// Valid tells whether o is one of the operations.
func (o Operation) Valid() bool {
	return o == OperationProvision || o == OperationUpdate || o == OperationDelete
}

// SchemaRef names the schema, and its version, that a [Definition] was made for.
type SchemaRef struct {
	ID      string `json:"id"`
	Version int    `json:"version"`
}

// String gives the reference as people write it, for example "vm-provisioning version 1".
func (r SchemaRef) String() string { return fmt.Sprintf("%s version %d", r.ID, r.Version) }

// Definition is what a job is asked to do. It names neither host nor job, so that the same one can be submitted anywhere.
//
// A Definition holds secrets in clear text; its formatted forms (fmt, log/slog) tell the ids of its fields only.
type Definition struct {
	Schema    SchemaRef
	Operation Operation
	Fields    Fields
}

// Encode gives the definition as compact UTF-8 JSON: schema, operation, and the fields in their order, as are those of
// the objects in them. Non-ASCII text and the characters <, > and & stand for themselves. The same definition always
// gives the same bytes.
//
// Encode fails, with an error that wraps [ErrInvalidDefinition], on a definition that [ParseDefinition] would refuse.
func (d Definition) Encode() ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	schemaID, err := encodeScalar(d.Schema.ID)
	if err != nil {
		return nil, fmt.Errorf("%w: schema id: %w", ErrInvalidDefinition, err)
	}
	fields, err := d.Fields.Encode()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"schema":{"id":%s,"version":%d},"operation":"%s","fields":%s}`,
		schemaID, d.Schema.Version, d.Operation, fields)
	return b.Bytes(), nil
}

// MarshalJSON implements [json.Marshaler] with what [Definition.Encode] gives. Note that [json.Marshal] escapes <, > and
// & in what it is given here; an encoder with SetEscapeHTML(false) does not.
func (d Definition) MarshalJSON() ([]byte, error) { return d.Encode() }

// UnmarshalJSON implements [json.Unmarshaler] as [ParseDefinition] reads.
func (d *Definition) UnmarshalJSON(data []byte) error {
	parsed, err := ParseDefinition(data)
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// String tells schema, operation and the ids of the fields, never a value.
func (d Definition) String() string {
	return fmt.Sprintf("%s for %s with %s", d.Operation, d.Schema, d.Fields)
}

// GoString is [Definition.String], so that no verb of fmt shows a value.
func (d Definition) GoString() string { return d.String() }

// LogValue implements [slog.LogValuer] with [Definition.String]. Without it a handler would log the JSON, values and all.
func (d Definition) LogValue() slog.Value { return slog.StringValue(d.String()) }

// check holds the parts besides the fields to what ParseDefinition takes.
func (d Definition) check() error {
	switch {
	case d.Schema.ID == "":
		return fmt.Errorf("%w: the schema has no id", ErrInvalidDefinition)
	case d.Schema.Version < 1:
		return fmt.Errorf("%w: schema version %d is not 1 or more", ErrInvalidDefinition, d.Schema.Version)
	case !d.Operation.Valid():
		return fmt.Errorf("%w: unknown operation %q: use %s, %s or %s", ErrInvalidDefinition, d.Operation,
			OperationProvision, OperationUpdate, OperationDelete)
	}
	return nil
}
