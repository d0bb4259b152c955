// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simtest"
)

// killed creates a virtual machine whose state is lost, as when a run is killed. It returns the GUID and the job.
func killed(t *testing.T, server *simhost.Server, config attrs) (id, job string) {
	t.Helper()
	h := connected(t, server)
	created := h.mustApply(h.none(), config)
	return h.get(created, "id").(string), h.get(created, "job_id").(string)
}

// planOnEmptyHost returns the plan of a new virtual machine, made before the host had one of its name.
func planOnEmptyHost(t *testing.T, config attrs) planned {
	t.Helper()
	h := connected(t, startHost(t, nil))
	p := h.planOnce(h.none(), config)
	h.mustSucceed("plan", p.diags)
	return p
}

// vmsOf returns the virtual machines of a host.
func vmsOf(t *testing.T, server *simhost.Server) []hyperv.VM {
	t.Helper()
	state, err := server.Store().Read()
	if err != nil {
		t.Fatal(err)
	}
	return state.VMs
}

func TestAVMThatAKilledRunCreatedIsAdopted(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		config := linux("web-01").with(attrs{"notes": "n", "vlan_id": 7, "adopt_existing": true})
		id, job := killed(t, server, config.with(attrs{"adopt_existing": nil}))
		before := vmsOf(t, server)

		h := connected(t, server)
		p := h.planOnce(h.none(), config)
		h.mustWarn(p.diags, "vm_name", "Existing virtual machine web-01 is adopted")
		adopted, diags := h.applyOnce(h.ctx, p)
		h.mustWarn(diags, "", "Virtual machine web-01 was adopted")
		h.mustHave(adopted, attrs{"id": id, "job_id": job, "state": "running", "guest_la_pw": password})
		if after := vmsOf(t, server); !reflect.DeepEqual(after, before) {
			t.Errorf("adoption changed the host:\n%+v\nwas\n%+v", after, before)
		}
		next := connected(t, server)
		next.wantEmptyPlan(next.mustRead(adopted), config)
		next.wantEmptyPlan(next.mustRead(adopted), config.with(attrs{"adopt_existing": true}))
		if _, diags := next.apply(next.ctx, planned{prior: adopted, planned: next.none()}); hasError(diags) {
			t.Fatal(render(diags))
		}
		wantEmptyHost(t, server)
	})
}

func TestATakenNameIsReportedWithTheConfiguredHost(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	id, _ := killed(t, server, linux("web-01"))
	for host, texts := range map[string][]string{
		"hv01":           {`id = "hv01/` + id + `"`, "terraform import hypervvm.LABEL hv01/" + id},
		"rack ${1} it's": {`id = "rack $${1} it's/` + id + `"`, `terraform import hypervvm.LABEL 'rack ${1} it'\''s/` + id + "'"},
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			h.mustSucceed("configure", h.configure(attrs{"hosts": attrs{host: settings(server)}}))
			text := render(h.planOnce(h.none(), linux("web-01")).diags)
			if texts := append(texts, "already exists on host "+host+" (id "+id+")"); !containsAll(text, texts) || strings.Contains(text, "SIMHOST") {
				t.Errorf("the plan says\n%s\nwithout some of %q, or with the computer name", text, texts)
			}
		})
	}
}

func containsAll(text string, parts []string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}

