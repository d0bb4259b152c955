// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func TestAPlanWhoseVMsDoNotFitTogetherIsReported(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	updateHost(t, server, func(s *hyperv.State) { s.Host.MemoryBytes = 16 << 30 })
	const reported = "do not fit on host"
	h := connected(t, server)
	first := h.plan(h.none(), linux("web-01").with(attrs{"gb_ram": 8}))
	h.mustSucceed("plan", first.diags)
	second := h.plan(h.none(), linux("web-02").with(attrs{"gb_ram": 6}))
	off := h.plan(h.none(), linux("web-03").with(attrs{"gb_ram": 6, "power_state": "off"}))
	if all := render(append(append(first.diags, second.diags...), off.diags...)); strings.Contains(all, reported) {
		t.Errorf("what fits is reported: %s", all)
	}
	third := h.plan(h.none(), linux("web-04").with(attrs{"gb_ram": 4}))
	h.mustWarn(third.diags, "gb_ram", reported, "web-01 (8 GiB), web-02 (6 GiB), web-04 (4 GiB) need 18 GiB", "16 GiB are available", "another host")

	// While the plan is applied, some of them use their memory already.
	_, diags := h.applyOnce(h.ctx, first)
	h.mustSucceed("apply", diags)
	if all := render(h.plan(h.none(), linux("web-05").with(attrs{"gb_ram": 4})).diags); strings.Contains(all, reported) {
		t.Errorf("it is reported during an apply: %s", all)
	}
}

func TestAPlanWhoseDisksDoNotFitTogetherIsReported(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	updateHost(t, server, func(s *hyperv.State) { s.Host.FreeBytes = 100 << 30 })
	h := connected(t, server)
	disk := func(name, kind string) attrs {
		return linux(name).with(attrs{"data_disks": []any{attrs{"name": "data", "size_gb": 60, "type": kind}}})
	}
	const least, most = "do not fit on host", "can outgrow host"
	first := h.plan(h.none(), disk("web-01", "dynamic"))
	h.mustSucceed("plan", first.diags)
	h.mustWarn(h.plan(h.none(), disk("web-02", "dynamic")).diags, "host", most, "web-01", "web-02", "pauses a virtual machine")

	h = connected(t, server)
	if all := render(h.plan(h.none(), disk("web-01", "fixed")).diags); strings.Contains(all, least) {
		t.Errorf("one that fits is reported: %s", all)
	}
	h.mustWarn(h.plan(h.none(), disk("web-02", "fixed")).diags, "host", least, "web-01", "web-02", "are free", "another host")
}

func TestAMACAddressThatAPlanUsesTwiceIsReported(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	const reported = "has the same MAC address"
	first := linux("web-01").with(attrs{"mac_address": "00-15-5D-00-10-20"})
	if all := render(h.plan(h.none(), first).diags); strings.Contains(all, reported) {
		t.Errorf("one is reported: %s", all)
	}
	if all := render(h.plan(h.none(), first).diags); strings.Contains(all, reported) {
		t.Errorf("a virtual machine that is planned twice is reported: %s", all)
	}
	second := linux("web-02").with(attrs{"network_adapters": []any{attrs{"name": "data", "switch_name": "External", "mac_address": "0015.5d00.1020"}}})
	h.mustWarn(h.plan(h.none(), second).diags, "network_adapters.0", "web-02 cannot be created: network_adapters[0].mac_address",
		"mac_address of virtual machine web-01 of this plan "+reported)
}
