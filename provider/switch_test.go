// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simtest"
)

const switchType = "hypervvm_switch"

func (h *harness) noSwitch() tftypes.Value { return tftypes.NewValue(h.resourceKind(switchType), nil) }

// hostSwitch returns the virtual switch of a host with a name, or an empty one.
func hostSwitch(t *testing.T, server *simhost.Server, name string) hyperv.Switch {
	t.Helper()
	state, err := server.Store().Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, sw := range state.Switches {
		if sw.Name == name {
			return sw
		}
	}
	return hyperv.Switch{}
}

// importSwitch imports a switch and reads it.
func (h *harness) importSwitch(id string) attrs {
	h.t.Helper()
	imported, err := h.server.ImportResourceState(h.ctx, &tfprotov6.ImportResourceStateRequest{TypeName: switchType, ID: id})
	if err != nil {
		h.t.Fatal(err)
	}
	h.mustSucceed("import", imported.Diagnostics)
	value, err := imported.ImportedResources[0].State.Unmarshal(h.resourceKind(switchType))
	if err != nil {
		h.t.Fatal(err)
	}
	return plain(h.mustReadResource(switchType, value)).(attrs)
}

func TestAVirtualSwitchIsAResource(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		h := connected(t, server)
		config := attrs{"name": "Storage", "switch_type": "external", "net_adapter_names": []any{"ethernet 2", "Ethernet 3"}, "notes": "rack 4", "minimum_bandwidth_mode": "weight"}
		created, diags := h.applyResource(switchType, h.noSwitch(), config)
		h.mustSucceed("create", diags)
		if sw := hostSwitch(t, server, "Storage"); sw.Type != "External" || !sw.ManagementOS || !sw.EmbeddedTeaming || sw.Notes != "rack 4" || sw.BandwidthMode != "Weight" || len(sw.NetAdapters) != 2 {
			t.Fatalf("the host has %+v", sw)
		}
		if read := h.mustReadResource(switchType, created); !read.Equal(created) {
			t.Errorf("read %v, want %v", read, created)
		}
		_, diags = h.applyResource(switchType, h.noSwitch(), config)
		h.mustFail(diags, "name", "has a virtual switch of this name already", "Import it with the id")
		id := plain(created).(attrs)["id"].(string)
		for _, by := range []string{"127.0.0.1/storage", "127.0.0.1/" + id, id} {
			if imported := h.importSwitch(by); imported["id"] != id || imported["switch_type"] != "external" || imported["notes"] != "rack 4" {
				t.Errorf("imported by %s: %v", by, imported)
			}
		}

		changed := config.with(attrs{"notes": "rack 5", "allow_management_os": false, "allow_host_disconnect": true})
		updated, diags := h.applyResource(switchType, created, changed)
		h.mustSucceed("update", diags)
		if sw := hostSwitch(t, server, "Storage"); sw.ID != id || sw.Notes != "rack 5" || sw.ManagementOS {
			t.Errorf("the host has %+v", sw)
		}
		updateHost(t, server, func(s *hyperv.State) {
			s.Switches[1].Notes = "drift"
			s.VMs = append(s.VMs, hyperv.VM{ID: powerVM, Name: "old-01", State: "Off", Generation: 2, Adapters: []hyperv.Adapter{{Name: "a", SwitchName: "STORAGE"}}})
		})
		if read := plain(h.mustReadResource(switchType, updated)).(attrs); read["notes"] != "drift" {
			t.Errorf("drift is not read: %v", read)
		}
		_, diags = h.applyResource(switchType, updated, nil)
		h.mustFail(diags, "id", "virtual machines are connected to virtual switch 'Storage': old-01")
		updateHost(t, server, func(s *hyperv.State) { s.VMs = nil })
		for range 2 { // the second time it does not exist
			_, diags = h.applyResource(switchType, updated, nil)
			h.mustSucceed("destroy", diags)
		}
		if read := h.mustReadResource(switchType, updated); !read.IsNull() {
			t.Errorf("a switch that vanished is read as %v", read)
		}
	})
}

func TestAVirtualSwitchDoesNotCutTheConnectionToItsHost(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	updateHost(t, server, func(s *hyperv.State) { s.Switches = nil }) // the host uses Ethernet itself
	config := attrs{"name": "Uplink", "switch_type": "external", "net_adapter_names": []any{"Ethernet"}}
	_, diags := h.applyResource(switchType, h.noSwitch(), config.with(attrs{"allow_management_os": false}))
	h.mustFail(diags, "allow_management_os", "network adapter 'Ethernet' carries the connection", "allow_host_disconnect")
	if sw := hostSwitch(t, server, "Uplink"); sw.Name != "" {
		t.Fatalf("the host has %+v", sw)
	}
	created, diags := h.applyResource(switchType, h.noSwitch(), config)
	h.mustSucceed("create", diags)
	_, diags = h.applyResource(switchType, created, config.with(attrs{"allow_management_os": false}))
	h.mustFail(diags, "allow_management_os", "vEthernet (Uplink)", "carries the connection")
	_, diags = h.applyResource(switchType, created, nil)
	h.mustFail(diags, "id", "vEthernet (Uplink)", "allow_host_disconnect")
	allowed, diags := h.applyResource(switchType, created, config.with(attrs{"allow_host_disconnect": true}))
	h.mustSucceed("update", diags)
	_, diags = h.applyResource(switchType, allowed, nil)
	h.mustSucceed("destroy", diags)
	_, diags = h.applyResource(switchType, h.noSwitch(), config.with(attrs{"allow_management_os": false, "allow_host_disconnect": true}))
	h.mustSucceed("create", diags)
}

