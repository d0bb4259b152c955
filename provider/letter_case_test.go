// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// TestLetterCaseIsNoDifference writes names as Windows compares them, in other letters than the host has, from the start and later.
func TestLetterCaseIsNoDifference(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]struct{ before, after attrs }{
		"from the start": {attrs{"switch_name": "EXTERNAL", "image_name": "UBUNTU-24.04"}, attrs{"switch_name": "EXTERNAL", "image_name": "UBUNTU-24.04"}},
		"later":          {attrs{"switch_name": "External"}, attrs{"switch_name": "external", "image_name": "Ubuntu-24.04"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startHost(t, nil)
			h := connected(t, server)
			created := h.mustApply(h.none(), linux("web-01").with(config.before))
			id := h.get(created, "id")
			for range 2 {
				h = connected(t, server)
				read := h.mustRead(created)
				h.wantEmptyPlan(read, linux("web-01").with(config.after))
				created = read
			}
			// A change of another attribute leaves the switch alone, and the machine the same.
			updated := h.mustApply(created, linux("web-01").with(config.after).with(attrs{"notes": "new"}))
			if got := h.get(updated, "id"); got != id {
				t.Errorf("virtual machine %v was replaced by %v", id, got)
			}
			updateHost(t, server, func(s *hyperv.State) {
				if len(s.VMs) != 1 || !strings.EqualFold(s.VMs[0].Adapters[0].SwitchName, "External") {
					t.Errorf("the host has %+v", s.VMs)
				}
			})
		})
	}
}

// TestComputedValuesStayKnown covers what depends on the addresses of a virtual machine, such as DNS records: it changes only when the
// addresses can.
func TestComputedValuesStayKnown(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	config := linux("web-01").with(attrs{"allow_power_cycle": true})
	created := h.mustApply(h.none(), config)
	powered := []string{"adapters", "ip_addresses", "memory_assigned_gb", "state"}
	for name, c := range map[string]struct {
		change attrs
		unsure []string // attributes that are unknown
	}{
		"notes":             {attrs{"notes": "new"}, nil},
		"timeouts":          {attrs{"timeouts": attrs{"read": "3m"}}, nil},
		"allow_power_cycle": {attrs{"allow_power_cycle": false}, nil},
		"vlan_id":           {attrs{"vlan_id": 12}, []string{"adapters", "ip_addresses"}},
		"gb_ram":            {attrs{"gb_ram": 8}, powered},
		"power_state":       {attrs{"power_state": "off"}, powered},
		"disk_size_gb":      {attrs{"disk_size_gb": 90}, []string{"hard_disks"}},
	} {
		p := h.plan(created, config.with(c.change))
		if name != "disk_size_gb" { // the fake agent does not simulate it
			h.mustSucceed("plan", p.diags)
		}
		for attribute, value := range h.attributes(p.planned.value) {
			if value.IsKnown() == slices.Contains(c.unsure, attribute) {
				t.Errorf("change of %s: %s is known: %v", name, attribute, value.IsKnown())
			}
		}
	}
	// The addresses change while an apply that keeps them is under way.
	p := h.plan(created, config.with(attrs{"notes": "new"}))
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Adapters[0].IPAddresses = []string{"192.0.2.99"} })
	updated, diags := h.apply(t.Context(), p)
	h.mustSucceed("apply", diags)
	if !h.attributes(updated.value)["ip_addresses"].Equal(h.attributes(created.value)["ip_addresses"]) {
		t.Error("the apply changed an attribute that was planned as known")
	}
	if read := h.mustRead(updated); h.attributes(read.value)["ip_addresses"].Equal(h.attributes(created.value)["ip_addresses"]) {
		t.Error("the refresh does not show the new address")
	}
}
