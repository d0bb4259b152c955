// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Schema is a set of fields and the rules between them. Use [Load] to create one. It must not be changed and is safe for
// concurrent use.
type Schema struct {
	ID            string         `json:"id"`      // for example "vm-provisioning"
	Version       int            `json:"version"` // 1 or more
	Name          string         `json:"name,omitempty"`
	Description   string         `json:"description,omitempty"`
	Fields        []Field        `json:"fields"` // in the order in which a form shows them
	ParameterSets []ParameterSet `json:"parameter_sets,omitempty"`

	migrations []migration    // by version, ascending
	file       string         // for error messages
	index      map[string]int // Fields by id
}

// Field is a value that a job takes. The item of a list is a Field without an id.
type Field struct {
	ID          string      `json:"id,omitempty"`
	Label       string      `json:"label,omitempty"` // a few words, for forms and messages
	Description string      `json:"description,omitempty"`
	Hint        string      `json:"hint,omitempty"`       // an example of a value
	Deprecated  string      `json:"deprecated,omitempty"` // what to use instead; empty if the field is not deprecated
	Type        Type        `json:"type"`
	Required    bool        `json:"required,omitempty"` // a required field has no default
	Default     any         `json:"default,omitempty"`  // a string, bool, int64 or float64; nil if there is none
	Validations Validations `json:"validations,omitzero"`
	IgnoreCase  bool        `json:"ignore_case,omitempty"` // letter case is not significant, as in names on Windows

	// Cases are further rules, by the values of other fields. The first case whose When matches applies.
	Cases []Case `json:"cases,omitempty"`

	// Applicability maps the id of another field of the same object, or of the schema, to the values for which this field applies.
	// The field must not be set if one of these fields has another value; with no values, if it has any. Nil: the field always applies.
	Applicability map[string][]string `json:"applicability,omitempty"`

	// Infer is how the value follows from another field when it is not set. Nil: it does not.
	Infer *Inference `json:"infer,omitempty"`

	Change   Change `json:"change,omitempty"`   // how a new value is applied to an existing virtual machine; set for each field of a schema
	Observed string `json:"observed,omitempty"` // JSON name of the property of job.VM that shows the value; empty if none does

	// Guest is the role of the field in the guest, such as "hostname": what the value means to its operating system. The field is the
	// counterpart of the one with this role in the schema that agents know; see [Translate].
	Guest string `json:"guest,omitempty"`

	// StandsFor is the id of the counterpart of this field in the schema that agents know; see [Translate].
	StandsFor string `json:"stands_for,omitempty"`

	Items  *Field  `json:"items,omitempty"`  // the items of a list
	Fields []Field `json:"fields,omitempty"` // the fields of an object

	ParameterSets []ParameterSet `json:"parameter_sets,omitempty"` // of the fields of an object

	isItem bool           // of a list: an item always needs a value
	sets   []string       // sentences about the parameter sets of the field, for Docs
	index  map[string]int // Fields by id
	line   int            // in the schema file
}

// Type is the type of a field. Its validated value is a string unless stated otherwise.
type Type string

// The types.
const (
	TypeString    Type = "string"    // a line of text without leading and trailing white space
	TypeSecret    Type = "secret"    // text that is never shown
	TypeMultiline Type = "multiline" // text of any number of lines
	TypeInteger   Type = "integer"   // int64
	TypeNumber    Type = "number"    // float64
	TypeBoolean   Type = "boolean"   // bool
	TypeIPv4      Type = "ipv4"      // four decimal numbers with dots
	TypeIPv6      Type = "ipv6"      // an IPv6 address; validated, it has the form of RFC 5952
	TypeIP        Type = "ip"        // an IPv4 or IPv6 address, in the same forms
	TypeMAC       Type = "mac"       // a MAC address; validated, its pairs are joined by hyphens
	TypeHostname  Type = "hostname"  // a DNS name as defined in RFC 1123 2.1
	TypeEnum      Type = "enum"      // one of Validations.OneOf
	TypeList      Type = "list"      // []any with items of Field.Items
	TypeObject    Type = "object"    // job.Fields of Field.Fields
)

