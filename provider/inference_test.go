// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"slices"
	"strings"
	"testing"
)

// withoutFamily is a configuration that does not say what the image is of.
func withoutFamily(image any) attrs {
	return linux("web-01").with(attrs{"os_family": nil, "image_name": image})
}

func TestPlanContainsInferredValues(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	for name, c := range map[string]struct {
		config attrs
		want   any
	}{
		"from a Linux image":        {withoutFamily("ubuntu-24.04"), "linux"},
		"from a Windows image":      {withoutFamily("windows-server-2022"), "windows"},
		"later, as the image does":  {withoutFamily(unknown{}), unknown{}},
		"but what is said counts":   {withoutFamily("ubuntu-24.04").with(attrs{"os_family": "windows"}), "windows"},
		"even if it is said later":  {withoutFamily("ubuntu-24.04").with(attrs{"os_family": unknown{}}), unknown{}},
		"and what depends on it is": {withoutFamily(unknown{}).with(attrs{"cnf_ansible_ssh_user": "a", "cnf_ansible_ssh_key": "ssh-ed25519 AAAA"}), unknown{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := connected(t, server)
			p := h.plan(h.none(), c.config)
			h.mustSucceed("plan", p.diags)
			h.mustHave(p.planned, attrs{"os_family": c.want})
		})
	}
}

func TestAValueThatCannotBeInferredIsRequired(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.mustFail(h.validate(withoutFamily("golden-7")), "os_family",
		"os_family is required: nothing infers it from image_name \"golden-7\"", `Set it to "linux" or "windows"`)
	h.mustSucceed("what is said", h.validate(withoutFamily("golden-7").with(attrs{"os_family": "linux"})))
	h.mustFail(h.validate(withoutFamily(nil)), "image_name", "required")
	h.mustFail(h.validate(withoutFamily("ubuntu-24.04").with(attrs{"guest_domain_jointarget": "corp.lab.example", "guest_domain_joinuid": "u", "guest_domain_joinpw": writeOnlySecret})),
		"guest_domain_jointarget", `no meaning where os_family is "linux"`)
}

func TestAChangedImageIsInferredAgain(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	made := h.mustApply(h.none(), withoutFamily("ubuntu-24.04"))
	h.mustHave(made, attrs{"os_family": "linux"})
	h.wantEmptyPlan(made, withoutFamily("ubuntu-24.04"))
	h.wantEmptyPlan(made, linux("web-01")) // saying what was inferred changes nothing

	p := h.plan(made, withoutFamily("windows-server-2022"))
	h.mustSucceed("plan", p.diags)
	h.mustHave(p.planned, attrs{"os_family": "windows"})
	slices.Sort(p.replace)
	if strings.Join(p.replace, " ") != "image_name os_family" {
		t.Errorf("replaced for %v", p.replace)
	}
	other, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	h.mustHave(other, attrs{"os_family": "windows"})

	later := connected(t, server)
	p = later.plan(other, withoutFamily(unknown{}))
	later.mustSucceed("plan", p.diags)
	later.mustHave(p.planned, attrs{"os_family": unknown{}})
}

func TestInferredValuesAreKeptIfTheRulesChange(t *testing.T) {
	t.Parallel()
	rules := func(version, second string) string {
		return labText(version, `
  - id: flavour
    type: enum
    validations: {one_of: [small, large]}
    infer: {from: image_name, rules: [{pattern: '^ubuntu', value: `+second+`}, {pattern: '^windows', value: large}]}
    change: in_place
`, "")
	}
	server := startHost(t, nil)
	first := connectedWith(t, server, schemaOf(t, rules("1", "small")))
	made := first.mustApply(first.none(), minimal("web-01"))
	first.mustHave(made, attrs{"flavour": "small"})

	h := connectedWith(t, server, schemaOf(t, rules("2", "large")))
	state := h.mustUpgrade(1, first.stateFile(made))
	state.private = made.private
	h.wantEmptyPlan(state, minimal("web-01"))

	chosen := minimal("web-01").with(attrs{"flavour": "large"})
	changed := h.mustApply(state, chosen)
	h.mustHave(changed, attrs{"flavour": "large", "id": h.get(made, "id")})
	h.wantEmptyPlan(changed, minimal("web-01")) // what was said is kept as well
}

func TestImportAcceptsInferredValues(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	first := connected(t, server)
	first.mustApply(first.none(), withoutFamily("ubuntu-24.04"))
	h := connected(t, server)
	imported := h.mustImport(server.Address() + "/web-01")
	h.mustHave(imported, attrs{"os_family": "linux"})
	config := withoutFamily("ubuntu-24.04").with(attrs{"switch_name": "External"})
	h.wantEmptyPlan(h.mustApply(imported, config), config)
}

func TestPowerCyclesNeedPermissionUnderACustomSchema(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connectedWith(t, server, labSchema(t))
	made := h.mustApply(h.none(), lab("web-01"))
	bigger := lab("web-01").with(attrs{"memory": 8, "cpus": 4})
	p := h.plan(made, bigger)
	h.mustFail(p.diags, "memory", "Unable to plan virtual machine web-01", "Changing memory", "allow_power_cycle = true")
	h.mustFail(p.diags, "cpus", "Changing cpus")
	changed := h.mustApply(made, bigger.with(attrs{"allow_power_cycle": true}))
	h.mustHave(changed, attrs{"memory": 8, "cpus": 4, "id": h.get(made, "id"), "state": "running"})
	state, err := server.Store().Read()
	if err != nil {
		t.Fatal(err)
	}
	if vm := state.VMs[0]; vm.MemoryStartupBytes != 8<<30 || vm.ProcessorCount != 4 {
		t.Errorf("the host has %+v", vm)
	}
	if !strings.Contains(h.log.String(), "shut down the virtual machine to change") {
		t.Error("the machine was not shut down")
	}
}
