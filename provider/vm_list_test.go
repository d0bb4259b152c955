// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// list lists virtual machines with their attributes, and returns the results without errors and the diagnostics.
func (h *harness) list(filter attrs, limit int64) (results []tfprotov6.ListResourceResult, diags []*tfprotov6.Diagnostic) {
	h.t.Helper()
	server, ok := h.server.(tfprotov6.ListResourceServer)
	if !ok {
		h.t.Fatal("the server has no list resources")
	}
	config := h.dynamic(h.schema.ListResourceSchemas["hypervvm"].ValueType(), filter)
	valid, err := server.ValidateListResourceConfig(h.ctx, &tfprotov6.ValidateListResourceConfigRequest{TypeName: "hypervvm", Config: config})
	if err != nil {
		h.t.Fatal(err)
	}
	if hasError(valid.Diagnostics) {
		return nil, valid.Diagnostics
	}
	stream, err := server.ListResource(h.ctx, &tfprotov6.ListResourceRequest{TypeName: "hypervvm", Config: config, Limit: limit, IncludeResource: true})
	if err != nil {
		h.t.Fatal(err)
	}
	for result := range stream.Results {
		diags = append(diags, result.Diagnostics...)
		if !hasError(result.Diagnostics) {
			results = append(results, result)
		}
	}
	return results, diags
}

// names returns the display names of results.
func names(results []tfprotov6.ListResourceResult) string {
	all := make([]string, len(results))
	for i, r := range results {
		all[i] = r.DisplayName
	}
	return strings.Join(all, " ")
}

// A virtual machine is listed as an import would record it, so that the configuration that Terraform generates plans nothing.
func TestAListedVMIsWhatAnImportRecords(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		h := connected(t, server)
		h.mustApply(h.none(), linux("web-01").with(attrs{"notes": "listed", "switch_name": "External", "gb_ram": 2}))
		updateHost(t, server, func(s *hyperv.State) {
			s.VMs = append(s.VMs, hyperv.VM{
				ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "old-01", State: "Off", Generation: 2, MemoryStartupBytes: 2 << 30, ProcessorCount: 1,
			})
		})
		h = connected(t, server)
		results, diags := h.list(attrs{}, 100)
		h.mustSucceed("list", diags)
		if len(results) != 2 {
			t.Fatalf("listed %s", names(results))
		}
		for _, r := range results {
			identity, err := r.Identity.IdentityData.Unmarshal(h.identityType())
			if err != nil {
				t.Fatal(err)
			}
			imported, diags := h.importIdentity(plain(identity).(attrs))
			h.mustSucceed("import", diags)
			if listed := h.decode(r.Resource); !listed.Equal(imported.value) {
				diffs, _ := listed.Diff(imported.value)
				t.Errorf("%s: the list differs from the import: %v", r.DisplayName, diffs)
			}
			h.wantIdentity(imported, server.Address(), h.get(imported, "id"))
		}
	})
}

func TestAListIsFiltered(t *testing.T) {
	t.Parallel()
	n := startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
	for host, server := range n.hosts {
		updateHost(t, server, func(s *hyperv.State) {
			for i, state := range []string{"Running", "Off", "Saved"} {
				s.VMs = append(s.VMs, hyperv.VM{ID: fmt.Sprintf("0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f%s%02d", host[2:], i), Name: fmt.Sprintf("%s-%s", host, state), State: state})
			}
		})
	}
	first := n.connect("hv01", "hv02")
	first.mustApply(first.none(), linux("web-01").with(attrs{"host": "hv02"}))
	const all = "hv01-Off hv01-Running hv01-Saved hv02-Off hv02-Running hv02-Saved web-01"
	for name, tt := range map[string]struct {
		filter attrs
		limit  int64
		want   string
	}{
		"all":                              {attrs{}, 100, all},
		"one host, in another letter case": {attrs{"host": "HV01"}, 100, "hv01-Off hv01-Running hv01-Saved"},
		"a part of the name":               {attrs{"name_regex": "-SAVED$"}, 100, "hv01-Saved hv02-Saved"},
		"a power state":                    {attrs{"state": "off"}, 100, "hv01-Off hv02-Off"},
		"only unmanaged ones":              {attrs{"unmanaged_only": true, "host": "hv02"}, 100, "hv02-Off hv02-Running hv02-Saved"},
		"a limit":                          {attrs{}, 4, "hv01-Off hv01-Running hv01-Saved hv02-Off"},
		"without a limit":                  {attrs{}, 0, all},
		"nothing":                          {attrs{"name_regex": "^none$"}, 100, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := n.connect("hv01", "hv02")
			results, diags := h.list(tt.filter, tt.limit)
			h.mustSucceed("list", diags)
			if got := names(results); got != tt.want {
				t.Errorf("listed %s, want %s", got, tt.want)
			}
		})
	}
	for name, tt := range map[string]struct {
		filter          attrs
		attribute, text string
	}{
		"an unknown host":        {attrs{"host": "hv03"}, "host", "Use one of: hv01, hv02"},
		"an invalid pattern":     {attrs{"name_regex": "("}, "name_regex", "missing closing )"},
		"an unknown power state": {attrs{"state": "on"}, "state", `but is "on"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := n.connect("hv01", "hv02")
			_, diags := h.list(tt.filter, 100)
			h.mustFail(diags, tt.attribute, tt.text)
		})
	}
}

func TestAHostThatCannotBeReadDoesNotEndAList(t *testing.T) {
	t.Parallel()
	n := startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
	first := n.connect("hv01", "hv02")
	first.mustApply(first.none(), linux("web-01").with(attrs{"host": "hv02"}))
	if err := n.hosts["hv01"].SetHealth(simhost.Refusing); err != nil {
		t.Fatal(err)
	}
	h := n.connect("hv01", "hv02")
	results, diags := h.list(attrs{}, 100)
	h.mustFail(diags, "host", "Unable to list the virtual machines of host hv01")
	if got := names(results); got != "web-01" {
		t.Errorf("listed %s", got)
	}
}