// Change is how a new value of a field is applied to an existing virtual machine.
type Change string

// The kinds of change. The default is ChangeReplace.
const (
	ChangeInPlace    Change = "in_place"    // while it runs
	ChangePowerCycle Change = "power_cycle" // while it is off
	ChangeReplace    Change = "replace"     // a new virtual machine replaces it
)

// Validations are the rules for a field's value beyond its type. A zero value is no rule.
type Validations struct {
	MinLength          *int     `json:"min_length,omitempty"` // in characters (code points)
	MaxLength          *int     `json:"max_length,omitempty"`
	Minimum            *float64 `json:"minimum,omitempty"` // inclusive
	Maximum            *float64 `json:"maximum,omitempty"`
	MultipleOf         *float64 `json:"multiple_of,omitempty"`         // of a number: above 0
	ZeroIsNone         bool     `json:"zero_is_none,omitempty"`        // of a number: 0 is no value, regardless of Minimum
	Pattern            string   `json:"pattern,omitempty"`             // a regular expression (RE2) that matches the whole value
	PatternDescription string   `json:"pattern_description,omitempty"` // of Pattern, to follow "use"
	FileName           bool     `json:"file_name,omitempty"`           // of a line of text: the name of a file of a new virtual machine
	OneOf              []string `json:"one_of,omitempty"`              // the values of an enum
	MinItems           *int     `json:"min_items,omitempty"`           // of a list
	MaxItems           *int     `json:"max_items,omitempty"`
	Unique             bool     `json:"unique,omitempty"`    // the items of a list of single values differ
	UniqueBy           string   `json:"unique_by,omitempty"` // id of the field that differs, regardless of letter case, between the objects of a list

	pattern *regexp.Regexp
}

// Case is rules for a field that apply in addition to its Validations where other fields have certain values.
type Case struct {
	When        map[string][]string `json:"when"`           // values by id of the field, as in Applicability
	Hint        string              `json:"hint,omitempty"` // an example of a value
	Validations Validations         `json:"validations"`
}

// Inference is how the value of a field follows from that of another: the first rule that matches sets it.
type Inference struct {
	From  string          `json:"from"` // id of a field of type string or enum
	Rules []InferenceRule `json:"rules"`
}

// InferenceRule sets Value if Pattern, a regular expression (RE2), matches anywhere in the value of the other field.
type InferenceRule struct {
	Pattern string `json:"pattern"`
	Value   string `json:"value"`

	pattern *regexp.Regexp
}

// Value returns the value that follows from that of the other field, and whether a rule matches.
func (i *Inference) Value(from string) (value string, ok bool) {
	for _, r := range i.Rules {
		if r.pattern.MatchString(from) {
			return r.Value, true
		}
	}
	return "", false
}

// ParameterSet is a rule about fields that are set together. It has either Members or Variants.
type ParameterSet struct {
	ID          string              `json:"id"`
	Label       string              `json:"label,omitempty"`
	Description string              `json:"description,omitempty"`
	Members     []string            `json:"members,omitempty"`  // all of these fields must be set, or none
	Mode        string              `json:"mode,omitempty"`     // "all-or-none" if there are Members
	Variants    []Variant           `json:"variants,omitempty"` // if one of their fields is set, one variant must match
	Rules       []map[string]string `json:"rules,omitempty"`    // between values of fields: the kind of rule, and field ids by role
}

// Variant is a combination of fields of a [ParameterSet]: all required fields, and any of the optional ones.
type Variant struct {
	ID       string   `json:"id"`
	Label    string   `json:"label,omitempty"`
	Required []string `json:"required"`
	Optional []string `json:"optional,omitempty"`
}

// AllVariants returns the variants of the set. Members are a single variant.
func (p *ParameterSet) AllVariants() []Variant {
	if len(p.Variants) > 0 {
		return p.Variants
	}
	return []Variant{{ID: p.ID, Label: p.Label, Required: p.Members}}
}

