// SPDX-License-Identifier: MPL-2.0

package provider_test

import "testing"

func TestAStateReadFromItsFileShowsNoDifference(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connectedWith(t, server, schemaOf(t, backupText))
	config := minimal("web-01").with(attrs{"backup": attrs{"keep": 3}})
	made := h.mustApply(h.none(), config)
	// Terraform keeps numbers as decimals, which a default of the schema has to equal.
	read := h.mustUpgrade(1, h.stateFile(made))
	read.private = made.private
	h.wantEmptyPlan(read, config)
}

func TestFieldsThatDoNotApplyAreIgnored(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config    attrs
		attribute string // "" where nothing is wrong
	}{
		"what is required there and has a default there": {minimal("web-01").with(attrs{"backup": attrs{"keep": 3}}), ""},
		"where it applies it is required":                {minimal("web-01").with(attrs{"backup": attrs{"keep": 3, "kind": "weekly"}}), "backup.target"},
		"where it applies its default does":              {minimal("web-01").with(attrs{"backup": attrs{"keep": 3, "kind": "weekly", "target": "nas"}}), ""},
		"given where it does not apply":                  {minimal("web-01").with(attrs{"backup": attrs{"keep": 3, "weekday": "monday"}}), "backup.weekday"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := connectedWith(t, startHost(t, nil), schemaOf(t, backupText))
			if c.attribute != "" {
				h.mustFail(h.validate(c.config), c.attribute)
				return
			}
			made := h.mustApply(h.none(), c.config)
			h.wantEmptyPlan(made, c.config)
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
	made := before.mustApply(before.none(), minimal("web-01"))
	// The field is new, and the host has nothing of it, as if somebody had taken it away.
	h := connectedWith(t, server, schemaOf(t, labText("1", `
  - {id: vlan, type: integer, default: 120, change: in_place, observed: vlan_id, stands_for: vlan_id}
  - {id: cores, type: integer, default: 2, change: power_cycle, observed: processor_count, stands_for: cpu_cores}
`, "")))
	state := h.mustUpgrade(1, before.stateFile(made))
	state.private = made.private
	read := h.mustRead(state)
	h.mustHave(read, attrs{"vlan": nil, "cores": 2})
	changed := h.mustApply(read, minimal("web-01")) // cores is 2 already, so that nothing has to be stopped
	again := h.mustRead(changed)
	h.mustHave(again, attrs{"vlan": 120, "id": h.get(made, "id")})
	h.wantEmptyPlan(again, minimal("web-01"))
}
