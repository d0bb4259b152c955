// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// TestWhatAHostLacksIsReportedOnce plans two resources on a host whose account lacks a right.
func TestWhatAHostLacksIsReportedOnce(t *testing.T) {
	t.Parallel()
	server := realAgentInTurn(t, 1)
	err := server.Store().Update(func(s *hyperv.State) error {
		s.Behaviour.Rights = &hyperv.Rights{CIMV2Denied: true}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h := connected(t, server)
	var warnings []*tfprotov6.Diagnostic
	for _, name := range []string{"web-01", "web-02"} {
		p := h.plan(h.none(), linux(name))
		for _, d := range p.diags {
			if d.Severity == tfprotov6.DiagnosticSeverityWarning && strings.Contains(d.Summary, "is not set up completely") {
				warnings = append(warnings, d)
			}
		}
	}
	if len(warnings) != 1 {
		t.Fatalf("%d warnings, want 1: %+v", len(warnings), warnings)
	}
	if d := warnings[0]; !strings.Contains(d.Detail, `root\cimv2`) || !strings.Contains(d.Detail, "Grant-HypervvmAccess.ps1 -Account") {
		t.Errorf("warning: %s", d.Detail)
	}
}
