// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"maps"
	"slices"
	"sort"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// Validate holds values, by field id, to the schema, and gives the fields of a job definition: in the schema's order,
// with their types, with defaults for what is not given, and without those that have no value. [Field.Check] tells which
// Go types a value may have.
//
// The error is a [*ValidationError] with every fault in the schema's order, unknown fields first. What follows from a
// fault that is told already is no fault of its own: a parameter set is not looked at when one of its fields is wrong.
func (s *Schema) Validate(values map[string]any) (job.Fields, error) {
	c := s.check(values, nil)
	if len(c.faults) > 0 {
		return nil, &ValidationError{Faults: c.faults}
	}
	fields := make(job.Fields, 0, len(c.values))
	for i := range s.Fields {
		if v, ok := c.values[s.Fields[i].ID]; ok {
			fields = append(fields, job.Field{ID: s.Fields[i].ID, Value: v})
		}
	}
	return fields, nil
}

// ValidatePartial is [Schema.Validate] at a time when the values of some fields are not known yet. Such a field, be it in
// values or not, counts neither as given nor as missing: there is no fault but those that no value of it could mend.
func (s *Schema) ValidatePartial(values map[string]any, unknown map[string]bool) []Fault {
	return s.check(values, unknown).faults
}

// checking is the state of one validation.
type checking struct {
	schema  *Schema
	unknown map[string]bool
	values  map[string]any  // typed, defaults included
	failed  map[string]bool // fields that have a fault
	faults  []Fault
}

func (s *Schema) check(values map[string]any, unknown map[string]bool) *checking {
	c := &checking{
		schema: s, unknown: unknown,
		values: make(map[string]any, len(s.Fields)), failed: map[string]bool{},
	}
	c.unknownFields(values)
	for i := range s.Fields {
		f := &s.Fields[i]
		if unknown[f.ID] {
			continue
		}
		v, fault := f.Check(values[f.ID])
		switch {
		case fault != nil:
			c.add(*fault)
		case v != nil:
			c.values[f.ID] = v
		case f.Default != nil:
			c.values[f.ID] = f.Default
		}
	}
	c.applicability(values)
	for i := range s.ParameterSets {
		c.parameterSet(&s.ParameterSets[i])
	}
	// Stable, so that the faults of one field keep the order in which they were found.
	sort.SliceStable(c.faults, func(i, j int) bool { return s.position(c.faults[i]) < s.position(c.faults[j]) })
	return c
}

func (s *Schema) position(f Fault) int {
	if i, ok := s.index[f.Field]; ok {
		return i
	}
	return -1
}

// add keeps a fault. A field's first fault is the one to mend, and the only one told.
func (c *checking) add(f Fault) {
	if f.Field != "" {
		if c.failed[f.Field] {
			return
		}
		c.failed[f.Field] = true
	}
	c.faults = append(c.faults, f)
}

func (c *checking) unknownFields(values map[string]any) {
	var known []string // made only where there is a fault
	for _, id := range slices.Sorted(maps.Keys(values)) {
		if _, ok := c.schema.index[id]; ok {
			continue
		}
		if known == nil {
			for i := range c.schema.Fields {
				known = append(known, c.schema.Fields[i].ID)
			}
		}
		remedy := "remove it"
		if near := nearest(id, known); near != "" {
			remedy = "remove it, or write " + near
		}
		// The value is not told: it may be a secret under a misspelt name.
		c.add(Fault{Rule: FaultUnknownField, Message: "there is no field " + quote(id), Remedy: remedy})
	}
}

// applicability refuses fields that have no meaning beside the others, drops the defaults of such fields, and the fault
// that one of them is missing.
func (c *checking) applicability(values map[string]any) {
	for i := range c.schema.Fields {
		f := &c.schema.Fields[i]
		other, wanted := c.inapplicable(f)
		if other == "" || c.unknown[f.ID] {
			continue
		}
		if f.missing(values[f.ID]) {
			delete(c.values, f.ID)
			if c.failed[f.ID] {
				delete(c.failed, f.ID)
				c.faults = slices.DeleteFunc(c.faults, func(fault Fault) bool { return fault.Field == f.ID })
			}
			continue
		}
		actual := c.schema.Fields[c.schema.index[other]].show(c.values[other])
		c.add(*f.fault(FaultApplicability, values[f.ID], f.ID+" has no meaning where "+other+" is "+actual,
			"remove it, or set "+other+" to "+quotedList(wanted)))
	}
}

// inapplicable names the field whose value leaves f without meaning, and the values that would not; empty when f may
// be given, or when that is not known.
func (c *checking) inapplicable(f *Field) (other string, wanted []string) {
	for _, id := range slices.Sorted(maps.Keys(f.Applicability)) {
		v, known := c.values[id]
		if known && !slices.Contains(f.Applicability[id], applicabilityText(v)) {
			return id, f.Applicability[id]
		}
	}
	return "", nil
}

// applicabilityText is a value as Applicability writes it.
func applicabilityText(v any) string {
	switch v {
	case true:
		return "true"
	case false:
		return "false"
	}
	s, _ := v.(string)
	return s
}
