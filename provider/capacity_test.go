// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func TestPlanWarnsIfTheHostHasTooLittleFreeMemory(t *testing.T) {
	t.Parallel()
	eachAgent(t, planWarnsIfTheHostHasTooLittleFreeMemory)
}

func planWarnsIfTheHostHasTooLittleFreeMemory(t *testing.T, server *simhost.Server) {
	updateHost(t, server, func(s *hyperv.State) { s.Host.MemoryAvailableBytes = 1 << 29 })
	h := connected(t, server)
	p := h.plan(h.none(), linux("web-01"))
	h.mustSucceed("plan", p.diags)
	for _, d := range p.diags {
		if d.Severity == tfprotov6.DiagnosticSeverityWarning && attributeOf(d.Attribute) == "gb_ram" && strings.Contains(d.Detail, "512.0 MiB of memory available now") {
			return
		}
	}
	t.Errorf("no warning on gb_ram among:\n%s", render(p.diags))
}
