// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"fmt"
	"math/big"
)

// ascending is the check of [RuleAscending]. Each pair of neighbours that is out of order is told once, at the end of the row
// that it has: the field in the middle often has a default, and the others were given on purpose.
func ascending(c *level, r *Rule, values map[string]any) {
	below := "high"
	if _, ok := r.Fields["middle"]; ok {
		below = "middle"
		c.inOrder(r, values, "middle", "high", "high")
	}
	c.inOrder(r, values, "low", below, "low")
}

// inOrder tells of the two roles of a rule whose values are out of order, at the field of one of them.
func (c *level) inOrder(r *Rule, values map[string]any, low, high, blamed string) {
	if exactly(values[low]).Cmp(exactly(values[high])) <= 0 {
		return
	}
	other, relation, do, undo := high, "more", "less", "raise"
	if blamed == high {
		other, relation, do, undo = low, "less", "more", "lower"
	}
	f, o := c.of(r.Fields[blamed]), c.of(r.Fields[other])
	limit := o.show(values[other])
	c.add(f.ID, *f.fault(FaultAscending, values[blamed],
		fmt.Sprintf("%s is %s, %s than %s, which is %s", f.name(), f.show(values[blamed]), relation, o.name(), limit),
		fmt.Sprintf("use %s or %s, or %s %s", limit, do, undo, o.name())))
}

// exactly gives a number as it is: a float64 does not hold every int64.
func exactly(v any) *big.Rat {
	if n, ok := v.(int64); ok {
		return new(big.Rat).SetInt64(n)
	}
	return new(big.Rat).SetFloat64(v.(float64)) //nolint:forcetypeassert // the fields' types were checked at load
}
