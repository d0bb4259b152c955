// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// wired is a definition on a host of several switches, with an address of its own.
const wired = minimal + `,"switch_name":"External","mac_address":"00-15-5D-00-10-20"`

const storage = `{"name":"storage","switch_name":"storage","vlan_id":130,"mac_address":"00-15-5D-00-10-21"}`

// switched gives the host a second switch.
func (s *script) switched() {
	s.on(func(state *hyperv.State) {
		state.Switches = append(state.Switches, hyperv.Switch{ID: seedID(5), Name: "Storage", Type: "Internal"})
	})
}

func checkUpdate(id, fields string) protocol.Request {
	return protocol.Request{Request: "check", Definition: definition("update", fields), VMID: id}
}

// lists gives a definition its list of network adapters.
func lists(adapters ...string) string {
	return `,"network_adapters":[` + strings.Join(adapters, ",") + `]`
}

// edits changes the only virtual machine.
func (s *script) edits(change func(vm *hyperv.VM)) {
	s.on(func(state *hyperv.State) { change(&state.VMs[0]) })
}

// networks are about network adapters.
var networks = []scenario{
	{"a machine gets addresses and adapters of its own", func(s *script) {
		s.switched()
		s.runs(provision(wired + lists(storage, `{"name":"Backup","switch_name":"external","vlan_id":null}`)))
		s.asks(protocol.Request{Request: "inventory"})
		s.say("what others did to them shows")
		s.edits(func(vm *hyperv.VM) {
			vm.Adapters[0].DynamicMAC = true
			vm.Adapters[1].SwitchName, vm.Adapters[1].VLANMode, vm.Adapters[1].VLANID = "", "Untagged", 0
			vm.Adapters[2].MACAddress, vm.Adapters[2].DynamicMAC = "00155D001099", false
			vm.Adapters = append(vm.Adapters, hyperv.Adapter{Name: "theirs", SwitchName: "Storage", MACAddress: "00155D001098"})
		})
		s.asks(protocol.Request{Request: "inventory"})
		s.say("and so does one that is gone, wherever it stood")
		s.edits(func(vm *hyperv.VM) { vm.Adapters = []hyperv.Adapter{vm.Adapters[2], vm.Adapters[3], vm.Adapters[0]} })
		s.asks(protocol.Request{Request: "inventory"})
	}},
	{"adapters are changed by name", func(s *script) {
		s.switched()
		id := s.made(wired + lists(storage))
		s.edits(func(vm *hyperv.VM) {
			vm.Adapters = append(vm.Adapters, hyperv.Adapter{Name: "theirs", MACAddress: "00155D001098"})
		})
		s.say("one is added, one changed, and what is another's left alone")
		moved := `{"name":"STORAGE","switch_name":"External","vlan_id":131,"mac_address":"00-15-5D-00-10-21"}`
		fields := wired + lists(`{"name":"backup","switch_name":"Storage"}`, moved)
		s.asks(checkUpdate(id, fields))
		s.runs(change(id, fields, "network_adapters"))
		s.say("nothing differs")
		s.runs(change(id, fields, "network_adapters"))
		s.say("another address needs the machine off")
		fields = wired + lists(`{"name":"backup","switch_name":"Storage","mac_address":"00-15-5D-00-10-22"}`)
		s.asks(checkUpdate(id, fields))
		allowed := checkUpdate(id, fields)
		allowed.AllowPowerCycle = true
		s.asks(allowed)
		s.runs(change(id, fields, "network_adapters"))
		req := change(id, fields, "network_adapters")
		req.AllowPowerCycle = true
		s.runs(req)
		s.say("all go")
		s.runs(change(id, wired, "network_adapters"))
	}},
	{"the address of the first adapter is changed", func(s *script) {
		s.switched()
		id := s.made(wired + lists(storage))
		s.say("while it runs, it is not")
		other := strings.Replace(wired, "10-20", "10-29", 1) + lists(storage)
		s.asks(checkUpdate(id, other))
		s.runs(change(id, other, "mac_address"))
		s.say("an address that it has needs nothing")
		s.asks(checkUpdate(id, wired+lists(storage)))
		s.runs(change(id, wired+lists(storage), "mac_address"))
		s.say("it is to be off")
		s.runs(change(id, other+`,"power_state":"off"`, "mac_address", "power_state"))
		s.say("the host chooses again")
		s.runs(change(id, minimal+`,"switch_name":"External","power_state":"off"`+lists(storage), "mac_address"))
		s.say("a machine whose first adapter is gone")
		s.edits(func(vm *hyperv.VM) { vm.Adapters = vm.Adapters[1:] })
		s.runs(change(id, other+`,"power_state":"off"`, "mac_address"))
		s.asks(protocol.Request{Request: "inventory"})
	}},
	{"a machine of generation 1 takes no adapter while it runs", func(s *script) {
		s.switched()
		id := s.made(wired + lists(storage))
		s.edits(func(vm *hyperv.VM) { vm.Generation = 1 })
		s.asks(checkUpdate(id, wired))
		req := checkUpdate(id, wired)
		req.Changed = []string{"network_adapters"}
		s.asks(req)
		s.runs(change(id, wired, "network_adapters"))
		s.say("a change of the switch is another matter")
		s.runs(change(id, wired+lists(strings.Replace(storage, `:"storage","vlan`, `:"External","vlan`, 1)), "network_adapters"))
		s.say("with leave")
		req = change(id, wired+lists(`{"name":"other","switch_name":"Storage"}`), "network_adapters")
		req.AllowPowerCycle = true
		s.runs(req)
		s.say("a saved machine of generation 2 takes none either")
		s.edits(func(vm *hyperv.VM) { vm.Generation, vm.State = 2, "Saved" })
		req = change(id, wired, "network_adapters")
		req.AllowPowerCycle = true
		s.runs(req)
	}},
	{"a check finds what is wrong with adapters", func(s *script) {
		s.switched()
		s.on(func(state *hyperv.State) { state.VMs = []hyperv.VM{seedVM(1, "other")} })
		s.say("names, switches, addresses that others have or that are given twice")
		s.asks(check(`"switch_name":"External","mac_address":"00-15-5D-FF-00-01"` + lists(
			`{"name":"network adapter","switch_name":"none"}`, `{"name":"a","switch_name":"Storage","mac_address":"00-15-5D-FF-00-01"}`,
			`{"name":"b","switch_name":"Storage","mac_address":"00-15-5D-00-00-07"}`, `{"name":"c","switch_name":"Storage","mac_address":"00-15-5D-00-00-07"}`)))
		s.say("of a machine that no job made")
		s.asks(checkUpdate(seedID(1), `"mac_address":"00-15-5D-FF-00-01"`))
		s.asks(checkUpdate(seedID(1), `"gb_ram":2`+lists(`{"name":"a","switch_name":"Storage"}`)))
		s.runs(change(seedID(1), `"gb_ram":2`+lists(`{"name":"a","switch_name":"Storage"}`), "network_adapters"))
		s.runs(change(seedID(1), `"gb_ram":2`, "network_adapters"))
		s.say("an adapter that no job made")
		id := s.made(wired)
		s.on(func(state *hyperv.State) {
			state.VMs[1].Adapters = append(state.VMs[1].Adapters, hyperv.Adapter{Name: "Mine", MACAddress: "00155D001098"})
		})
		s.asks(checkUpdate(id, wired+lists(`{"name":"mine","switch_name":"Storage"}`)))
		s.runs(change(id, wired+lists(`{"name":"mine","switch_name":"Storage"}`), "network_adapters"))
		s.say("none of them stands in a job's way but what is an error")
		s.runs(provision(strings.Replace(wired, "web-01", "web-02", 1)))
	}},
	{"adapters that cannot be are refused", func(s *script) {
		for _, field := range []string{
			`"mac_address":"00-15-5d-00-10-20"`, `"mac_address":"01-15-5D-00-10-20"`, `"mac_address":"00155D001020"`, `"mac_address":7`,
			`"network_adapters":"storage"`, `"network_adapters":["storage"]`, `"network_adapters":[{}]`, `"network_adapters":[{"name":"a"}]`,
			`"network_adapters":[{"name":"","switch_name":"b"}]`, `"network_adapters":[{"name":"a\u0001","switch_name":"b"}]`,
			`"network_adapters":[{"name":"` + strings.Repeat("x", 65) + `","switch_name":"b"}]`,
			`"network_adapters":[{"name":"a","switch_name":7}]`, `"network_adapters":[{"name":"a","switch_name":"b","vlan_id":4095}]`,
			`"network_adapters":[{"name":"a","switch_name":"b","mac_address":"00"}]`,
			`"network_adapters":[{"name":"c","switch_name":"b"},{"name":"a","switch_name":"b"},{"name":"A","switch_name":"b"}]`,
			`"media_name":"../seed"`, `"wait_for":"godot"`, `"wait_seconds":0`, `"wait_seconds":7201`, `"wait_seconds":1.5`,
		} {
			s.note("%s", field)
			s.asks(check(field))
		}
	}},
	{"an update of adapters that fails takes back what it added", func(s *script) {
		s.switched()
		id := s.made(wired + lists(storage))
		two := wired + lists(`{"name":"one","switch_name":"Storage"}`, `{"name":"two","switch_name":"Storage","vlan_id":5}`)
		s.say("in the middle of the second")
		s.behaves(map[string]hyperv.Call{"Set-VMNetworkAdapterVlan": {Fail: "no VLAN", Times: 1}})
		s.runs(change(id, two, "network_adapters"))
		s.say("at the removal, after a power cycle")
		s.edits(func(vm *hyperv.VM) { vm.Generation = 1 })
		s.behaves(map[string]hyperv.Call{"Remove-VMNetworkAdapter": {Fail: "no removal", Times: 1}})
		req := change(id, two, "network_adapters")
		req.AllowPowerCycle = true
		s.runs(req)
		s.say("and what cannot be taken back is said")
		s.behaves(map[string]hyperv.Call{"Remove-VMNetworkAdapter": {Fail: "no removal"}})
		s.runs(req)
	}},
	{"each later step that fails is undone", func(s *script) {
		s.switched()
		s.iso("seed")
		s.on(func(state *hyperv.State) { state.Host.Cluster = "CL01" })
		for _, cmdlet := range []string{
			"Get-ClusterGroup", "Set-VMNetworkAdapter", "Add-VMNetworkAdapter", "Get-VMDvdDrive", "Add-VMDvdDrive", "Start-VM",
			"Add-ClusterVirtualMachineRole", "Get-ClusterResource", "Get-ClusterParameter",
		} {
			s.say(cmdlet)
			s.behaves(map[string]hyperv.Call{cmdlet: {Fail: "refused", Times: 1}})
			req := provision(wired + lists(storage) + `,"media_name":"seed","wait_for":"address","vm_clustered":true`)
			if result := s.runs(req); result.Outcome != job.Failed {
				s.Errorf("%s: %s", cmdlet, result.Outcome)
			}
		}
	}},
	{"a group of the same name is no role of this machine", func(s *script) {
		s.on(func(state *hyperv.State) {
			state.Host.Cluster, state.Host.ClusterGroups = "CL01", []string{"Files", "WEB-01"}
		})
		s.asks(check(minimal + `,"vm_clustered":true`))
		s.runs(provision(minimal + `,"vm_clustered":true`))
		s.say("nor is one that was added and is not there")
		s.on(func(state *hyperv.State) { state.Host.ClusterGroups = nil })
		release := s.holds("Get-ClusterResource")
		id := s.submits(provision(minimal + `,"vm_clustered":true`))
		s.reaches("hold")
		s.edits(func(vm *hyperv.VM) { vm.Clustered = false })
		release()
		s.finishes(id)
		s.say("a machine joins and leaves")
		s.behaves(nil)
		vm := s.made(minimal)
		s.runs(change(vm, minimal+`,"vm_clustered":true`, "vm_clustered"))
		s.asks(checkUpdate(vm, minimal+`,"vm_clustered":true`))
	}},
}

// iso puts an ISO file beside the images, and gives its path.
func (s *script) iso(name string) string {
	s.Helper()
	path := filepath.Join(s.dir, "state.json.d", "disks", "Images", name+".ISO")
	if err := os.WriteFile(path, []byte("CD001"), 0o644); err != nil {
		s.Fatal(err)
	}
	return path
}

// keeps looks whether an ISO file is as it was.
func (s *script) keeps(path string) {
	s.Helper()
	if text, err := os.ReadFile(path); err != nil || string(text) != "CD001" {
		s.Errorf("the ISO file holds %q, %v", text, err)
	}
}
