// SPDX-License-Identifier: MPL-2.0

package jobschema

import "github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"

// Unknown stands, among the values that [Schema.ValidatePartial] is given, for one that comes later.
var Unknown any = unknown{}

type unknown struct{}

// String names what it is.
func (unknown) String() string { return "a value that is not known yet" }

// Validate holds values, by field id, to the schema, and gives the fields of a job definition: in the schema's order,
// with their types, with what is inferred and with defaults for what is not given, and without those that have no value.
// [Field.Check] tells which Go types a value may have.
//
// The error is a [*ValidationError] with every fault in the schema's order, unknown fields first. What follows from a
// fault that is told already is no fault of its own: a parameter set is not looked at when one of its fields is wrong.
func (s *Schema) Validate(values map[string]any) (job.Fields, error) {
	l := s.check(values, checking{})
	if faults := l.sorted(); len(faults) > 0 {
		return nil, &ValidationError{Faults: faults}
	}
	return l.ordered(), nil
}

// ValidatePartial is [Schema.Validate] at a time when some values, or parts of them, are [Unknown], as they are when
// Terraform plans. Such a value counts neither as given nor as missing: there is no fault but those that no value of it
// could mend.
func (s *Schema) ValidatePartial(values map[string]any) []Fault {
	return s.check(values, checking{partial: true}).sorted()
}

// Partial gives those of the values that keep their field's rules as fields of a definition, for a dry run. Values that
// are [Unknown], or hold one, are left out, and so is what only follows from the schema.
func (s *Schema) Partial(values map[string]any) job.Fields {
	fields := make(job.Fields, 0, len(values))
	for i := range s.Fields {
		f := &s.Fields[i]
		if v, fault := f.Check(values[f.ID]); fault == nil && v != nil {
			fields = append(fields, job.Field{ID: f.ID, Value: v})
		}
	}
	return fields
}

func (s *Schema) check(values map[string]any, c checking) *level {
	l := c.level(nil, c.words, s.Fields, s.index, values)
	for i := range s.ParameterSets {
		l.parameterSet(&s.ParameterSets[i])
	}
	return l
}

// checking is one validation.
type checking struct {
	partial bool  // a value may be Unknown
	words   words // of the schema's fields
}

// value holds one value to its field, and gives it typed; nil when there is none.
func (c *checking) value(t target, v any) (any, []Fault) {
	switch {
	case v == Unknown && c.partial:
		return v, nil
	case v == Unknown:
		return nil, []Fault{*t.fault(FaultNotKnown, nil, t.name()+" is not known yet", "give its value")}
	case t.missing(v) && t.Required && t.ID == "":
		return nil, []Fault{*t.fault(FaultRequired, nil, t.name()+" has no value", "give one, or leave the item out")}
	case t.missing(v) && t.Required:
		return nil, []Fault{*t.fault(FaultRequired, nil, t.name()+" is required", t.setIt())}
	case t.missing(v):
		return nil, nil
	case t.Type == TypeList:
		return c.list(t, v)
	case t.Type == TypeObject:
		return c.object(t, v)
	}
	rule, ok := types[t.Type]
	if !ok {
		return nil, []Fault{*t.fault(FaultType, nil, t.name()+" has the unknown type "+quote(string(t.Type)), "correct the schema")}
	}
	typed, fault := rule.normalise(t, v)
	if fault != nil {
		return nil, []Fault{*fault}
	}
	return typed, nil
}