// fieldIDs returns the ids of all fields of the set in the order of the schema file.
func (p *ParameterSet) fieldIDs() []string {
	ids := make([]string, 0, 16) // grows rarely: every validation calls this
	for _, v := range p.AllVariants() {
		for _, list := range [...][]string{v.Required, v.Optional} {
			for _, id := range list {
				if !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
	}
	return ids
}

// Secret reports whether the value must never be shown.
func (f *Field) Secret() bool { return f.Type == TypeSecret }

// HoldsSecret reports whether the field or a field within it is secret.
func (f *Field) HoldsSecret() bool {
	if f.Items != nil {
		return f.Items.HoldsSecret()
	}
	return f.Secret() || slices.ContainsFunc(f.Fields, func(child Field) bool { return child.HoldsSecret() })
}

// owner returns the Field with the child fields of an object, or of the objects of a list.
func (f *Field) owner() *Field {
	if f.Items != nil {
		return f.Items
	}
	return f
}

// Field returns the field with an id, and whether it exists.
func (s *Schema) Field(id string) (*Field, bool) {
	i, ok := s.index[id]
	if !ok {
		return nil, false
	}
	return &s.Fields[i], true
}

// ForExisting returns the schema for values of a virtual machine that exists: no field is required, because what has no value stays as it
// is, and its names are those of no new file.
func (s *Schema) ForExisting() *Schema {
	c := *s
	c.Fields = slices.Clone(s.Fields)
	for i := range c.Fields {
		c.Fields[i].Required = false
		c.Fields[i].Validations.FileName = false
	}
	return &c
}

// SecretIDs returns the ids of the fields for which [Field.HoldsSecret] is true, in the order of the schema.
func (s *Schema) SecretIDs() []string {
	var ids []string
	for i := range s.Fields {
		if s.Fields[i].HoldsSecret() {
			ids = append(ids, s.Fields[i].ID)
		}
	}
	return ids
}

// SecretValues returns the secrets in validated fields, for redaction.
func (s *Schema) SecretValues(fields job.Fields) []string {
	root := Field{Fields: s.Fields, index: s.index}
	return root.appendSecrets(nil, fields)
}

func (f *Field) appendSecrets(values []string, v any) []string {
	switch v := v.(type) {
	case string:
		if f.Secret() {
			values = append(values, v)
		}
	case []any:
		for _, item := range v {
			values = f.Items.appendSecrets(values, item)
		}
	case job.Fields:
		for _, field := range v {
			if i, ok := f.index[field.ID]; ok {
				values = f.Fields[i].appendSecrets(values, field.Value)
			}
		}
	}
	return values
}

// Ref returns the id and version of the schema.
func (s *Schema) Ref() job.SchemaRef { return job.SchemaRef{ID: s.ID, Version: s.Version} }

// CheckVersion returns a [*VersionMismatchError] unless id and version are those of the schema.
func (s *Schema) CheckVersion(id string, version int) error {
	given := job.SchemaRef{ID: id, Version: version}
	if given == s.Ref() {
		return nil
	}
	return &VersionMismatchError{Expected: s.Ref(), Given: given}
}

// VersionMismatchError reports that a submission was made for another schema, or another version.
type VersionMismatchError struct {
	Expected job.SchemaRef
	Given    job.SchemaRef
}

// Error implements error.
func (e *VersionMismatchError) Error() string {
	return fmt.Sprintf("schema version mismatch: the submission is for %s, but %s is in use", e.Given, e.Expected)
}

// MarshalJSON returns the schema in the form of a schema file, which [Load] reads.
func (s *Schema) MarshalJSON() ([]byte, error) {
	type plain Schema // without methods
	return encode(struct {
		*plain
		Migrations []migration `json:"migrations,omitempty"`
	}{(*plain)(s), s.migrations})
}

// encode returns v as JSON that is valid YAML as well: characters that YAML does not allow, which JSON has in text only, are
// escaped.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	var out []byte
	for _, r := range string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))) {
		if r >= 0x7f && r <= 0x9f || r == 0xfeff || r == 0xfffe || r == 0xffff {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return out, nil
}
