// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// optionalObserved returns the IDs of the attributes that a configuration may leave to the host.
func optionalObserved(t *testing.T) (ids []string) {
	t.Helper()
	for _, f := range loadSchema(t).Fields {
		if f.Observed != "" && f.Default == nil && !f.Required {
			ids = append(ids, f.ID)
		}
	}
	if len(ids) < 10 {
		t.Fatalf("the schema has only %v", ids)
	}
	return ids
}

// isReportedIfSet reports whether the agent reports a field only if a job has set it.
func isReportedIfSet(id string) bool {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[job.VM]()) {
		if f.Tag.Get("observable") != "" && f.Tag.Get("json") == id+",omitempty" {
			return true
		}
	}
	return false
}

// TestAnAttributeThatIsLeftOutKeepsWhatTheHostHas covers every attribute that is observed and has no default, in each of its lives.
func TestAnAttributeThatIsLeftOutKeepsWhatTheHostHas(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	created := h.mustApply(h.none(), linux("web-01").with(attrs{"switch_name": "External", "vlan_id": 120, "notes": "first"}))
	for _, id := range optionalObserved(t) {
		// The disk of the simulated image has less than 1 GiB, which is no value of disk_size_gb.
		if a := h.attributes(created.value)[id]; !a.IsKnown() || a.IsNull() && id != "disk_size_gb" && !isReportedIfSet(id) {
			t.Errorf("%s of a new virtual machine is %s", id, a)
		}
	}
	bare := linux("web-01")
	h.wantEmptyPlan(created, bare) // all of them removed
	h.wantEmptyPlan(h.mustRead(created), bare)

	// What others change is shown and kept as well.
	updateHost(t, server, func(s *hyperv.State) {
		vm := &s.VMs[0]
		vm.Notes, vm.Adapters[0].VLANID, vm.SecureBoot, vm.AutomaticStopAction, vm.CheckpointType = "by hand", 7, "Off", "Save", "Standard"
		vm.DynamicMemory, vm.MemoryMinimumBytes, vm.MemoryMaximumBytes = true, 1<<30, 8<<30
	})
	h = connected(t, server)
	drifted := h.mustRead(created)
	h.mustHave(drifted, attrs{
		"notes": "by hand", "vlan_id": 7, "secure_boot": false, "stop_action": "save", "checkpoint_type": "standard", "gb_ram_min": 1, "gb_ram_max": 8,
	})
	h.wantEmptyPlan(drifted, bare)
	// The default of a new virtual machine made explicit is a change only if the host differs.
	h.wantEmptyPlan(drifted, bare.with(attrs{"tpm": false, "start_action": "start_if_running", "switch_name": "external"}))

	// A change of another attribute keeps them, also on the host.
	renamed := h.mustApply(drifted, bare.with(attrs{"vm_name": "web-02"}))
	if vm := onlyVM(t, server); vm.Name != "web-02" || vm.Notes != "by hand" || vm.Adapters[0].SwitchName != "External" || vm.Adapters[0].VLANID != 7 || vm.SecureBoot != "Off" {
		t.Errorf("the host has %+v", vm)
	}
	h.wantEmptyPlan(h.mustRead(renamed), bare.with(attrs{"vm_name": "web-02"}))
}

// TestTheFirstPlanAfterAnImportIsTrue imports virtual machines of jobs and of others: what the configuration leaves out stays.
func TestTheFirstPlanAfterAnImportIsTrue(t *testing.T) {
	t.Parallel()
	for name, foreign := range map[string]bool{"of a job": false, "of others": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startHost(t, nil)
			h := connected(t, server)
			h.mustApply(h.none(), linux("web-01").with(attrs{"switch_name": "External", "vlan_id": 120, "notes": "x"}))
			updateHost(t, server, func(s *hyperv.State) {
				s.VMs[0].AutomaticStopAction = "Save"
				if foreign {
					s.VMs[0].Path = "/nowhere" // no manifest
				}
			})
			h = connected(t, server)
			imported := h.mustImport(server.Address() + "/WEB-01")
			p := h.plan(imported, linux("web-01"))
			h.mustSucceed("plan", p.diags)
			for _, id := range optionalObserved(t) {
				if is, was := h.attributes(p.planned.value)[id], h.attributes(imported.value)[id]; !is.Equal(was) {
					t.Errorf("%s: %s is planned as %s", id, was, is)
				}
			}
			applied, diags := h.apply(h.ctx, p)
			h.mustSucceed("apply", diags)
			if vm := onlyVM(t, server); vm.Notes != "x" || vm.Adapters[0].SwitchName != "External" || vm.AutomaticStopAction != "Save" {
				t.Errorf("the host has %+v", vm)
			}
			h.wantEmptyPlan(h.mustRead(applied), linux("web-01"))
		})
	}
}

