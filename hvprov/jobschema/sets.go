// SPDX-License-Identifier: MPL-2.0

package jobschema

import (
	"slices"
)

// parameterSet adds the faults of a set. Each stands at the field to blame: one that is missing, or one too many.
func (c *level) parameterSet(p *ParameterSet) {
	var given []string
	for _, id := range p.fieldIDs() {
		if c.failed[id] {
			return // mending that may change all that could be said here
		}
		if _, ok := c.values[id]; ok {
			given = append(given, id)
		}
	}
	if len(given) == 0 {
		return
	}
	missing, extra := c.closest(p, given)
	switch {
	case len(extra) > 0:
		rest := slices.DeleteFunc(slices.Clone(given), func(id string) bool { return slices.Contains(extra, id) })
		for _, id := range extra {
			t := c.of(id)
			c.add(id, *t.fault(FaultParameterSet, c.values[id], t.name()+" does not go with "+wordList(c.names(rest), "and")+" ("+p.Label+")",
				"remove it, or give one of: "+c.choices(p)))
		}
	case len(missing) > 0:
		because := wordList(c.names(given), "and")
		for _, id := range missing {
			t := c.of(id)
			c.add(id, *t.fault(FaultParameterSet, nil, t.name()+" is missing: "+p.Label+" needs it, because "+because+" "+isAre(given)+" given",
				t.setIt()+"; or remove "+because))
		}
	default:
		for i := range p.Rules {
			c.rule(&p.Rules[i])
		}
	}
}

// closest finds the variant that is nearest to what is given, and what it lacks and has too much. A variant that what is
// not known yet could complete lacks nothing.
func (c *level) closest(p *ParameterSet, given []string) (missing, extra []string) {
	for i, v := range p.Ways() {
		var lacks, tooMuch []string
		for _, id := range v.Required {
			f := c.of(id).Field
			_, ok := c.values[id]
			if other, _ := f.inapplicable(c.values); !ok && !c.unknown[id] && other == "" && !c.undecided(f) {
				lacks = append(lacks, id)
			}
		}
		for _, id := range given {
			if !slices.Contains(v.Required, id) && !slices.Contains(v.Optional, id) {
				tooMuch = append(tooMuch, id)
			}
		}
		// What is given is not lightly taken back: a field too many weighs more than any number that are missing.
		if i == 0 || len(tooMuch) < len(extra) || len(tooMuch) == len(extra) && len(lacks) < len(missing) {
			missing, extra = lacks, tooMuch
		}
	}
	return missing, extra
}

// choices lists the variants of a set for people.
func (c *level) choices(p *ParameterSet) string {
	text := ""
	for i, v := range p.Ways() {
		if i > 0 {
			text += " | "
		}
		text += wordList(c.names(v.Required), "and")
		if len(v.Optional) > 0 {
			text += " (and " + wordList(c.names(v.Optional), "or") + " if wanted)"
		}
	}
	return text
}

func isAre(list []string) string {
	if len(list) == 1 {
		return "is"
	}
	return "are"
}
