// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
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
