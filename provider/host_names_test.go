// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// connectAs returns a provider with hosts under the given names: HV01 and HV02 as first and second, with aliases.
func (n *nodes) connectAs(first, second string, aliases ...any) *harness {
	n.t.Helper()
	h := newHarness(n.t)
	hosts := attrs{first: settings(n.hosts["hv01"]).with(attrs{"vm_path": n.folder})}
	if len(aliases) > 0 {
		hosts[first] = hosts[first].(attrs).with(attrs{"aliases": aliases})
	}
	if second != "" {
		hosts[second] = settings(n.hosts["hv02"]).with(attrs{"vm_path": n.folder})
	}
	h.mustSucceed("configure", h.configure(attrs{"hosts": hosts}))
	return h
}

// settles requires that a resource is updated in place to a configuration, that the next plan is empty, and that the virtual machine stays.
func (n *nodes) settles(h *harness, prior resource, config attrs, host string) resource {
	n.t.Helper()
	id := h.get(prior, "id")
	p := h.plan(prior, config)
	h.wantUpdate(p)
	applied, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	h.wantHost(applied, host)
	if got := h.get(applied, "id"); got != id || n.vm("hv01").ID != id {
		n.t.Errorf("the virtual machine is %v, not %v", got, id)
	}
	h.wantEmptyPlan(h.mustRead(applied), config)
	return applied
}

func TestAHostIsRenamed(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) (*nodes, resource, attrs) {
		n := startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
		h := n.connectAs("old", "")
		config := linux("web-01").with(attrs{"host": "old"})
		return n, h.mustApply(h.none(), config), config
	}
	t.Run("with an alias", func(t *testing.T) {
		t.Parallel()
		n, created, config := start(t)
		h := n.connectAs("new", "hv02", "older", "OLD")
		h.wantEmptyPlan(h.mustRead(created), config) // the former name is valid still
		p := h.plan(created, config.with(attrs{"host": "new"}))
		h.wantUpdate(p) // without a refresh
		n.settles(h, h.mustRead(created), config.with(attrs{"host": "new"}), "new")
		h = n.connectAs("new", "hv02")
		applied := n.settles(h, h.mustRead(created), config.with(attrs{"host": "new"}), "new")
		h.mustApply(applied, nil)
		n.wantNone()
	})
	t.Run("without an alias", func(t *testing.T) {
		t.Parallel()
		n, created, config := start(t)
		h := n.connectAs("new", "hv02")
		read, diags := h.read(created)
		h.mustWarn(diags, "host", "Virtual machine web-01 is on host new", "Host old of the state is not configured any more", `aliases = ["old"]`)
		h.mustFail(h.plan(read, config).diags, "host", "Unknown host old", `aliases = ["old"]`)
		h.wantUpdate(h.plan(created, config.with(attrs{"host": "new"}))) // without a refresh
		if p := h.plan(read, config.with(attrs{"host": "hv02"})); strings.Join(p.replace, " ") != "host" {
			t.Errorf("replaced because of %v", p.replace)
		}
		n.settles(h, read, config.with(attrs{"host": "new"}), "new")
		h.mustApply(created, nil) // without a refresh
		n.wantNone()
	})
	t.Run("to a host that does not have it", func(t *testing.T) {
		t.Parallel()
		n, created, _ := start(t)
		h := newHarness(t)
		h.mustSucceed("configure", h.configure(attrs{"hosts": attrs{"hv02": settings(n.hosts["hv02"])}}))
		_, diags := h.read(created)
		h.mustFail(diags, "host", `ost "old" is not configured`, `aliases = ["old"]`, "add it to hosts", "terraform state rm")
		_, diags = h.apply(h.ctx, planned{prior: created, planned: h.none()})
		h.mustFail(diags, "host", `ost "old" is not configured`)
		n.vm("hv01")
	})
}

func TestFromOneHostToSeveralAndBack(t *testing.T) {
	t.Parallel()
	n := startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
	h := connected(t, n.hosts["hv01"])
	config := linux("web-01")
	created := h.mustApply(h.none(), config)
	address := n.hosts["hv01"].Address()

	// Several hosts have the address here: the virtual machine is found by its GUID.
	h = n.connectAs("hv01", "hv02")
	read := h.mustRead(created)
	h.wantHost(read, "hv01")
	h.wantEmptyPlan(read, config)
	n.settles(h, created, config.with(attrs{"host": "hv01"}), "hv01")

	// One host has the address: it is a former name.
	h = n.connectAs("hv01", "")
	h.wantEmptyPlan(h.mustRead(created), config)
	several := n.settles(h, h.mustRead(created), config.with(attrs{"host": "hv01"}), "hv01")

	h = connected(t, n.hosts["hv01"])
	one := h.mustRead(several)
	h.wantHost(one, address)
	h.wantEmptyPlan(one, config)

	// Another host has no virtual machine of the state: none is forgotten.
	h = connected(t, n.hosts["hv02"])
	_, diags := h.read(several)
	h.mustFail(diags, "host", fmt.Sprintf("is not on host %s, which is the only host", address), "terraform state rm")
}

func TestAliasesThatAreAmbiguousAreRefused(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	for name, hosts := range map[string]map[string][]any{
		"the name of another host": {"hv01": {"HV02"}, "hv02": nil},
		"an alias of host hv01":    {"hv01": {"old"}, "hv02": {"OLD"}},
		"must not contain a slash": {"hv01": {"a/b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := attrs{}
			for host, aliases := range hosts {
				config[host] = settings(server).with(attrs{"aliases": aliases})
			}
			found := false
			for _, d := range newHarness(t).configure(attrs{"hosts": config}) {
				found = found || strings.Contains(d.Detail, name)
			}
			if !found {
				t.Error("it is not reported")
			}
		})
	}
}
