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
			c.add(id, *c.of(id).fault(FaultParameterSet, c.values[id], id+" does not go with "+wordList(rest, "and")+" ("+p.Label+")",
				"remove it, or give one of: "+p.choices()))
		}
	case len(missing) > 0:
		for _, id := range missing {
			c.add(id, *c.of(id).fault(FaultParameterSet, nil,
				id+" is missing: "+p.Label+" needs it, because "+wordList(given, "and")+" "+isAre(given)+" given",
				c.of(id).setIt()+"; or remove "+wordList(given, "and")))
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
	for i, v := range p.variants() {
		var lacks, tooMuch []string
		for _, id := range v.Required {
			f := c.of(id).Field
			_, ok := c.values[id]
			if other, _ := c.inapplicable(f); !ok && !c.unknown[id] && other == "" && !c.undecided(f) {
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

// choices lists the variants for people.
func (p *ParameterSet) choices() string {
	text := ""
	for i, v := range p.variants() {
		if i > 0 {
			text += " | "
		}
		text += wordList(v.Required, "and")
		if len(v.Optional) > 0 {
			text += " (and " + wordList(v.Optional, "or") + " if wanted)"
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
