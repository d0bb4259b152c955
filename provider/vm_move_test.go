// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// foreign is a resource of another provider in a state.
type foreign struct{ provider, kind, state, private string }

// The two whose virtual machines can be moved, as their versions 1.2.1 and 0.4.0 record them, shortened. The first uses
// terraform-plugin-sdk, whose private state the framework cannot read.
func machineInstance(name string) foreign {
	return foreign{
		"registry.terraform.io/taliesins/hyperv", "hyperv_machine_instance",
		fmt.Sprintf(`{"id":%q,"name":%[1]q,"generation":2,"processor_count":1,"static_memory":true,"network_adaptors":[{"name":"wan"}]}`, name),
		`{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":1800000000000},"schema_version":"0"}`,
	}
}

func windsorVM(name string) foreign {
	return foreign{
		"registry.opentofu.org/windsorcli/hyperv", "hyperv_vm",
		fmt.Sprintf(`{"id":%q,"name":%[1]q,"generation":2,"vcpu":1,"memory_bytes":4294967296,"state":"Running"}`, name), "",
	}
}

// moveState calls a provider that is not configured, as Terraform does for a moved block.
func moveState(t *testing.T, from foreign) (resource, []*tfprotov6.Diagnostic) {
	t.Helper()
	h := newHarness(t)
	resp, err := h.server.MoveResourceState(h.ctx, &tfprotov6.MoveResourceStateRequest{
		SourceProviderAddress: from.provider, SourceTypeName: from.kind, SourceState: &tfprotov6.RawState{JSON: []byte(from.state)},
		SourcePrivate: []byte(from.private), TargetTypeName: "hypervvm",
	})
	if err != nil {
		t.Fatal(err)
	}
	if hasError(resp.Diagnostics) {
		return h.none(), resp.Diagnostics
	}
	return resource{value: h.decode(resp.TargetState), private: resp.TargetPrivate, identity: resp.TargetIdentity}, resp.Diagnostics
}

// mustMove moves a virtual machine that a refresh has to find.
func mustMove(t *testing.T, from foreign) resource {
	t.Helper()
	moved, diags := moveState(t, from)
	if hasError(diags) {
		t.Fatal(render(diags))
	}
	if moved.identity != nil {
		t.Errorf("the identity is set before the virtual machine is found: %v", moved.identity)
	}
	return moved
}

// withVM adds a virtual machine that no job created to a host.
func withVM(t *testing.T, server *simhost.Server, id, name string) {
	t.Helper()
	vm := hyperv.VM{
		ID: id, Name: name, State: "Running", Generation: 2, MemoryStartupBytes: 4 << 30, ProcessorCount: 1, CheckpointType: "Disabled",
		AutomaticStartAction: "StartIfRunning", AutomaticStopAction: "ShutDown", SecureBoot: "On",
	}
	updateHost(t, server, func(s *hyperv.State) { s.VMs = append(s.VMs, vm) })
}

const movedID = "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11"

func TestAVMOfAnotherProviderIsMoved(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]foreign{"taliesins": machineInstance("web-01"), "windsorcli": windsorVM("WEB-01")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
			withVM(t, n.hosts["hv02"], movedID, "web-01")
			h := n.connect("hv01", "hv02")
			moved := mustMove(t, from)
			read, diags := h.read(moved)
			h.mustWarn(diags, "", "moves from another provider", "host hv02", movedID, "right one")
			h.mustHave(read, attrs{"id": movedID, "host": "hv02", "vm_name": "web-01", "gb_ram": 4, "cpu_cores": 1})
			h.wantIdentity(read, "hv02", movedID)

			config := h.generated(read)
			h.wantEmptyPlan(read, config)
			h.wantEmptyPlan(read, attrs{"host": "hv02", "vm_name": "web-01", "cpu_cores": 1})
			again, diags := h.read(read)
			h.mustSucceed("read", diags)
			if len(diags) > 0 {
				t.Errorf("the next refresh reports %s", render(diags))
			}
			updated := h.mustApply(again, config.with(attrs{"notes": "moved"}))
			if vm := n.vm("hv02"); vm.Notes != "moved" || vm.ID != movedID {
				t.Errorf("got %+v", vm)
			}
			h.mustApply(updated, nil)
			n.wantNone()
		})
	}
}

