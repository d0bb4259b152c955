// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func TestAChangedGuestIsRecordedAndTheVirtualMachineStays(t *testing.T) {
	t.Parallel()
	h := connected(t, startHost(t, nil))
	config := linux("web-01").with(attrs{"guest_time_zone": "Europe/Berlin"})
	created := h.mustApply(h.none(), config)
	changed := config.with(attrs{"guest_time_zone": "UTC", "guest_host_name": "web"})
	p := h.plan(created, changed)
	if len(p.replace) > 0 {
		t.Fatalf("the plan replaces because of %v", p.replace)
	}
	h.mustWarn(p.diags, "guest_host_name", "The guest of virtual machine web-01 is not changed",
		`records guest_host_name, guest_time_zone only. Change the guest itself, or set guest_change = "replace" to have the virtual machine replaced. Its virtual hard disk is deleted with it`)
	updated := h.mustApply(created, changed)
	h.wantEmptyPlan(h.mustRead(updated), changed)
	h.mustHave(updated, attrs{"id": h.get(created, "id"), "guest_time_zone": "UTC"})

	rotated := changed.with(attrs{"guest_la_pw": "an0ther secret", "guest_change": "replace"})
	p = h.plan(updated, rotated)
	if len(p.replace) > 0 {
		t.Errorf("a new password replaces because of %v", p.replace)
	}
	h.mustWarn(p.diags, "guest_la_pw", "is not changed", "records guest_la_pw only. Change the password in the guest itself.")
	if p := h.plan(updated, changed.with(attrs{"guest_setup": "none", "guest_time_zone": "Europe/Rome"})); strings.Contains(render(p.diags), "is not changed") {
		t.Errorf("a guest that is not set up has a warning:\n%s", render(p.diags))
	}
}

func TestAChangedGuestReplacesTheVirtualMachineIfThatIsAskedFor(t *testing.T) {
	t.Parallel()
	h := connected(t, startHost(t, nil))
	config := linux("web-01").with(attrs{"guest_time_zone": "Europe/Berlin", "guest_change": "replace"})
	created := h.mustApply(h.none(), config)
	created = h.object(created, attrs{"data_disks": []any{attrs{"name": "pgdata", "size_gb": 200, "type": "fixed", "keep_on_destroy": false}}})
	p := h.plan(created, config.with(attrs{"guest_time_zone": "UTC", "guest_la_pw": "an0ther secret"}))
	if len(p.replace) != 1 || !strings.Contains(p.replace[0], "guest_time_zone") {
		t.Errorf("the plan replaces because of %v", p.replace)
	}
	h.mustWarn(p.diags, "", "Virtual machine web-01 is replaced", "A change of guest_time_zone requires another virtual machine.", "pgdata (200 GiB)")
	h.wantEmptyPlan(created, config.with(attrs{"data_disks": []any{attrs{"name": "pgdata", "size_gb": 200, "type": "fixed"}}}))
	h.mustFail(h.validate(linux("web-01").with(attrs{"guest_change": "recreate"})), "guest_change", `guest_change cannot be "recreate"`, `Use "ignore" or "replace"`)
}

func TestAnImportedVirtualMachinePlansNothingForItsGuest(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	h.mustApply(h.none(), linux("web-01").with(attrs{"guest_la_uid": nil, "guest_la_pw": nil}))
	imported := connected(t, server).mustImport("127.0.0.1/web-01")
	p := connected(t, server).plan(imported, linux("web-01").with(attrs{"guest_time_zone": "UTC", "guest_change": "replace"}))
	h.mustSucceed("plan", p.diags)
	if len(p.replace) > 0 || strings.Contains(render(p.diags), "is not changed") {
		t.Errorf("the plan replaces because of %v:\n%s", p.replace, render(p.diags))
	}
}

func TestANameThatIsNoHostNameIsReported(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	windows := func(name string, change attrs) attrs {
		return linux(name).with(attrs{"image_name": "windows-server-2022", "os_family": "windows"}).with(change)
	}
	for _, tt := range []struct {
		name   string
		config attrs
		want   string
	}{
		{"a name with a blank", windows("web 01", nil), `A host name of windows cannot be "web 01". The guest gets a host name that is made from the name of the virtual machine. Set guest_host_name to choose one.`},
		{"a long name, which the host reports", windows("web-server-number-one", nil), ""},
		{"a name of digits", windows("2024", nil), `A host name of windows cannot be "2024".`},
		{"a long name on Linux", linux("web-server-number-one"), ""},
		{"an underscore on Linux", linux("web_01"), `A host name of linux cannot be "web_01".`},
		{"a host name", windows("web_1", attrs{"guest_host_name": "web-1"}), ""},
		{"a guest without settings", windows("web_1", attrs{"guest_la_uid": nil, "guest_la_pw": nil}), ""},
		{"a guest that is not set up", windows("web_1", attrs{"guest_setup": "none"}), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := connected(t, server)
			p := h.plan(h.none(), tt.config)
			h.mustSucceed("plan", p.diags)
			if tt.want == "" && !strings.Contains(render(p.diags), "is not a host name") {
				return
			}
			h.mustWarn(p.diags, "guest_host_name", "is not a host name", tt.want)
		})
	}
}