func TestAFailedOrCancelledJobLeavesNoVirtualSwitch(t *testing.T) {
	t.Parallel()
	config := attrs{"name": "Lab", "switch_type": "private"}
	t.Run("failed", func(t *testing.T) {
		t.Parallel()
		server := startHost(t, nil)
		h := connected(t, server)
		updateHost(t, server, func(s *hyperv.State) {
			s.Behaviour.Calls = map[string]hyperv.Call{"New-VMSwitch": {Fail: "the provider failed", After: true}}
		})
		_, diags := h.applyResource(switchType, h.noSwitch(), config)
		h.mustFail(diags, "", "Unable to create virtual switch Lab", "the provider failed")
		if sw := hostSwitch(t, server, "Lab"); sw.Name != "" {
			t.Errorf("the host has %+v", sw)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		server := startHost(t, nil)
		gate := simtest.Hold(t, server, "New-VMSwitch")
		h := connected(t, server)
		ctx, cancel := context.WithCancel(h.ctx)
		defer cancel()
		h.ctx = ctx
		done := make(chan []*tfprotov6.Diagnostic)
		go func() {
			_, diags := h.applyResource(switchType, h.noSwitch(), config)
			done <- diags
		}()
		gate.AwaitCall()
		before := len(server.Log())
		cancel() // as Ctrl-C
		simtest.AwaitAnswer(t, server, before)
		gate.Release()
		h.mustFail(<-done, "", "Unable to create virtual switch Lab", "cancel")
		if sw := hostSwitch(t, server, "Lab"); sw.Name != "" {
			t.Errorf("the host has %+v", sw)
		}
	})
}

func TestInvalidVirtualSwitchesAreRefusedWithoutAHost(t *testing.T) {
	t.Parallel()
	h := newHarnessWith(t, loadSchema(t))
	for want, config := range map[string]attrs{
		"net_adapter_names":       {"name": "a", "switch_type": "external"},
		"switch_type":             {"name": "a", "switch_type": "External"},
		"allow_management_os":     {"name": "a", "switch_type": "private", "allow_management_os": false},
		"enable_embedded_teaming": {"name": "a", "switch_type": "external", "net_adapter_names": []any{"b", "c"}, "enable_embedded_teaming": false},
		"name":                    {"name": " a", "switch_type": "internal"},
		"minimum_bandwidth_mode":  {"name": "a", "switch_type": "internal", "minimum_bandwidth_mode": "default"},
	} {
		resp, err := h.server.ValidateResourceConfig(h.ctx, &tfprotov6.ValidateResourceConfigRequest{TypeName: switchType, Config: h.dynamic(h.resourceKind(switchType), config)})
		if err != nil {
			t.Fatal(err)
		}
		h.mustFail(resp.Diagnostics, want, want)
	}
}

func TestAChangeOfATypeOrANetworkAdapterReplacesAVirtualSwitch(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	config := attrs{"name": "Storage", "switch_type": "external", "net_adapter_names": []any{"Ethernet 2"}}
	created, diags := h.applyResource(switchType, h.noSwitch(), config)
	h.mustSucceed("create", diags)
	for change, want := range map[string][]string{"net_adapter_names": {"net_adapter_names"}, "letter case": nil, "notes": nil} {
		wanted := config.with(map[string]attrs{
			"net_adapter_names": {"net_adapter_names": []any{"Ethernet 3"}}, "letter case": {"net_adapter_names": []any{"ETHERNET 2"}, "name": "storage"}, "notes": {"notes": "x"},
		}[change])
		kind := h.resourceKind(switchType)
		proposed := proposedObject(h.schema.ResourceSchemas[switchType].Block.Attributes, created, h.value(kind, wanted))
		plan, err := h.server.PlanResourceChange(h.ctx, &tfprotov6.PlanResourceChangeRequest{
			TypeName: switchType, PriorState: h.encode(created), ProposedNewState: h.encode(proposed), Config: h.dynamic(kind, wanted),
		})
		if err != nil {
			t.Fatal(err)
		}
		h.mustSucceed("plan", plan.Diagnostics)
		var got []string
		for _, p := range plan.RequiresReplace {
			got = append(got, string(p.Steps()[0].(tftypes.AttributeName)))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("a change of %s replaces because of %v, want %v", change, got, want)
		}
	}
}
