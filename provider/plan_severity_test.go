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

// refreshAndDestroy does what `terraform destroy` does with the resources of a state and with those that were not created yet: a plan of
// the configuration first, to refresh, and then the plans of the destruction.
func (h *harness) refreshAndDestroy(state map[string]resource, configs map[string]attrs) {
	h.t.Helper()
	for name, config := range configs {
		prior, ok := state[name]
		if !ok {
			prior = h.none()
		} else {
			prior = h.mustRead(prior)
			state[name] = prior
		}
		h.mustSucceed("plan of "+name, h.plan(prior, config).diags)
	}
	for name, prior := range state {
		p := h.plan(prior, nil)
		h.mustSucceed("plan of the destruction of "+name, p.diags)
		_, diags := h.apply(h.ctx, p)
		h.mustSucceed("destruction of "+name, diags)
	}
}

func TestWhatPreventsTheCreationOfAVMDoesNotPreventTheDestructionOfOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*hyperv.State)
		config attrs
	}{
		"the name is taken": {func(s *hyperv.State) {
			s.VMs = append(s.VMs, hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "web-02", State: "Off"})
		}, nil},
		"the image is missing":    {nil, attrs{"image_name": "windows-95"}},
		"the switch is missing":   {nil, attrs{"switch_name": "Outside"}},
		"the host is no node":     {nil, attrs{"vm_clustered": true}},
		"too many processors":     {nil, attrs{"cpu_cores": 2000}},
		"the memory is too small": {nil, attrs{"gb_ram": 500}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startHost(t, nil)
			h := connected(t, server)
			created := h.mustApply(h.none(), linux("web-01"))
			if c.change != nil {
				updateHost(t, server, c.change)
			}
			h = connected(t, server)
			h.refreshAndDestroy(map[string]resource{"a": created}, map[string]attrs{"a": linux("web-01"), "b": linux("web-02").with(c.config)})
			if names := vmNames(t, server); strings.Contains(strings.Join(names, " "), "web-01") {
				t.Errorf("the host has %v", names)
			}
		})
	}
}

func TestAHostThatIsDownDoesNotPreventTheDestructionOnOthers(t *testing.T) {
	t.Parallel()
	n := startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
	h := n.connect("hv01", "hv02")
	created := h.mustApply(h.none(), linux("web-01").with(attrs{"host": "hv01"}))
	if err := n.hosts["hv02"].SetHealth(simhost.Refusing); err != nil {
		t.Fatal(err)
	}
	h = n.connect("hv01", "hv02")
	h.refreshAndDestroy(map[string]resource{"a": created}, map[string]attrs{
		"a": linux("web-01").with(attrs{"host": "hv01"}), "b": linux("web-02").with(attrs{"host": "hv02"}),
	})
	n.wantNone()
}

func TestAReplacementThatWouldFailIsRefusedInThePlan(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	created := h.mustApply(h.none(), linux("web-01"))
	p := h.plan(created, linux("web-01").with(attrs{"image_name": "windows-95"}))
	h.mustFail(p.diags, "image_name", "Unable to plan virtual machine web-01", "was not found", "terraform destroy -refresh=false")
}

// drift is a difference on a host that a running virtual machine must be stopped for.
func drift(t *testing.T, server *simhost.Server) {
	t.Helper()
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].MemoryStartupBytes *= 2 })
}