// TestAnEmptyValueAndNoneAreTheSame covers the words for none: no update, and no job.
func TestAnEmptyValueAndNoneAreTheSame(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	bare := linux("web-01")
	none := attrs{"notes": "", "mac_address": "", "vlan_id": 0, "gb_ram_min": 0, "gb_ram_max": 0, "data_disks": []any{}, "network_adapters": []any{}}
	created := h.mustApply(h.none(), bare)
	for range 2 {
		for id, value := range none {
			h.wantEmptyPlan(created, bare.with(attrs{id: value}))
		}
		h.wantEmptyPlan(created, bare.with(none))
		created = h.mustRead(created)
	}
	explicit := h.mustApply(h.none(), linux("web-02").with(none))
	h.wantEmptyPlan(explicit, linux("web-02"))
	h.wantEmptyPlan(h.mustRead(explicit), linux("web-02").with(none))
	// They remove what is there.
	updateHost(t, server, func(s *hyperv.State) {
		s.VMs[0].Notes, s.VMs[0].Adapters[0].VLANID, s.VMs[0].Adapters[0].VLANMode = "by hand", 12, "Access"
	})
	h = connected(t, server)
	read := h.mustRead(created)
	changed := h.mustApply(read, bare.with(attrs{"notes": "", "vlan_id": 0}))
	updateHost(t, server, func(s *hyperv.State) {
		if vm := s.VMs[0]; vm.Notes != "" || vm.Adapters[0].VLANMode != "Untagged" || vm.Adapters[0].SwitchName != "External" {
			t.Errorf("the host has %+v", vm)
		}
	})
	h.wantEmptyPlan(h.mustRead(changed), bare)
}

func TestAnAdapterIsNeverDisconnected(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	h.mustFail(h.validate(linux("web-01").with(attrs{"switch_name": ""})), "switch_name", "switch_name is empty", "leave it out")
	created := h.mustApply(h.none(), linux("web-01").with(attrs{"switch_name": "External"}))
	h.wantEmptyPlan(created, linux("web-01"))
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Adapters[0].SwitchName = "" })
	h = connected(t, server)
	read := h.mustRead(created)
	h.mustHave(read, attrs{"switch_name": nil})
	h.wantEmptyPlan(read, linux("web-01")) // connected by nobody's wish
	h.mustApply(read, linux("web-01").with(attrs{"switch_name": "external"}))
	if vm := onlyVM(t, server); vm.Adapters[0].SwitchName != "External" {
		t.Errorf("the host has %+v", vm)
	}
}

