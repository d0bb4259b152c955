// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"regexp"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Schema is a set of fields and the rules between them. It comes from [Load], is not to be changed after that, and is
// safe for concurrent use.
type Schema struct {
	ID            string // for example "vm-provisioning"
	Version       int    // 1 or more
	Name          string // for people
	Description   string
	Fields        []Field // in the order in which people are asked for them
	ParameterSets []ParameterSet
	Migrations    []Migration // by the version that each is from, ascending

	file  string         // where it was read, for messages
	index map[string]int // Fields by id
}

// Field is one value that a job takes. An item of a list is a Field without an id.
type Field struct {
	ID          string
	Label       string // a few words, for forms and messages
	Description string // sentences
	Hint        string // an example of a value; empty when there is none
	Deprecated  string // what to use instead; empty for a field that is not deprecated
	Type        Type
	Required    bool // a required field has no default
	Default     any  // a string, bool, int64 or float64; nil when there is none
	Validations Validations
	Items       *Field  // what a list is of; nil for other types
	Fields      []Field // what an object is of; nil for other types

	// Applicability maps ids of other fields of the same object, or of the schema, to the values of theirs for which this
	// field has a meaning. The field may be given only if every one that has a value has one of these. Nil: it always may.
	Applicability map[string][]string

	// Infer tells the value where none is given. Nil: nothing does.
	Infer *Inference

	Change   Change // how a new value reaches a virtual machine that exists; never empty at the root of a schema
	Observed string // the property of a virtual machine that shows this field's value on the host; empty when none does

	// StandsFor is the field of another schema, the one that agents know, whose place this one takes; see [Translate].
	StandsFor string

	sets  []string       // sentences about the parameter sets that the field is in, for Docs
	index map[string]int // Fields by id
	line  int            // where it was read
}

// Secret tells whether the field's values must never be shown.
func (f *Field) Secret() bool { return f.Type == TypeSecret }

// HoldsSecret tells whether the field is secret, or has a part that is.
func (f *Field) HoldsSecret() bool {
	switch {
	case f.Items != nil:
		return f.Items.HoldsSecret()
	case f.Secret():
		return true
	}
	for i := range f.Fields {
		if f.Fields[i].HoldsSecret() {
			return true
		}
	}
	return false
}

// parts gives what has the fields of an object or of a list's objects.
func (f *Field) parts() *Field {
	if f.Items != nil {
		return f.Items
	}
	return f
}

// Type is what kind of value a field takes. Validation gives a string for every type, but for those that say otherwise.
type Type string

// The types.
const (
	TypeString    Type = "string"    // one line of text, without white space around it
	TypeSecret    Type = "secret"    // text that is never shown, taken exactly as given
	TypeMultiline Type = "multiline" // text of any number of lines, taken exactly as given
	TypeInteger   Type = "integer"   // int64
	TypeNumber    Type = "number"    // float64
	TypeBoolean   Type = "boolean"   // bool
	TypeIPv4      Type = "ipv4"      // four decimal numbers with dots
	TypeHostname  Type = "hostname"  // a DNS name as RFC 1123 has it
	TypeEnum      Type = "enum"      // one of Validations.OneOf
	TypeList      Type = "list"      // []any, of what Field.Items says
	TypeObject    Type = "object"    // job.Fields, of what Field.Fields says
)

// Change is how a new value of a field reaches a virtual machine that exists.
type Change string

// The ways of change. A field whose schema names none has ChangeReplace.
const (
	ChangeInPlace    Change = "in_place"    // while it runs
	ChangePowerCycle Change = "power_cycle" // while it is off
	ChangeReplace    Change = "replace"     // only by making another in its stead
)

