// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// backupText is a schema with an object, which has a list, and with numbers that have no exact float64.
var backupText = labText("1", `
  - id: backup
    type: object
    change: in_place
    fields:
      - {id: kind, type: enum, default: daily, validations: {one_of: [daily, weekly]}}
      - {id: keep, type: integer, required: true, validations: {minimum: 1}}
      - {id: share, type: number, default: 0.1}
      - {id: days, type: list, items: {type: integer, validations: {minimum: 1, maximum: 7}}}
      - {id: weekday, type: string, default: sunday, applicability: {kind: [weekly]}}
      - {id: target, type: string, required: true, applicability: {kind: [weekly]}}
  - {id: weight, type: number, default: 0.1, change: in_place}
  - {id: serial, type: integer, change: in_place}
  - {id: shares, type: list, items: {type: number}, change: in_place}
`, "")

func TestAnObjectIsCreatedReadUpdatedAndImported(t *testing.T) {
	t.Parallel()
	eachAgent(t, anObjectIsCreatedReadUpdatedAndImported)
}

func anObjectIsCreatedReadUpdatedAndImported(t *testing.T, server *simhost.Server) {
	schema := schemaOf(t, backupText)
	h := connectedWith(t, server, schema)
	config := minimal("web-01").with(attrs{
		"backup": attrs{"keep": 3, "days": []any{7}}, // kind defaults to daily, so weekday does not apply
		// numbers without an exact float64
		"serial": 9007199254740993, "shares": []any{h.number("0.1"), 2}, "weight": h.number("0.3"),
	})
	created := h.mustApply(h.none(), config)
	if got := h.get(created, "backup").(attrs); got["kind"] != "daily" || got["share"] != "0.1" {
		t.Errorf("defaults in the object: %v", got)
	}
	read := h.mustRead(created)
	h.wantEmptyPlan(read, config)

	changed := h.mustApply(read, config.with(attrs{"backup": attrs{"keep": 5, "kind": "weekly", "target": "nas"}}))
	h.mustHave(changed, attrs{"id": h.get(created, "id")})
	if got := h.get(changed, "backup").(attrs); got["keep"] != 5 || got["days"] != nil || got["weekday"] != "sunday" {
		t.Errorf("the object is %v", got)
	}
	config = config.with(attrs{"backup": attrs{"keep": 5, "kind": "weekly", "target": "nas"}})
	h.wantEmptyPlan(changed, config)

	other := connectedWith(t, server, schema)
	imported := other.mustImport(server.Address() + "/web-01")
	for _, name := range []string{"backup", "weight", "serial", "shares"} {
		if got, was := other.get(imported, name), h.get(changed, name); !equal(got, was) {
			t.Errorf("%s is imported as %v, was %v", name, got, was)
		}
	}
	p := other.plan(imported, config)
	other.mustSucceed("plan", p.diags)
	if got, was := other.get(p.planned, "backup"), other.get(imported, "backup"); !equal(got, was) || len(p.replace) > 0 {
		t.Errorf("imported as %v, planned as %v; replaced because of %v", was, got, p.replace)
	}
	other.wantEmptyPlan(other.mustApply(imported, config), config)

	removed := h.mustApply(changed, config.with(attrs{"backup": nil}))
	h.mustHave(removed, attrs{"backup": nil})
}

func TestRecordedValuesOfAnEarlierVersionAreImportedIfValid(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	before := connectedWith(t, server, schemaOf(t, labText("1", `
  - {id: tier, type: integer, change: in_place}
  - {id: load, type: number, change: in_place}
  - {id: rack, type: string, change: in_place}
`, "")))
	before.mustApply(before.none(), minimal("web-01").with(attrs{"tier": 3, "load": before.number("0.5"), "rack": "r1"}))
	h := connectedWith(t, server, schemaOf(t, labText("2", `
  - {id: tier, type: list, items: {type: string}, change: in_place}
  - {id: load, type: integer, change: in_place}
  - {id: rack, type: string, change: in_place}
`, "")))
	imported := h.mustImport(server.Address() + "/web-01")
	h.mustHave(imported, attrs{"rack": "r1", "tier": nil, "load": nil})
}

func TestUnknownPartsOfAnObjectAreValid(t *testing.T) {
	t.Parallel()
	for name, backup := range map[string]any{
		"an object":                       unknown{},
		"a required field":                attrs{"keep": unknown{}},
		"a field in applicability":        attrs{"keep": 3, "kind": unknown{}, "weekday": "monday", "target": "nas"},
		"a list in the object":            attrs{"keep": 3, "days": unknown{}},
		"an item of a list in the object": attrs{"keep": 3, "days": []any{unknown{}, 7}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := connectedWith(t, startHost(t, nil), schemaOf(t, backupText))
			config := minimal("web-01").with(attrs{"backup": backup})
			h.mustSucceed("validate", h.validate(config))
			h.mustSucceed("plan", h.plan(h.none(), config).diags)
		})
	}
}