func TestAStateOfVersion1OfTheSchemaPlansNothing(t *testing.T) {
	t.Parallel()
	h := connected(t, startHost(t, nil))
	config := linux("web-01").with(attrs{"guest_v4_ipaddr": "192.0.2.50", "guest_v4_cidrprefix": 24, "guest_v4_defaultgw": "192.0.2.1", "guest_setup": "none"})
	created := h.mustApply(h.none(), config)
	var state map[string]any
	if err := json.Unmarshal([]byte(h.stateFile(created)), &state); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile("../schemas/testdata/vm-provisioning-1.yaml")
	if err != nil {
		t.Fatal(err)
	}
	first, err := jobschema.Load("vm-provisioning-1.yaml", old)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range loadSchema(t).Fields {
		if _, known := first.Field(f.ID); !known {
			delete(state, f.ID)
		}
	}
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	upgraded := h.mustUpgrade(1, string(text))
	upgraded.private = created.private
	h.wantEmptyPlan(upgraded, config.with(attrs{"guest_setup": nil}))
}

// customGuest is a schema of one's own with a role, and with a field that stands for a setting of the guest.
const customGuest = `id: lab
version: 1
fields:
  - {id: name, type: string, required: true, stands_for: vm_name, change: in_place, observed: name}
  - {id: image, type: string, required: true, stands_for: image_name}
  - {id: zone, type: string, guest: time_zone, change: in_place}
  - {id: admin, type: string, stands_for: guest_la_uid, change: in_place}
`

func TestRolesOfACustomSchemaAreThoseOfTheGuest(t *testing.T) {
	t.Parallel()
	s, err := jobschema.Load("lab.yaml", []byte(customGuest))
	if err != nil {
		t.Fatal(err)
	}
	h := connectedWith(t, startHost(t, nil), s)
	config := attrs{"name": "web_01", "image": "ubuntu-24.04", "zone": "Europe/Berlin", "admin": "ops"}
	p := h.plan(h.none(), config)
	h.mustWarn(p.diags, "name", "is not a host name", "Choose a name that is a host name as well.")
	created, diags := h.apply(h.ctx, p)
	h.mustSucceed("apply", diags)
	p = h.plan(created, config.with(attrs{"zone": "UTC", "admin": "lab"}))
	h.mustWarn(p.diags, "zone", "records zone, admin only")
}

func TestAGuestIsSetUpAndItsAddressesAreRead(t *testing.T) {
	t.Parallel()
	server := realAgentInTurn(t, 2)
	h := connected(t, server)
	config := linux("web-01").with(attrs{
		"switch_name": "External", "guest_v4_ipaddr": "192.0.2.50", "guest_v4_cidrprefix": 24, "guest_v4_defaultgw": "192.0.2.1",
		"network_adapters": []any{attrs{"name": "storage", "switch_name": "External", "ipv4_address": "198.51.100.50", "ipv4_prefix": 24}},
	})
	created := h.mustApply(h.none(), config)
	read := h.mustRead(created)
	h.wantEmptyPlan(read, config)
	h.mustHave(read, attrs{"ip_addresses": []any{"192.0.2.50", "198.51.100.50"}})

	imported := connected(t, server).mustImport("127.0.0.1/web-01")
	p := connected(t, server).plan(imported, config)
	h.mustSucceed("plan", p.diags)
	if len(p.replace) > 0 || strings.Contains(render(p.diags), "network_adapters") {
		t.Errorf("an import shows a difference:\n%s", render(p.diags))
	}
}

func TestAddressesThatTheGuestDoesNotHaveAreReported(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	config := linux("web-01").with(attrs{"guest_v4_ipaddr": "192.0.2.50", "guest_v4_cidrprefix": 24, "guest_v4_defaultgw": "192.0.2.1"})
	created := h.mustApply(h.none(), config)
	_, diags := connected(t, server).read(created)
	if len(diags) > 0 {
		t.Fatalf("the addresses of the definition are reported:\n%s", render(diags))
	}
	updateHost(t, server, func(s *hyperv.State) {
		vm := &s.VMs[0]
		vm.Guest = nil
		vm.Adapters[0].IPAddresses = []string{"203.0.113.7", "2001:db8::7"}
		vm.Adapters = append(vm.Adapters, hyperv.Adapter{Name: "storage", SwitchName: "External", MACAddress: "00155D001098", IPAddresses: []string{"203.0.113.8"}})
	})
	two := h.object(created, attrs{"network_adapters": []any{attrs{"name": "Storage", "switch_name": "External", "ipv4_address": "198.51.100.50", "ipv4_prefix": 24}}})
	_, diags = connected(t, server).read(two)
	h.mustWarn(diags, "guest_v4_ipaddr", "The guest of virtual machine web-01 has another address", "guest_v4_ipaddr is 192.0.2.50, and the guest reports 203.0.113.7.")
	h.mustWarn(diags, "network_adapters.0", "has another address", "network_adapters[0].ipv4_address is 198.51.100.50, and the guest reports 203.0.113.8.")
	_, diags = connected(t, server).read(h.object(created, attrs{"guest_setup": "none"}))
	if strings.Contains(render(diags), "has another address") {
		t.Errorf("a guest that is not set up has a warning:\n%s", render(diags))
	}
}
