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

// data reads a data source.
func (h *harness) data(name string, config attrs) (attrs, []*tfprotov6.Diagnostic) {
	h.t.Helper()
	kind := h.schema.DataSourceSchemas[name].ValueType()
	resp, err := h.server.ReadDataSource(h.ctx, &tfprotov6.ReadDataSourceRequest{TypeName: name, Config: h.dynamic(kind, config)})
	if err != nil {
		h.t.Fatal(err)
	}
	if hasError(resp.Diagnostics) || resp.State == nil {
		return nil, resp.Diagnostics
	}
	value, err := resp.State.Unmarshal(kind)
	if err != nil {
		h.t.Fatal(err)
	}
	return plain(value).(attrs), resp.Diagnostics
}

// mustData reads a data source, which must succeed.
func (h *harness) mustData(name string, config attrs) attrs {
	h.t.Helper()
	values, diags := h.data(name, config)
	h.mustSucceed(name, diags)
	return values
}

func TestDataSourcesShowAHostAndItsVMs(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		h := connected(t, server)
		created := h.mustApply(h.none(), linux("web-01").with(attrs{"notes": "n", "switch_name": "External", "gb_ram": 2}))
		addPowerVM(t, server, "Off")
		h = connected(t, server)
		posts := server.Counters().POSTs

		host := h.mustData("hypervvm_host", attrs{})
		if host["host"] != server.Address() || host["computer_name"] != "SIMHOST" || fmt.Sprint(host["vm_count"]) != "2" || host["cluster"] != nil || host["agent_installed"] != true ||
			!strings.Contains(host["image_path"].(string), "Images") {
			t.Errorf("host is %v", host)
		}
		images := h.mustData("hypervvm_images", attrs{})
		if list := images["images"].([]any); len(list) != 2 || list[0].(attrs)["name"] != "ubuntu-24.04" || images["image_path"] != host["image_path"] {
			t.Errorf("images are %v", images)
		}
		all := h.mustData("hypervvm_vms", attrs{})["vms"].([]any)
		if len(all) != 2 || all[0].(attrs)["name"] != "old-01" || all[1].(attrs)["name"] != "web-01" {
			t.Fatalf("virtual machines are %v", all)
		}
		for _, config := range []attrs{{"name": "WEB-01"}, {"id": h.get(created, "id")}, {"id": h.get(created, "id"), "host": server.Address()}} {
			vm := h.mustData("hypervvm_vm", config)
			if !equal(vm, all[1]) && !equal(vm, all[1].(attrs).with(config)) {
				t.Errorf("virtual machine is %v, in the list %v", vm, all[1])
			}
			if vm["notes"] != "n" || vm["state"] != "running" || fmt.Sprint(vm["memory_gb"]) != "2" || vm["job_id"] == nil || vm["host"] != server.Address() {
				t.Errorf("virtual machine is %v", vm)
			}
		}
		if unmanaged := h.mustData("hypervvm_vms", attrs{"unmanaged_only": true, "state": "off", "name_regex": "^OLD"})["vms"].([]any); len(unmanaged) != 1 {
			t.Errorf("unmanaged virtual machines are %v", unmanaged)
		}
		t.Logf("%d requests", server.Counters().POSTs-posts)

		for _, tt := range []struct {
			name, attribute, text string
			config                attrs
		}{
			{"hypervvm_vm", "", "is not on host", attrs{"name": "none"}},
			{"hypervvm_vm", "id", "Set either id or name", attrs{}},
			{"hypervvm_vm", "id", "Set either id or name", attrs{"id": powerVM, "name": "old-01"}},
			{"hypervvm_vm", "id", "must be the GUID", attrs{"id": "old-01"}},
			{"hypervvm_vms", "name_regex", "missing closing )", attrs{"name_regex": "("}},
			{"hypervvm_host", "host", "Use one of: " + server.Address(), attrs{"host": "hv99"}},
		} {
			_, diags := h.data(tt.name, tt.config)
			h.mustFail(diags, tt.attribute, tt.text)
		}
	})
}

func TestDataSourcesOfSeveralHosts(t *testing.T) {
	t.Parallel()
	n := startNodes(t, true, func(t *testing.T) *simhost.Server { return startHost(t, nil) })
	addPowerVM(t, n.hosts["hv01"], "Off")
	updateHost(t, n.hosts["hv01"], func(s *hyperv.State) { s.Host.MemoryAvailableBytes = 3 << 29 })
	if err := n.hosts["hv02"].SetHealth(simhost.Refusing); err != nil {
		t.Fatal(err)
	}
	h := n.connect("hv01", "hv02")
	hosts := h.mustData("hypervvm_hosts", attrs{})["hosts"].([]any)
	first, second := hosts[0].(attrs), hosts[1].(attrs)
	if first["cluster"] != "CL01" || first["error"] != nil || fmt.Sprint(first["memory_available_gb"]) != "1.5" {
		t.Errorf("hv01 is %v", first)
	}
	if second["host"] != "hv02" || !strings.Contains(second["error"].(string), "hv02") || second["memory_gb"] != nil {
		t.Errorf("hv02 is %v", second)
	}
	_, diags := h.data("hypervvm_host", attrs{})
	h.mustFail(diags, "host", "Missing host", "hv01, hv02")
	_, diags = h.data("hypervvm_host", attrs{"host": "hv02"})
	h.mustFail(diags, "host", "Unable to read host hv02")
	if vms := h.mustData("hypervvm_vms", attrs{"host": "HV01"})["vms"].([]any); len(vms) != 1 || vms[0].(attrs)["host"] != "hv01" {
		t.Errorf("virtual machines are %v", vms)
	}
}

func TestVirtualSwitchesAreRead(t *testing.T) {
	t.Parallel()
	eachAgent(t, func(t *testing.T, server *simhost.Server) {
		const first, second = "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e12"
		updateHost(t, server, func(s *hyperv.State) {
			s.Switches = []hyperv.Switch{{ID: first, Name: "lab", Type: "Private"}, {ID: second, Name: "External", Type: "External", NetAdapters: []string{"Ethernet 2"}, ManagementOS: true, Notes: "rack 4"}}
		})
		h := connected(t, server)
		got := h.mustData("hypervvm_switches", attrs{})
		want := []any{
			attrs{"id": second, "name": "External", "type": "external", "notes": "rack 4", "allow_management_os": true, "net_adapter_names": []any{"Ethernet 2"}},
			attrs{"id": first, "name": "lab", "type": "private", "notes": "", "allow_management_os": false, "net_adapter_names": []any{}},
		}
		if !equal(got, attrs{"host": server.Address(), "switches": want}) {
			t.Errorf("got %v", got)
		}
		updateHost(t, server, func(s *hyperv.State) { s.Switches = nil })
		if got := h.mustData("hypervvm_switches", attrs{})["switches"]; !equal(got, []any{}) {
			t.Errorf("got %v", got)
		}
	})
}