func TestADifferenceThatTheConfigurationDidNotCauseIsAWarning(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	config := linux("web-01").with(attrs{"gb_ram": 4})
	created := h.mustApply(h.none(), config)
	drift(t, server)
	h = connected(t, server)
	read := h.mustRead(created)
	p := h.plan(read, config)
	h.mustWarn(p.diags, "gb_ram", "Virtual machine web-01 cannot be changed back: gb_ram", "changed outside of Terraform", "allow_power_cycle = true")
	if got := fmt.Sprint(h.get(p.planned, "gb_ram")); got != "4" {
		t.Errorf("gb_ram is planned as %s", got) // the repair is planned
	}
	left, diags := h.apply(h.ctx, p)
	h.mustFail(diags, "gb_ram", "Unable to update virtual machine web-01", "requires virtual machine 'web-01' to be off", "set allow_power_cycle = true")
	h.mustSucceed("another resource", h.plan(h.none(), linux("web-02")).diags)

	// Refreshes keep what was last applied, also if one is applied by itself.
	again := h.mustRead(h.mustRead(left))
	h.mustWarn(h.plan(again, config).diags, "gb_ram", "changed outside of Terraform")
	h.mustFail(h.plan(again, config.with(attrs{"gb_ram": 6})).diags, "gb_ram", "Set allow_power_cycle = true")
	h.mustFail(h.plan(again, config.with(attrs{"cpu_cores": 3})).diags, "cpu_cores", "Set allow_power_cycle = true")
	h.wantEmptyPlan(again, config.with(attrs{"gb_ram": 8}))

	repaired := h.mustApply(again, config.with(attrs{"allow_power_cycle": true}))
	h.mustFail(h.plan(h.mustRead(repaired), config.with(attrs{"gb_ram": 8, "allow_power_cycle": false})).diags, "gb_ram", "Set allow_power_cycle = true")
	drift(t, server)
	h.refreshAndDestroy(map[string]resource{"a": repaired}, map[string]attrs{"a": config})
	wantEmptyHost(t, server)
}

// TestTheHostDecidesWhetherAChangeNeedsAPowerCycle plans without a refresh: the state differs from the host.
func TestTheHostDecidesWhetherAChangeNeedsAPowerCycle(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	config := linux("web-01").with(attrs{"gb_ram": 4})
	created := h.mustApply(h.none(), config)
	drift(t, server)
	bigger := config.with(attrs{"gb_ram": 8})
	h.mustSucceed("what the host has already", h.plan(created, bigger).diags)
	state := h.mustApply(created, bigger)

	off := func(s *hyperv.State) { s.VMs[0].State = "Off" }
	updateHost(t, server, off)
	h.mustSucceed("a virtual machine that is off", h.plan(state, config.with(attrs{"power_state": "running", "cpu_cores": 3})).diags)
	h = connected(t, server)
	stopped := h.mustRead(state)
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].State = "Running" })
	h.mustFail(h.plan(stopped, bigger.with(attrs{"power_state": "off", "gb_ram": 2})).diags, "gb_ram", "it is running", "Set allow_power_cycle = true")
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].State = "Saved" })
	h.mustFail(h.plan(state, config.with(attrs{"allow_power_cycle": true})).diags, "gb_ram", "it is saved", "Turn it off first")
}

func TestAHostThatIsDownIsReportedOnce(t *testing.T) {
	t.Parallel()
	n := startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
	h := n.connect("hv01", "hv02")
	configs := map[string]attrs{}
	state := map[string]resource{}
	for _, name := range []string{"hv01/web-01", "hv01/web-02", "hv01/web-03", "hv02/web-04"} {
		host, vm, _ := strings.Cut(name, "/")
		configs[name] = linux(vm).with(attrs{"host": host})
		state[name] = h.mustApply(h.none(), configs[name])
	}
	if err := n.hosts["hv01"].SetHealth(simhost.Refusing); err != nil {
		t.Fatal(err)
	}
	// A warning of a plan must not hide the error of a refresh: Terraform would go on with what it does not know.
	h = n.connect("hv01", "hv02")
	var warnings, failures []*tfprotov6.Diagnostic
	add := func(diags []*tfprotov6.Diagnostic) {
		for _, d := range diags {
			if d.Severity == tfprotov6.DiagnosticSeverityError {
				failures = append(failures, d)
			} else {
				warnings = append(warnings, d)
			}
		}
	}
	for _, name := range []string{"web-05", "web-06"} {
		add(h.plan(h.none(), linux(name).with(attrs{"host": "hv01"})).diags)
	}
	if len(warnings) != 1 || len(failures) != 0 {
		t.Fatalf("%s%s", render(warnings), render(failures))
	}
	for name, prior := range state {
		read, diags := h.read(prior)
		add(diags)
		if !read.value.Equal(prior.value) {
			t.Errorf("%s: the state is %s", name, read.value)
		}
		add(h.plan(read, configs[name].with(attrs{"notes": "new"})).diags)
	}
	if len(warnings) != 1 || len(failures) != 1 {
		t.Fatalf("%s%s", render(warnings), render(failures))
	}
	if text := render(failures); !strings.Contains(text, "host hv01") || !strings.Contains(text, "-refresh=false") {
		t.Error(text)
	}
}
