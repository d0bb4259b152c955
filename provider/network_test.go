// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// networked returns a configuration with two network adapters.
func networked(name string) attrs {
	return linux(name).with(attrs{
		"switch_name": "External", "mac_address": "00-15-5D-00-10-20",
		"network_adapters": []any{
			attrs{"name": "storage", "switch_name": "Storage", "vlan_id": 130, "mac_address": "00-15-5D-00-10-21"},
			attrs{"name": "backup", "switch_name": "External"},
		},
	})
}

func TestSettingsOfAdditionalNetworkAdaptersAreCreatedAndRead(t *testing.T) {
	t.Parallel()
	server := realAgent(t)
	h := connected(t, server)
	with := func(settings attrs) attrs {
		return linux("web-01").with(attrs{"power_state": "off", "network_adapters": []any{attrs{"name": "storage", "switch_name": "External"}.with(settings)}})
	}
	h.mustFail(h.validate(with(attrs{"vlan_id": 5, "vlan_trunk": "10"})), "network_adapters.0", "vlan_trunk conflicts with")
	config := with(attrs{"mac_spoofing": true, "bandwidth_weight": 10, "vlan_trunk": "10-12"})
	created := h.mustApply(h.none(), config)
	h.wantEmptyPlan(h.mustRead(created), config)
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Adapters[1].Settings["MacAddressSpoofing"] = "Off" })
	h = connected(t, server)
	h.mustHave(h.mustRead(created), attrs{"network_adapters": []any{
		attrs{"name": "storage", "switch_name": "External", "mac_spoofing": false, "bandwidth_weight": 10, "vlan_trunk": "10-12"},
	}})
}

func TestNetworkAdaptersAreCreatedReadUpdatedAndDeleted(t *testing.T) {
	t.Parallel()
	server := realAgentInTurn(t, 4)
	updateHost(t, server, func(s *hyperv.State) {
		s.Switches = append(s.Switches, hyperv.Switch{ID: "c0000000-0000-4000-8000-000000000001", Name: "Storage"})
	})
	h := connected(t, server)
	config := networked("web-01")
	created := h.mustApply(h.none(), config)
	read := h.mustRead(created)
	h.wantEmptyPlan(read, config)

	updateHost(t, server, func(s *hyperv.State) {
		vm := &s.VMs[0]
		vm.Adapters[0].DynamicMAC = true
		vm.Adapters[1].VLANID = 131
		vm.Adapters = append(vm.Adapters[:2], hyperv.Adapter{Name: "theirs", MACAddress: "00155D001098"})
	})
	h = connected(t, server)
	drifted := h.mustRead(created)
	h.mustHave(drifted, attrs{
		"mac_address": "",
		"network_adapters": []any{
			attrs{"name": "storage", "switch_name": "Storage", "vlan_id": 131, "mac_address": "00-15-5D-00-10-21"},
		},
	})
	p := h.plan(drifted, config)
	h.mustWarn(p.diags, "mac_address", "Virtual machine web-01 cannot be changed back: mac_address", "changed outside of Terraform", "allow_power_cycle = true")
	if len(p.diags) != 1 {
		t.Errorf("there are other diagnostics: %s", render(p.diags))
	}
	corrected := h.mustApply(drifted, config.with(attrs{"allow_power_cycle": true}))
	h.wantEmptyPlan(corrected, config.with(attrs{"allow_power_cycle": true}))

	config = config.with(attrs{"mac_address": "00:15:5d:00:10:20", "network_adapters": []any{attrs{"name": "backup", "switch_name": "Storage", "vlan_id": 7}}})
	changed := h.mustApply(corrected, config)
	h.mustHave(changed, attrs{"id": h.get(created, "id")})
	h.wantEmptyPlan(changed, config)
	state, err := server.Store().Read()
	if err != nil {
		t.Fatal(err)
	}
	if vm := state.VMs[0]; vm.State != "Running" || len(vm.Adapters) != 3 || vm.Adapters[1].Name != "theirs" ||
		vm.Adapters[2].SwitchName != "Storage" || vm.Adapters[2].VLANID != 7 {
		t.Errorf("the host has %+v", vm)
	}
	h.mustApply(changed, nil)
	wantEmptyHost(t, server)
}

func TestErrorsOfNetworkAdaptersAreReportedOnTheAdapter(t *testing.T) {
	t.Parallel()
	server := realAgentInTurn(t, 3)
	h := connected(t, server)
	created := h.mustApply(h.none(), linux("db-01").with(attrs{"mac_address": "00-15-5D-00-10-21", "network_adapters": []any{attrs{"name": "a", "switch_name": "External"}}}))
	p := h.plan(h.none(), networked("web-01"))
	h.mustWarn(p.diags, "network_adapters.0", "Virtual machine web-01 cannot be created: network_adapters[0].switch_name\nVirtual switch 'Storage'", "Use one of: External")
	h.mustWarn(p.diags, "network_adapters.0", "Virtual machine web-01 cannot be created: network_adapters[0].mac_address\nMAC address 00-15-5D-00-10-21", "virtual machine 'db-01'")
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Generation = 1 })
	h = connected(t, server)
	p = h.plan(created, linux("db-01").with(attrs{"mac_address": "00-15-5D-00-10-21", "network_adapters": []any{}}))
	h.mustFail(p.diags, "network_adapters", "requires virtual machine 'db-01' to be off")
}

func TestDeleteKeepsTheISOFile(t *testing.T) {
	t.Parallel()
	server := realAgentInTurn(t, 5)
	h := connected(t, server)
	config := linux("web-01").with(attrs{"media_name": "seed", "wait_for": "address", "wait_seconds": 30})
	h.mustWarn(h.plan(h.none(), config).diags, "media_name", "Virtual machine web-01 cannot be created", "Put an .iso file into that folder")
	iso := filepath.Join(server.StateFile()+".d", "disks", "Images", "seed.iso")
	if err := os.WriteFile(iso, []byte("CD001"), 0o600); err != nil {
		t.Fatal(err)
	}
	h = connected(t, server)
	h.mustWarn(h.plan(h.none(), config.with(attrs{"power_state": "off"})).diags, "wait_for", "set power_state to running")
	h = connected(t, server)
	created := h.mustApply(h.none(), config)
	h.wantEmptyPlan(created, config)
	h.mustApply(created, nil)
	wantEmptyHost(t, server)
	if text, err := os.ReadFile(iso); err != nil || string(text) != "CD001" {
		t.Errorf("the ISO file contains %q, %v", text, err)
	}
}
