// SPDX-License-Identifier: MPL-2.0

package jobschema

import "github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"

// Unknown is a value that is not known yet; see [Schema.ValidatePartial].
var Unknown any = unknown{}

type unknown struct{}

// String implements [fmt.Stringer].
func (unknown) String() string { return "an unknown value" }

// Validate validates values by field id and returns the fields of a job definition: in the order of the schema, with their types,
// with inferred and default values for fields that are not set, and without fields that have no value. [Field.Check] lists the Go
// types of values.
//
// The error is a [*ValidationError] with every fault in the order of the schema, ids that the schema does not have first. A fault
// that only follows from another is not reported: a parameter set is not checked if one of its fields is wrong.
func (s *Schema) Validate(values map[string]any) (job.Fields, error) {
	v := s.validate(values, validation{})
	if faults := v.sorted(); len(faults) > 0 {
		return nil, &ValidationError{Faults: faults}
	}
	return v.ordered(), nil
}

// ValidatePartial returns the faults of values some of which, or parts of which, are [Unknown]. An unknown value counts neither as
// set nor as missing: there is a fault only if every possible value would be invalid. Use it where [Schema.Validate] follows later.
func (s *Schema) ValidatePartial(values map[string]any) []Fault {
	return s.validate(values, validation{partial: true}).sorted()
}

func (s *Schema) validate(values map[string]any, c validation) *objectValidator {
	v := c.object(nil, c.aliases, s.Fields, s.index, values)
	for i := range s.ParameterSets {
		v.parameterSet(&s.ParameterSets[i])
	}
	return v
}

// validation holds the options of a validation.
type validation struct {
	partial bool    // values may be Unknown
	aliases aliases // of the fields of the schema
}

// value validates the value of a field and returns it with its type; nil if there is none.
func (c *validation) value(t target, v any) (any, []Fault) {
	switch {
	case v == Unknown && c.partial:
		return v, nil
	case v == Unknown:
		return nil, []Fault{*t.fault(ruleNotKnown, nil, "is unknown", "set it to a known value")}
	case t.missing(v) && t.isItem:
		return nil, []Fault{*t.fault(ruleRequired, nil, "is empty", "set it, or remove the item")}
	case t.missing(v) && t.Required:
		return nil, []Fault{*t.fault(ruleRequired, nil, "is required", t.setIt())}
	case t.missing(v):
		return nil, nil
	case t.Type == TypeList:
		return c.list(t, v)
	case t.Type == TypeObject:
		return c.objectValue(t, v)
	}
	rule, ok := types[t.Type]
	if !ok {
		return nil, []Fault{*t.fault(ruleType, nil, "has the unknown type "+quote(string(t.Type)), "correct the schema")}
	}
	typed, fault := rule.convert(t, v)
	if fault != nil {
		return nil, []Fault{*fault}
	}
	return typed, nil
}

// Check validates one value and returns it in the form of a job definition, or its first fault. It accepts a string, a bool, an
// int, int32, int64, float32 or float64, and a [encoding/json.Number]; numbers and booleans may also be exact text, such as "8"
// and "true". A list is a []any, a []string or a []map[string]any; an object is a map[string]any or a [job.Fields].
//
// Nil is no value, and so is an empty string for a field without a default, and 0 where the field says so: the result is nil, with a Fault only if the field is
// required. For a required field, a string of white space is no value either.
func (f *Field) Check(v any) (any, *Fault) {
	c := validation{}
	value, faults := c.value(target{Field: f}, v)
	if len(faults) > 0 {
		return nil, &faults[0]
	}
	return value, nil
}

// missing reports whether v is no value. A field with a default has it for nil only: if an empty string had the same effect, the
// value that a client stores would differ from the value of the job.
func (f *Field) missing(v any) bool {
	if v == nil || f.Validations.ZeroIsNone && isZero(v) {
		return true
	}
	s, ok := v.(string)
	if !ok || f.Default != nil {
		return false
	}
	return s == "" || (f.Required || f.isItem) && blank(s)
}
