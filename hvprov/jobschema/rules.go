// SPDX-License-Identifier: MPL-2.0

package jobschema

// ruleKind is what the package knows of a kind of rule: the roles, with the type of the field that fills each, and the
// check, which is given the values by role.
type ruleKind struct {
	roles []role
	check func(c *level, r *Rule, values map[string]any)
}

// role is what a field can be in a rule. Its field may be left out where it is optional, and is one of the set but where it
// may be anywhere in the schema.
type role struct {
	name     string
	types    []Type
	optional bool
	anywhere bool
}

var ruleKinds = map[RuleKind]ruleKind{
	RuleIPv4Subnet: {
		roles: []role{
			{name: "address", types: []Type{TypeIPv4}},
			{name: "prefix", types: []Type{TypeInteger}},
			{name: "gateway", types: []Type{TypeIPv4}},
		},
		check: ipv4Subnet,
	},
	RuleAscending: {
		roles: []role{
			{name: "low", types: []Type{TypeInteger, TypeNumber}, anywhere: true},
			{name: "middle", types: []Type{TypeInteger, TypeNumber}, anywhere: true, optional: true},
			{name: "high", types: []Type{TypeInteger, TypeNumber}, anywhere: true},
		},
		check: ascending,
	},
}

// rule looks at a rule if all of its fields have a value.
func (c *level) rule(r *Rule) {
	values := map[string]any{}
	for name, id := range r.Fields {
		v, ok := c.values[id]
		if !ok {
			return
		}
		values[name] = v
	}
	if kind, ok := ruleKinds[r.Kind]; ok {
		kind.check(c, r, values)
	}
}