// TestSpellingsOfOneValue covers the types and keys of the schema by which values in another spelling are the same.
func TestSpellingsOfOneValue(t *testing.T) {
	t.Parallel()
	server := realAgentInTurn(t, 3)
	state, err := server.Store().Read()
	if err != nil {
		t.Fatal(err)
	}
	machines, images := t.TempDir(), filepath.Join(state.Host.VirtualHardDiskPath, "Images")
	other := map[string]any{
		"vm_path": strings.ToUpper(machines), "image_path": strings.ToUpper(images), "smart_paging_path": "/PAGING", "checkpoint_path": "/CHECKPOINTS",
		"mac_address": "0015.5d00.1020", "switch_name": "EXTERNAL", "vm_name": "WEB-01", "image_name": "Ubuntu-24.04",
		"notes": "first\n", "cnf_ansible_ssh_key": "ssh-ed25519 AAAA\n", "guest_net_dnssuffix": "LAB.example",
		"guest_host_name": "WEB-01", "guest_v6_ipaddr": "2001:DB8:0::50", "guest_v6_defaultgw": "FE80::1",
	}
	config := linux("web-01").with(attrs{
		"vm_path": machines, "image_path": images, "smart_paging_path": "/paging", "checkpoint_path": "/checkpoints",
		"mac_address": "00-15-5D-00-10-20", "switch_name": "External", "notes": "first", "guest_net_dnssuffix": "lab.example",
		"guest_host_name": "web-01", "guest_v6_ipaddr": "2001:db8::50", "guest_v6_cidrprefix": 64, "guest_v6_defaultgw": "fe80::1",
		"cnf_ansible_ssh_user": "ansible", "cnf_ansible_ssh_key": "ssh-ed25519 AAAA",
	})
	for _, f := range loadSchema(t).Fields {
		_, tested := other[f.ID]
		if spelled := f.Type == jobschema.TypeMAC || f.Type == jobschema.TypeIPv6 || f.Type == jobschema.TypeMultiline || f.IgnoreCase; spelled && !tested &&
			f.ID != "media_name" && f.Applicability == nil {
			t.Errorf("%s has no other spelling", f.ID)
		}
	}
	h := connected(t, server)
	created := h.mustApply(h.none(), config)
	for id, value := range other {
		h.wantEmptyPlan(created, config.with(attrs{id: value}))
	}
	h.wantEmptyPlan(h.mustRead(created), config.with(other))
	for _, mac := range []string{"00:15:5D:00:10:20", "00155D001020", "00-15-5d-00-10-20"} {
		h.wantEmptyPlan(created, config.with(attrs{"mac_address": mac}))
		p := h.plan(h.none(), linux("web-02").with(attrs{"network_adapters": []any{attrs{"name": "a", "switch_name": "External", "mac_address": mac}}}))
		h.mustWarn(p.diags, "network_adapters.0", "Virtual machine web-02 cannot be created: network_adapters", "virtual machine 'web-01'")
		h = connected(t, server)
	}
}

// TestTheGuideSaysWhatRemovalDoes requires a row of the guide's table for each attribute that may be left to the host.
func TestTheGuideSaysWhatRemovalDoes(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../templates/guides/changes.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range optionalObserved(t) {
		row := strings.Contains(string(guide), "\n| `"+id+"`") || strings.Contains(string(guide), ", `"+id+"` |")
		if !row {
			t.Errorf("the table has no row for %s", id)
		}
	}
}

// TestTheNameOfAHostInAnotherLetterCase is no change, wherever it comes from.
func TestTheNameOfAHostInAnotherLetterCase(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := newHarness(t)
	h.mustSucceed("configure", h.configure(attrs{"hosts": attrs{"hv01": settings(server)}}))
	created := h.mustApply(h.none(), linux("web-01").with(attrs{"host": "hv01"}))
	h.wantEmptyPlan(created, linux("web-01").with(attrs{"host": "HV01"}))
	imported := h.mustImport("HV01/web-01")
	p := h.plan(imported, linux("web-01").with(attrs{"host": "hv01"}))
	h.mustSucceed("plan", p.diags)
	h.mustHave(p.planned, attrs{"host": h.get(imported, "host")})
}

// TestAnImportedConfigurationIsValid takes the state of an imported virtual machine as its configuration, as -generate-config-out does.
func TestAnImportedConfigurationIsValid(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	h := connected(t, server)
	h.mustApply(h.none(), linux("web-01"))
	updateHost(t, server, func(s *hyperv.State) { s.VMs[0].Notes = strings.Repeat("x", 5000) })
	h = connected(t, server)
	imported := h.mustImport(server.Address() + "/web-01")
	generated := linux("web-01")
	for _, id := range optionalObserved(t) {
		if v := h.attributes(imported.value)[id]; !v.IsNull() {
			generated[id] = h.get(imported, id)
		}
	}
	h.mustSucceed("validate", h.validate(generated))
	p := h.plan(imported, generated)
	h.mustSucceed("plan", p.diags)
	for _, id := range optionalObserved(t) {
		if is, was := h.attributes(p.planned.value)[id], h.attributes(imported.value)[id]; !is.Equal(was) {
			t.Errorf("%s: %s is planned as %s", id, was, is)
		}
	}
}