func TestOnlyAVMThatIsWhatWouldBeCreatedIsAdopted(t *testing.T) {
	t.Parallel()
	const foreign = "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11"
	adopting := linux("web-01").with(attrs{"adopt_existing": true})
	for name, c := range map[string]struct {
		config  attrs // of the adopting run
		prepare func(*testing.T, *simhost.Server) (*simhost.Server, string)
		texts   []string
	}{
		"adoption is not allowed": {
			config: linux("web-01"),
			texts:  []string{"with the values of this configuration", "Set adopt_existing = true, or import it"},
		},
		"no job created it": {
			config: adopting,
			prepare: func(t *testing.T, server *simhost.Server) (*simhost.Server, string) {
				updateHost(t, server, func(s *hyperv.State) { s.VMs = []hyperv.VM{{ID: foreign, Name: "WEB-01", State: "Off"}} })
				return server, foreign
			},
			texts: []string{"No job of this provider created it"},
		},
		"its values are others": {
			config: adopting.with(attrs{"notes": "x", "guest_la_uid": "root"}),
			texts:  []string{"with other values of notes, guest_la_uid"},
		},
		"a job failed to delete it": {
			config: adopting,
			prepare: func(t *testing.T, server *simhost.Server) (*simhost.Server, string) {
				h := connected(t, server)
				created := h.mustApply(h.none(), linux("web-01"))
				updateHost(t, server, func(s *hyperv.State) {
					s.Behaviour.Calls = map[string]hyperv.Call{"Remove-VM": {Fail: "the service is stopping"}}
				})
				if _, diags := h.apply(h.ctx, planned{prior: created, planned: h.none()}); !hasError(diags) {
					t.Fatal("the virtual machine was deleted")
				}
				return server, h.get(created, "id").(string)
			},
			texts: []string{"may be incomplete", "which was to delete the virtual machine, did not succeed"},
		},
		"the host does not know its job any more": {
			config: adopting,
			prepare: func(t *testing.T, _ *simhost.Server) (*simhost.Server, string) {
				stateFile := filepath.Join(t.TempDir(), "state.json")
				server := startHost(t, func(o *simhost.Options) { o.StateFile = stateFile })
				id, _ := killed(t, server, linux("web-01"))
				if err := server.Close(); err != nil { // the fake agent keeps jobs in memory
					t.Fatal(err)
				}
				return startHost(t, func(o *simhost.Options) { o.StateFile = stateFile }), id
			},
			texts: []string{"does not remember whether the job completed it"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, id := startHost(t, nil), ""
			if c.prepare != nil {
				server, id = c.prepare(t, server)
			} else {
				id, _ = killed(t, server, linux("web-01"))
			}
			before := vmsOf(t, server)
			h := connected(t, server)
			importID := server.Address() + "/" + id
			texts := append(c.texts, "already exists on host "+server.Address()+" (id "+id+")",
				"import {\n    to = hypervvm.LABEL\n    id = \""+importID+"\"\n  }", "terraform import hypervvm.LABEL "+importID)
			if text := render(h.planOnce(h.none(), c.config).diags); !containsAll(text, texts) {
				t.Errorf("the plan says\n%s\nwithout some of %q", text, texts)
			}
			left, diags := h.applyOnce(h.ctx, planOnEmptyHost(t, c.config))
			h.mustFail(diags, "vm_name", append(texts, "Unable to create virtual machine web-01")...)
			if !left.value.IsNull() {
				t.Errorf("the state has %s", left.value)
			}
			if after := vmsOf(t, server); !reflect.DeepEqual(after, before) {
				t.Errorf("the host changed:\n%+v\nwas\n%+v", after, before)
			}
			h.mustImport(importID)
		})
	}
}

func TestAdoptionWaitsForTheJobThatStillCreatesTheVM(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]bool{"and adopts its virtual machine": false, "and creates another one if the job fails": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startHost(t, nil)
			call := hyperv.Call{Times: 1}
			if fails {
				call.Fail = "the service is stopping"
			}
			gate := simtest.HoldCall(t, server, "Start-VM", call)

			first := connected(t, server)
			p := first.planOnce(first.none(), linux("web-01"))
			first.mustSucceed("plan", p.diags)
			done := make(chan resource)
			go func() {
				created, _ := first.applyOnce(first.ctx, p) // fails in one of the cases
				done <- created
			}()
			gate.AwaitCall()

			h := connected(t, server)
			if text := render(h.planOnce(h.none(), linux("web-01")).diags); !containsAll(text, []string{"is creating it", "adopt_existing = true, which waits"}) {
				t.Errorf("without adopt_existing the plan says\n%s", text)
			}
			adopting := linux("web-01").with(attrs{"adopt_existing": true})
			h = connected(t, server)
			plan := h.planOnce(h.none(), adopting)
			h.mustWarn(plan.diags, "vm_name", "is waited for")
			adopted := make(chan resource)
			go func() {
				r, diags := h.applyOnce(h.ctx, plan)
				if hasError(diags) {
					t.Error(render(diags))
				}
				adopted <- r
			}()
			gate.Release()
			created, got := <-done, <-adopted
			vms := vmsOf(t, server)
			if len(vms) != 1 || vms[0].ID != h.get(got, "id") || fails != created.value.IsNull() || !fails && h.get(got, "id") != first.get(created, "id") {
				t.Errorf("the host has %+v, the first run has none: %t, the second run: %t", vms, created.value.IsNull(), got.value.IsNull())
			}
		})
	}
}