func TestAMovedVMOfTheOnlyHostIsFound(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	withVM(t, server, movedID, "web-01")
	h := connected(t, server)
	read := h.mustRead(mustMove(t, windsorVM("web-01")))
	h.mustHave(read, attrs{"id": movedID, "host": server.Address()})
	h.wantEmptyPlan(read, attrs{"vm_name": "web-01", "cpu_cores": 1})
}

func TestAMovedVMThatIsNotTheOnlyOneOfItsNameIsRefused(t *testing.T) {
	t.Parallel()
	n := startNodes(t, false, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
	const other = "7f6f3f0e-3a52-4d0f-9a55-2c9c64b5a0d1"
	withVM(t, n.hosts["hv01"], movedID, "web-01")
	withVM(t, n.hosts["hv02"], other, "Web-01")
	h := n.connect("hv01", "hv02")
	_, diags := h.read(mustMove(t, machineInstance("web-01")))
	h.mustFail(diags, "", "Unable to move virtual machine web-01", "hv01/"+movedID, "hv02/"+other, "import block", "terraform state rm")

	_, diags = h.read(mustMove(t, machineInstance("web-02")))
	h.mustFail(diags, "", "Unable to move virtual machine web-02", "hv01, hv02", `named "web-02"`, "Add its host", "import block")

	if err := n.hosts["hv02"].SetHealth(simhost.Refusing); err != nil {
		t.Fatal(err)
	}
	h = n.connect("hv01", "hv02")
	_, diags = h.read(mustMove(t, machineInstance("web-01")))
	h.mustFail(diags, "host", "Unable to move virtual machine web-01", "Each host has to be asked for virtual machines of this name: host hv02")
}

func TestAMovedVMIsFoundByARefreshOnly(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	withVM(t, server, movedID, "web-01")
	h := connected(t, server)
	moved := mustMove(t, windsorVM("web-01"))
	h.mustFail(h.plan(moved, attrs{"vm_name": "web-01"}).diags, "", "Unable to plan virtual machine web-01", "without -refresh=false")
	h.mustFail(h.planOnce(moved, nil).diags, "", "without -refresh=false")

	h = newHarness(t)
	h.mustSucceed("configure", h.configure(attrs{"host": settings(server).with(attrs{"password": unknown{}})}))
	_, diags := h.read(moved)
	h.mustFail(diags, "", "Unable to move virtual machine web-01", "not known yet")
}

func TestOtherSourcesOfAMoveAreRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for name, from := range map[string]foreign{
		"another type":              {"registry.terraform.io/taliesins/hyperv", "hyperv_vhd", `{"path":"C:\\a.vhdx"}`, ""},
		"another provider":          {"registry.terraform.io/example/hyperv", "hyperv_vm", `{"name":"web-01"}`, ""},
		"the type of another one":   {"registry.terraform.io/windsorcli/hyperv", "hyperv_machine_instance", `{"name":"web-01"}`, ""},
		"a provider of that ending": {"registry.terraform.io/not-windsorcli/hyperv", "hyperv_vm", `{"name":"web-01"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, diags := moveState(t, from)
			h.mustFail(diags, "", "does not include support for the given source resource")
		})
	}
	for _, state := range []string{`{}`, `{"name":""}`, `{"name":null}`, `{"name":1}`, `[]`} {
		from := windsorVM("")
		from.state = state
		_, diags := moveState(t, from)
		h.mustFail(diags, "", "Unable to move virtual machine", "The state of hyperv_vm has no name", "windsorcli/hyperv")
	}
}