// Validations are a field's rules beyond its type. A nil or empty one is no rule.
type Validations struct {
	MinLength, MaxLength *int     // in characters (code points)
	Minimum, Maximum     *float64 // inclusive
	Pattern              string   // a regular expression (RE2) that the whole value must match
	PatternDescription   string   // what Pattern asks for, to follow "use"
	OneOf                []string // the values of an enum
	MinItems, MaxItems   *int     // of a list
	UniqueBy             string   // the field whose value tells the objects of a list apart, whatever the letter case

	pattern *regexp.Regexp
}

// Inference tells a field's value from that of another: the first rule that fits does.
type Inference struct {
	From  string // id of a field of type string or enum
	Rules []InferenceRule
}

// InferenceRule gives Value where Pattern, a regular expression (RE2), matches anywhere in the other field's value.
type InferenceRule struct {
	Pattern string
	Value   string

	pattern *regexp.Regexp
}

// Value gives what follows from the other field's value, and whether anything does.
func (i *Inference) Value(from string) (value string, ok bool) {
	for _, r := range i.Rules {
		if r.pattern.MatchString(from) {
			return r.Value, true
		}
	}
	return "", false
}

// ParameterSet is a rule about fields that only make sense together. It has either Members or Variants.
type ParameterSet struct {
	ID          string
	Label       string
	Description string
	Members     []string  // with Mode
	Mode        Mode      // empty when there are Variants
	Variants    []Variant // one of them must fit as soon as any of their fields is given
	Rules       []Rule    // between the values of the set's fields
}

// Mode says what holds between the Members of a [ParameterSet].
type Mode string

// ModeAllOrNone asks for every member as soon as one is given.
const ModeAllOrNone Mode = "all-or-none"

// Variant is one way to fill a [ParameterSet]: with every required field, and any of the optional ones.
type Variant struct {
	ID       string
	Label    string
	Required []string
	Optional []string
}

// Rule is a rule between the values of some fields of a [ParameterSet]. It is looked at when all of them are given.
type Rule struct {
	Kind   RuleKind
	Fields map[string]string // role, as the kind names it, to field id
}

// RuleKind names a kind of [Rule].
type RuleKind string

// RuleIPv4Subnet is about the roles address, prefix and gateway: address and gateway are two different addresses of the
// subnet that address and prefix make, and neither is its network or broadcast address.
const RuleIPv4Subnet RuleKind = "ipv4_subnet"

// RuleAscending is about the roles low, middle and high, whose values are numbers: none is less than the one before. There may
// be no middle. The fields need not be of the set.
const RuleAscending RuleKind = "ascending"

// Field finds a field by its id.
func (s *Schema) Field(id string) (*Field, bool) {
	i, ok := s.index[id]
	if !ok {
		return nil, false
	}
	return &s.Fields[i], true
}

// SecretIDs gives the ids of the fields that are secret or have a secret part, in the schema's order.
func (s *Schema) SecretIDs() []string {
	var ids []string
	for i := range s.Fields {
		if s.Fields[i].HoldsSecret() {
			ids = append(ids, s.Fields[i].ID)
		}
	}
	return ids
}

// SecretValues gives the secrets within fields that [Schema.Validate] gave, so that they can be taken out of text.
func (s *Schema) SecretValues(fields job.Fields) []string {
	var values []string
	for _, field := range fields {
		if f, ok := s.Field(field.ID); ok {
			values = f.appendSecrets(values, field.Value)
		}
	}
	return values
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

// fieldIDs gives every field that the set is about, each once, in the order of the schema file.
func (p *ParameterSet) fieldIDs() []string {
	var ids []string
	seen := map[string]bool{}
	add := func(list []string) {
		for _, id := range list {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	add(p.Members)
	for _, v := range p.Variants {
		add(v.Required)
		add(v.Optional)
	}
	return ids
}

// Ways gives the variants of the set; members that go together are the only one there is.
func (p *ParameterSet) Ways() []Variant {
	if len(p.Variants) > 0 {
		return p.Variants
	}
	return []Variant{{ID: p.ID, Label: p.Label, Required: p.Members}}
}
