// SPDX-License-Identifier: MPL-2.0

package jobschema_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// FuzzGenerated checks what FuzzValidate checks with generated schemas and submissions. They are mostly valid, and their fields
// depend on each other in many ways, which random bytes seldom achieve.
func FuzzGenerated(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		text := g.schema()
		s, err := jobschema.Load("generated.yaml", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		marshalled(t, s)
		for range 20 {
			checkSubmission(t, s, g.submission(s), text)
		}
	})
}

type generator struct{ *rand.Rand }

func (g generator) oneIn(n int) bool { return g.IntN(n) == 0 }

func (g generator) pick(list ...string) string { return list[g.IntN(len(list))] }

// schema returns a schema: fields that others depend on, fields of all types, and parameter sets.
func (g generator) schema() string {
	var b strings.Builder
	b.WriteString("id: generated\nversion: 1\nfields:\n")
	if g.oneIn(2) {
		b.WriteString("  - {id: from, type: string" + g.pick("", ", default: alpha", ", required: true") + "}\n")
		fmt.Fprintf(&b, "  - {id: os, type: enum%s, validations: {one_of: [a, b]}, infer: {from: from, rules: [{pattern: '^a', value: a}, {pattern: 'b', value: b}]}}\n",
			g.pick("", ", required: true"))
	} else {
		b.WriteString("  - {id: os, type: enum, validations: {one_of: [a, b]}" + g.pick("", ", default: a", ", required: true") + "}\n")
	}
	b.WriteString("  - {id: fast, type: boolean" + g.pick("", ", default: false") + "}\n")
	var free []string
	for i := range 3 + g.IntN(6) {
		id := fmt.Sprintf("f%d", i)
		text, optional := g.field(id, g.pick("", "", ", applicability: {os: [a]}", ", applicability: {fast: ['true']}", ", applicability: {os: [b], fast: ['true', 'false']}"), true)
		b.WriteString("  - " + text + "\n")
		if optional {
			free = append(free, id)
		}
	}
	fmt.Fprintf(&b, "  - {id: low, type: %s}\n  - {id: size, type: integer%s}\n  - {id: high, type: %s}\n",
		g.pick("integer", "number"), g.pick("", ", default: 4"), g.pick("integer", "number"))
	b.WriteString("  - {id: addr, type: ipv4}\n  - {id: bits, type: integer}\n  - {id: gw, type: ipv4" + g.pick("", ", applicability: {os: [a]}") + "}\n")
	b.WriteString("parameter_sets:\n  - {id: net, members: [addr, bits, gw], mode: all-or-none, rules: [{kind: ipv4_subnet, address: addr, prefix: bits, gateway: gw}]}\n")
	fmt.Fprintf(&b, "  - {id: row, members: [low, high], mode: all-or-none, rules: [{kind: ascending, low: low, %shigh: high}]}\n", g.pick("", "middle: size, "))
	if len(free) > 2 {
		g.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
		fmt.Fprintf(&b, "  - {id: one, variants: [{id: a, required: [%s], optional: [%s]}, {id: b, required: [%s, %s]}]}\n", free[0], free[1], free[1], free[2])
	}
	if len(free) > 1 && g.oneIn(2) {
		fmt.Fprintf(&b, "  - {id: both, members: [%s, %s], mode: all-or-none}\n", free[0], free[len(free)-1])
	}
	return b.String()
}

// field returns a field. optional is whether a parameter set may contain it.
func (g generator) field(id, applicability string, root bool) (text string, optional bool) {
	kinds := []string{
		"string, validations: {max_length: 3, pattern: '[a-z]*'}", "secret", "multiline, validations: {min_length: 2}",
		"integer, validations: {minimum: -1, maximum: 9}", "number, validations: {maximum: 1.5}", "boolean", "ipv4", "ipv6", "ip", "hostname",
		"enum, validations: {one_of: [a, b, 'true']}", "list, validations: {max_items: 2}, items: {type: string}",
		"list, items: {type: enum, validations: {one_of: [a, b]}}",
	}
	if root {
		var parts []string
		for i := range 1 + g.IntN(3) {
			part, _ := g.field(fmt.Sprintf("n%d", i), g.pick("", "", ", applicability: {kind: [a]}"), false)
			parts = append(parts, part)
		}
		fields := "[{id: kind, type: enum, validations: {one_of: [a, b]}" + g.pick("", ", default: b") + "}, " + strings.Join(parts, ", ") + "]"
		kinds = append(kinds, "object, fields: "+fields, "list, validations: {min_items: 1, unique_by: kind}, items: {type: object, fields: "+fields+"}")
	}
	kind := g.pick(kinds...)
	extra := ""
	if g.oneIn(3) {
		extra = ", required: true"
	} else if g.oneIn(3) {
		for prefix, value := range map[string]string{"string": "ab", "integer": "3", "number": "0.5", "boolean": "true", "ipv4": "10.0.0.1", "enum": "b"} {
			if strings.HasPrefix(kind, prefix) {
				extra = ", default: " + value
			}
		}
	}
	return "{id: " + id + ", type: " + kind + extra + applicability + "}", extra == ""
}

// submission returns values for a schema: mostly the required ones, and few others, since many conflict.
func (g generator) submission(s *jobschema.Schema) m {
	values := m{}
	few := 2 + g.IntN(6)
	for i := range s.Fields {
		if f := &s.Fields[i]; g.oneIn(few) || f.ID == "os" && !g.oneIn(4) || f.Required && !g.oneIn(30) {
			values[f.ID] = g.value(f)
		}
	}
	if g.oneIn(3) {
		maps.Copy(values, m{"addr": "10.0.0.1", "bits": json.Number(g.pick("24", "24", "30", "31", "32")), "gw": g.pick("10.0.0.2", "10.0.0.3", "10.0.1.4")})
	}
	if g.oneIn(3) {
		maps.Copy(values, m{"low": 1 + g.IntN(4), "high": 3 + g.IntN(4)})
	}
	for i := range s.Fields {
		f := &s.Fields[i]
		for id, allowed := range f.Applicability {
			if other, given := values[id]; given && !slices.Contains(allowed, fmt.Sprint(other)) && !g.oneIn(20) {
				delete(values, f.ID)
			}
		}
	}
	return values
}

func (g generator) address() string { return g.pick("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.1.4") }

// value returns a value for a field, which is mostly valid.
func (g generator) value(f *jobschema.Field) any {
	if g.oneIn(60) {
		return plainOdd[g.IntN(len(plainOdd))]
	}
	one := func(list ...any) any { return list[g.IntN(len(list))] }
	switch f.Type {
	case jobschema.TypeInteger:
		return one(int64(3), "9", 0, json.Number("-1.0"), 9)
	case jobschema.TypeNumber:
		return one(0.5, "0.25", 1, json.Number("1e-3"), -2)
	case jobschema.TypeBoolean:
		return one(true, false, "true", "false")
	case jobschema.TypeIPv4, jobschema.TypeIP:
		return g.address()
	case jobschema.TypeIPv6:
		return g.pick("2001:db8::1", "2001:db8::2", "fe80::2") // in the form of a job
	case jobschema.TypeEnum:
		return one("a", "b")
	case jobschema.TypeList:
		var items []any
		for range g.IntN(3) {
			items = append(items, g.value(f.Items))
		}
		return items
	case jobschema.TypeObject:
		object := m{}
		for i := range f.Fields {
			if part := &f.Fields[i]; g.oneIn(3) || part.Required {
				object[part.ID] = g.value(part)
			}
		}
		return object
	}
	return one("ab", "abc", "ba", "bc")
}
