// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"slices"
	"strings"
	"testing"
)

// withoutFamily returns a configuration without os_family.
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
		"from a Linux image":                       {withoutFamily("ubuntu-24.04"), "linux"},
		"from a Windows image":                     {withoutFamily("windows-server-2022"), "windows"},
		"unknown image":                            {withoutFamily(unknown{}), unknown{}},
		"configured family":                        {withoutFamily("ubuntu-24.04").with(attrs{"os_family": "windows"}), "windows"},
		"unknown family":                           {withoutFamily("ubuntu-24.04").with(attrs{"os_family": unknown{}}), unknown{}},
		"unknown family with dependent attributes": {withoutFamily(unknown{}).with(attrs{"cnf_ansible_ssh_user": "a", "cnf_ansible_ssh_key": "ssh-ed25519 AAAA"}), unknown{}},
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
	h := connected(t, startHost(t, nil))
	// Only a virtual machine to create needs them, so that the plan reports it.
	h.mustFail(h.plan(h.none(), withoutFamily("golden-7")).diags, "os_family",
		"os_family is required: it cannot be inferred from image_name \"golden-7\"", `Set it to "linux" or "windows"`)
	h.mustSucceed("validate", h.validate(withoutFamily("golden-7").with(attrs{"os_family": "linux"})))
	h.mustFail(h.plan(h.none(), withoutFamily(nil)).diags, "image_name", "required")
	h.mustFail(h.validate(withoutFamily("ubuntu-24.04").with(attrs{"guest_domain_jointarget": "corp.lab.example", "guest_domain_joinuid": "u", "guest_domain_joinpw": writeOnlySecret})),
		"guest_domain_jointarget", `does not apply when os_family is "linux"`)
}

func TestAChangedImageIsInferredAgain(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	created := h.mustApply(h.none(), withoutFamily("ubuntu-24.04"))
	h.mustHave(created, attrs{"os_family": "linux"})
	h.wantEmptyPlan(created, withoutFamily("ubuntu-24.04"))
	h.wantEmptyPlan(created, linux("web-01")) // setting the inferred value changes nothing

	p := h.plan(created, withoutFamily("windows-server-2022"))
	h.mustSucceed("plan", p.diags)
	h.mustHave(p.planned, attrs{"os_family": "windows"})
	slices.Sort(p.replace)
	if strings.Join(p.replace, " ") != "image_name os_family" {
		t.Errorf("replaced because of %v", p.replace)
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
	created := first.mustApply(first.none(), minimal("web-01"))
	first.mustHave(created, attrs{"flavour": "small"})

	h := connectedWith(t, server, schemaOf(t, rules("2", "large")))
	state := h.mustUpgrade(1, first.stateFile(created))
	state.private = created.private
	h.wantEmptyPlan(state, minimal("web-01"))

	chosen := minimal("web-01").with(attrs{"flavour": "large"})
	changed := h.mustApply(state, chosen)
	h.mustHave(changed, attrs{"flavour": "large", "id": h.get(created, "id")})
	h.wantEmptyPlan(changed, minimal("web-01")) // a value that was set is kept as well
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
	created := h.mustApply(h.none(), lab("web-01"))
	bigger := lab("web-01").with(attrs{"memory": 8, "cpus": 4})
	p := h.plan(created, bigger)
	h.mustFail(p.diags, "memory", "Unable to plan virtual machine web-01", "allow_power_cycle = true")
	h.mustFail(p.diags, "cpus", "allow_power_cycle = true")
	changed := h.mustApply(created, bigger.with(attrs{"allow_power_cycle": true}))
	h.mustHave(changed, attrs{"memory": 8, "cpus": 4, "id": h.get(created, "id"), "state": "running"})
	state, err := server.Store().Read()
	if err != nil {
		t.Fatal(err)
	}
	if vm := state.VMs[0]; vm.MemoryStartupBytes != 8<<30 || vm.ProcessorCount != 4 {
		t.Errorf("the host has %+v", vm)
	}
	if !strings.Contains(h.log.String(), "shut down the virtual machine to change") {
		t.Error("the virtual machine was not shut down")
	}
}
