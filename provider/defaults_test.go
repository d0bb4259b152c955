// SPDX-License-Identifier: MPL-2.0

package provider_test

import "testing"

func TestAStateReadFromItsFileShowsNoDifference(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connectedWith(t, server, schemaOf(t, backupText))
	config := minimal("web-01").with(attrs{"backup": attrs{"keep": 3}})
	created := h.mustApply(h.none(), config)
	// Terraform stores numbers as decimals: the default of the schema must be equal to them.
	read := h.mustUpgrade(1, h.stateFile(created))
	read.private = created.private
	h.wantEmptyPlan(read, config)
}

func TestFieldsThatDoNotApplyAreIgnored(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config    attrs
		attribute string // empty if the value is valid
	}{
		"not applicable":              {minimal("web-01").with(attrs{"backup": attrs{"keep": 3}}), ""},
		"applicable and required":     {minimal("web-01").with(attrs{"backup": attrs{"keep": 3, "kind": "weekly"}}), "backup"},
		"applicable with its default": {minimal("web-01").with(attrs{"backup": attrs{"keep": 3, "kind": "weekly", "target": "nas"}}), ""},
		"set but not applicable":      {minimal("web-01").with(attrs{"backup": attrs{"keep": 3, "weekday": "monday"}}), "backup"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := connectedWith(t, startHost(t, nil), schemaOf(t, backupText))
			if c.attribute != "" {
				h.mustFail(h.validate(c.config), c.attribute)
				return
			}
			created := h.mustApply(h.none(), c.config)
			h.wantEmptyPlan(created, c.config)
		})
	}
}

func TestImportShowsNoDifferenceForADefaultThatDoesNotApply(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connectedWith(t, server, schemaOf(t, backupText))
	config := minimal("web-01").with(attrs{"backup": attrs{"keep": 3}})
	h.mustApply(h.none(), config)
	other := connectedWith(t, server, schemaOf(t, backupText))
	imported := other.mustImport(server.Address() + "/web-01")
	p := other.plan(imported, config)
	other.mustSucceed("plan", p.diags)
	if got, was := other.get(p.planned, "backup"), other.get(imported, "backup"); !equal(got, was) {
		t.Errorf("imported as %v, planned as %v", was, got)
	}
}

func TestADefaultAppliesOnlyWhileItsFieldApplies(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connectedWith(t, server, schemaOf(t, labText("1", `
  - {id: zone, type: enum, default: office, validations: {one_of: [office, lab]}, change: in_place}
  - {id: vlan, type: integer, default: 120, applicability: {zone: [lab]}, change: in_place, observed: vlan_id, stands_for: vlan_id}
`, "")))
	vlan := func() int {
		t.Helper()
		state, err := server.Store().Read()
		if err != nil {
			t.Fatal(err)
		}
		return state.VMs[0].Adapters[0].VLANID
	}
	state := h.none()
	for _, step := range []struct {
		zone any
		vlan int
	}{{nil, 0}, {"lab", 120}, {"office", 0}} {
		config := minimal("web-01").with(attrs{"zone": step.zone})
		state = h.mustApply(state, config)
		if got := vlan(); got != step.vlan {
			t.Errorf("in zone %v the host has VLAN %d, want %d", step.zone, got, step.vlan)
		}
		read := h.mustRead(state)
		h.wantEmptyPlan(read, config)
		state = read
	}
}

func TestADefaultIsRestoredAfterDrift(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	before := connectedWith(t, server, schemaOf(t, labText("1", "", "")))
	created := before.mustApply(before.none(), minimal("web-01"))
	// The field is new, and the host has no value for it: the same as drift.
	h := connectedWith(t, server, schemaOf(t, labText("1", `
  - {id: vlan, type: integer, default: 120, change: in_place, observed: vlan_id, stands_for: vlan_id}
  - {id: cores, type: integer, default: 2, change: power_cycle, observed: processor_count, stands_for: cpu_cores}
`, "")))
	state := h.mustUpgrade(1, before.stateFile(created))
	state.private = created.private
	read := h.mustRead(state)
	h.mustHave(read, attrs{"vlan": nil, "cores": 2})
	changed := h.mustApply(read, minimal("web-01")) // cores is 2 already, so no power cycle is needed
	again := h.mustRead(changed)
	h.mustHave(again, attrs{"vlan": 120, "id": h.get(created, "id")})
	h.wantEmptyPlan(again, minimal("web-01"))
}
