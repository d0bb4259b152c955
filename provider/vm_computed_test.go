// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func TestWhatTheHostReportsOfAVM(t *testing.T) {
	t.Parallel()
	eachAgent(t, whatTheHostReportsOfAVM)
}

func whatTheHostReportsOfAVM(t *testing.T, server *simhost.Server) {
	h := connected(t, server)
	config := linux("web-01").with(attrs{"vlan_id": 12})
	created := h.mustApply(h.none(), config)
	adapter := h.get(created, "adapters").([]any)[0].(attrs)
	if mac, _ := adapter["mac_address"].(string); !regexp.MustCompile(`^([0-9A-F]{2}-){5}[0-9A-F]{2}$`).MatchString(mac) ||
		adapter["switch_name"] != "External" || adapter["vlan_id"] != 12 || !equal(adapter["ip_addresses"], h.get(created, "ip_addresses")) {
		t.Errorf("the network adapter is %v", adapter)
	}
	disk := h.get(created, "hard_disks").([]any)[0].(attrs)
	if path, _ := disk["path"].(string); !strings.HasSuffix(path, "web-01.vhdx") || disk["type"] != "dynamic" || disk["size_gb"] == nil {
		t.Errorf("the hard disk is %v", disk)
	}
	h.mustHave(created, attrs{"memory_assigned_gb": 4, "owner_node": "SIMHOST"})
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].MemoryAssignedBytes = 3 << 30 })
	h = connected(t, server)
	read := h.mustRead(created)
	h.mustHave(read, attrs{"memory_assigned_gb": 3})
	h.wantEmptyPlan(read, config)
}