func TestDifferencesOfAnAdoptedVMAreLeftToTheNextPlan(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	id, _ := killed(t, server, linux("web-01"))
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Notes, s.VMs[0].State = "by hand", "Off" })
	before := vmsOf(t, server)
	h := connected(t, server)
	config := linux("web-01").with(attrs{"adopt_existing": true, "notes": nil})
	adopted, diags := h.applyOnce(h.ctx, planOnEmptyHost(t, config))
	h.mustSucceed("apply", diags)
	h.mustHave(adopted, attrs{"id": id, "power_state": "running"})
	if after := vmsOf(t, server); !reflect.DeepEqual(after, before) {
		t.Errorf("the host changed:\n%+v\nwas\n%+v", after, before)
	}
	next := connected(t, server)
	read := next.mustRead(adopted)
	next.mustHave(read, attrs{"power_state": "off"})
	p := next.plan(read, config)
	next.mustSucceed("plan", p.diags)
	repaired, diags := next.apply(next.ctx, p)
	next.mustSucceed("apply", diags)
	next.mustHave(repaired, attrs{"id": id, "power_state": "running", "state": "running"})
}

func TestAVMOfAnotherResourceIsNotAdopted(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	first := connected(t, server)
	adopting := linux("web-01").with(attrs{"adopt_existing": true})
	created := first.mustApply(first.none(), adopting)
	plan := planOnEmptyHost(t, adopting)

	t.Run("it is in the state", func(t *testing.T) {
		h := connected(t, server)
		h.mustRead(created)
		left, diags := h.applyOnce(h.ctx, plan)
		h.mustFail(diags, "vm_name", "This configuration manages it already", "create_before_destroy")
		if !left.value.IsNull() {
			t.Errorf("the state has %s", left.value)
		}
	})
	t.Run("another resource adopted it", func(t *testing.T) {
		h := connected(t, server)
		_, diags := h.applyOnce(h.ctx, plan)
		h.mustSucceed("the first", diags)
		_, diags = h.applyOnce(h.ctx, plan)
		h.mustFail(diags, "vm_name", "This configuration manages it already")
	})
	t.Run("the resource that had it keeps it on the host", func(t *testing.T) {
		// With create_before_destroy, or a changed label, Terraform creates the new resource first.
		h := connected(t, server)
		adopted, diags := h.applyOnce(h.ctx, plan)
		h.mustSucceed("the new resource", diags)
		gone, diags := h.applyOnce(h.ctx, planned{prior: created, planned: h.none()})
		h.mustSucceed("the old resource", diags)
		if text := render(diags); !strings.Contains(text, "was not deleted") || !gone.value.IsNull() {
			t.Errorf("the state has %s after\n%s", gone.value, text)
		}
		if vms := vmsOf(t, server); len(vms) != 1 || vms[0].ID != h.get(adopted, "id") {
			t.Errorf("the host has %+v", vms)
		}
	})
}

func TestAPlanWithUnknownValuesAdoptsWhatItCanCompare(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	id, _ := killed(t, server, linux("web-01").with(attrs{"notes": "n"}))
	adopting := linux("web-01").with(attrs{"adopt_existing": true})
	for notes, adopts := range map[string]bool{"n": true, "another": false} {
		h := connected(t, server)
		p := h.planOnce(h.none(), adopting.with(attrs{"notes": unknown{}}))
		h.mustWarn(p.diags, "vm_name", "Existing virtual machine web-01 is adopted")
		got, diags := h.applyOnce(h.ctx, planOnEmptyHost(t, adopting.with(attrs{"notes": notes})))
		if adopts {
			h.mustSucceed("apply", diags)
			h.mustHave(got, attrs{"id": id})
			continue
		}
		h.mustFail(diags, "vm_name", "with other values of notes")
	}
	h := connected(t, server)
	p := h.planOnce(h.none(), adopting.with(attrs{"notes": unknown{}, "gb_ram": 6}))
	h.mustWarn(p.diags, "vm_name", "with other values of gb_ram")
}
