// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// wired is a definition for a host with several switches, with a MAC address.
const wired = minimal + `,"switch_name":"External","mac_address":"00-15-5D-00-10-20"`

const storage = `{"name":"storage","switch_name":"storage","vlan_id":130,"mac_address":"00-15-5D-00-10-21"}`

// addSwitch adds a second switch to the host.
func (s *recorder) addSwitch() {
	s.onHost(func(state *hyperv.State) {
		state.Switches = append(state.Switches, hyperv.Switch{ID: seedID(5), Name: "Storage", Type: "Internal"})
	})
}

func checkUpdate(id, fields string) protocol.Request {
	return protocol.Request{Request: "check", Definition: definition("update", fields), VMID: id}
}

// lists returns the field network_adapters.
func lists(adapters ...string) string {
	return `,"network_adapters":[` + strings.Join(adapters, ",") + `]`
}

// networks are the scenarios of network adapters.
var networks = []scenario{
	{"a virtual machine is created with network adapters", func(s *recorder) {
		s.addSwitch()
		s.runJob(provision(wired + lists(storage, `{"name":"Backup","switch_name":"external","vlan_id":null}`)))
		s.request(protocol.Request{Request: "inventory"})
		s.section("changes by others are visible")
		s.editVM(func(vm *hyperv.VM) {
			vm.Adapters[0].DynamicMAC = true
			vm.Adapters[1].SwitchName, vm.Adapters[1].VLANMode, vm.Adapters[1].VLANID = "", "Untagged", 0
			vm.Adapters[2].MACAddress, vm.Adapters[2].DynamicMAC = "00155D001099", false
			vm.Adapters = append(vm.Adapters, hyperv.Adapter{Name: "theirs", SwitchName: "Storage", MACAddress: "00155D001098"})
		})
		s.request(protocol.Request{Request: "inventory"})
		s.section("a removed adapter is visible")
		s.editVM(func(vm *hyperv.VM) { vm.Adapters = []hyperv.Adapter{vm.Adapters[2], vm.Adapters[3], vm.Adapters[0]} })
		s.request(protocol.Request{Request: "inventory"})
	}},
	{"additional network adapters have settings", func(s *recorder) {
		s.addSwitch()
		item := func(settings string) string { return `{"name":"storage","switch_name":"Storage"` + settings + `}` }
		s.request(check(wired + lists(item(`,"vlan_trunk":"9-5"`))))
		id := s.createVM(wired + lists(item(`,"mac_spoofing":true,"bandwidth_weight":10,"bandwidth_limit_mbps":500,"vlan_trunk":"20, 10-12","vlan_native_id":10`), `{"name":"plain","switch_name":"Storage"}`))
		s.section("one is left out, one is changed, one is added to the other adapter")
		s.runJob(change(id, wired+lists(item(`,"mac_spoofing":true,"bandwidth_limit_mbps":100,"vlan_trunk":"30"`), `{"name":"plain","switch_name":"Storage","mac_spoofing":true}`), "network_adapters"))
		s.section("changes by others are visible, also among many virtual machines")
		s.onHost(func(state *hyperv.State) {
			state.VMs[0].Adapters[1].Settings["MacAddressSpoofing"], state.VMs[0].Adapters[1].VLANMode = "Off", "Untagged"
			for i := range 9 {
				other := state.VMs[0]
				other.ID, other.Name, other.Path, other.Drives = seedID(20+i), "other", "/other", nil
				state.VMs = append(state.VMs, other)
			}
		})
		s.request(protocol.Request{Request: "inventory"})
		s.request(protocol.Request{Request: "inventory", VMs: []string{id}})
	}},
	{"network adapters are changed by name", func(s *recorder) {
		s.addSwitch()
		id := s.createVM(wired + lists(storage))
		s.editVM(func(vm *hyperv.VM) {
			vm.Adapters = append(vm.Adapters, hyperv.Adapter{Name: "theirs", MACAddress: "00155D001098"})
		})
		s.section("one is added, one is changed, and one of another owner is kept")
		moved := `{"name":"STORAGE","switch_name":"External","vlan_id":131,"mac_address":"00-15-5D-00-10-21"}`
		fields := wired + lists(`{"name":"backup","switch_name":"Storage"}`, moved)
		s.request(checkUpdate(id, fields))
		s.runJob(change(id, fields, "network_adapters"))
		s.section("no field differs")
		s.runJob(change(id, fields, "network_adapters"))
		s.section("another address requires a power cycle")
		fields = wired + lists(`{"name":"backup","switch_name":"Storage","mac_address":"00-15-5D-00-10-22"}`)
		s.request(checkUpdate(id, fields))
		allowed := checkUpdate(id, fields)
		allowed.AllowPowerCycle = true
		s.request(allowed)
		s.runJob(change(id, fields, "network_adapters"))
		req := change(id, fields, "network_adapters")
		req.AllowPowerCycle = true
		s.runJob(req)
		s.section("all are removed")
		s.runJob(change(id, wired, "network_adapters"))
	}},
	{"the MAC address of the first network adapter is changed", func(s *recorder) {
		s.addSwitch()
		id := s.createVM(wired + lists(storage))
		s.section("not while it runs")
		other := strings.Replace(wired, "10-20", "10-29", 1) + lists(storage)
		s.request(checkUpdate(id, other))
		s.runJob(change(id, other, "mac_address"))
		s.section("the same address requires no change")
		s.request(checkUpdate(id, wired+lists(storage)))
		s.runJob(change(id, wired+lists(storage), "mac_address"))
		s.section("the virtual machine is turned off")
		s.runJob(change(id, other+`,"power_state":"off"`, "mac_address", "power_state"))
		s.section("the host assigns the address again")
		s.runJob(change(id, minimal+`,"switch_name":"External","power_state":"off"`+lists(storage), "mac_address"))
		s.section("a virtual machine without its first adapter")
		s.editVM(func(vm *hyperv.VM) { vm.Adapters = vm.Adapters[1:] })
		s.runJob(change(id, other+`,"power_state":"off"`, "mac_address"))
		s.request(protocol.Request{Request: "inventory"})
	}},
	{"a running generation 1 virtual machine accepts no network adapter", func(s *recorder) {
		s.addSwitch()
		id := s.createVM(wired + lists(storage))
		s.editVM(func(vm *hyperv.VM) { vm.Generation = 1 })
		s.request(checkUpdate(id, wired))
		req := checkUpdate(id, wired)
		req.Changed = []string{"network_adapters"}
		s.request(req)
		s.runJob(change(id, wired, "network_adapters"))
		s.section("a change of the switch is allowed")
		s.runJob(change(id, wired+lists(strings.Replace(storage, `:"storage","vlan`, `:"External","vlan`, 1)), "network_adapters"))
		s.section("with a power cycle allowed")
		req = change(id, wired+lists(`{"name":"other","switch_name":"Storage"}`), "network_adapters")
		req.AllowPowerCycle = true
		s.runJob(req)
		s.section("a saved generation 2 virtual machine accepts none either")
		s.editVM(func(vm *hyperv.VM) { vm.Generation, vm.State = 2, "Saved" })
		req = change(id, wired, "network_adapters")
		req.AllowPowerCycle = true
		s.runJob(req)
	}},
	{"a check finds problems of network adapters", func(s *recorder) {
		s.addSwitch()
		s.onHost(func(state *hyperv.State) { state.VMs = []hyperv.VM{seedVM(1, "other")} })
		s.section("names, switches, and addresses that are used elsewhere or twice")
		s.request(check(`"switch_name":"External","mac_address":"00-15-5D-FF-00-01"` + lists(
			`{"name":"network adapter","switch_name":"none"}`, `{"name":"a","switch_name":"Storage","mac_address":"00-15-5D-FF-00-01"}`,
			`{"name":"b","switch_name":"Storage","mac_address":"00-15-5D-00-00-07"}`, `{"name":"c","switch_name":"Storage","mac_address":"00-15-5D-00-00-07"}`)))
		s.section("a virtual machine without a job")
		s.request(checkUpdate(seedID(1), `"mac_address":"00-15-5D-FF-00-01"`))
		s.request(checkUpdate(seedID(1), `"gb_ram":2`+lists(`{"name":"a","switch_name":"Storage"}`)))
		s.runJob(change(seedID(1), `"gb_ram":2`+lists(`{"name":"a","switch_name":"Storage"}`), "network_adapters"))
		s.runJob(change(seedID(1), `"gb_ram":2`, "network_adapters"))
		s.section("a network adapter that no job created")
		id := s.createVM(wired)
		s.onHost(func(state *hyperv.State) {
			state.VMs[1].Adapters = append(state.VMs[1].Adapters, hyperv.Adapter{Name: "Mine", MACAddress: "00155D001098"})
		})
		s.request(checkUpdate(id, wired+lists(`{"name":"mine","switch_name":"Storage"}`)))
		s.runJob(change(id, wired+lists(`{"name":"mine","switch_name":"Storage"}`), "network_adapters"))
		s.section("only errors fail a job")
		s.runJob(provision(strings.Replace(wired, "web-01", "web-02", 1)))
	}},
	{"an additional network adapter names one of two virtual switches", func(s *recorder) {
		s.addSwitch()
		id := s.createVM(wired + lists(storage))
		s.onHost(func(state *hyperv.State) {
			state.Switches = append(state.Switches, hyperv.Switch{ID: seedID(6), Name: "STORAGE", Type: "Private"})
		})
		s.section("the one that is connected stays")
		fields := wired + lists(storage, `{"name":"backup","switch_name":"Storage"}`)
		s.request(checkUpdate(id, fields))
		s.runJob(change(id, fields, "network_adapters"))
	}},
	{"invalid network adapters are rejected", func(s *recorder) {
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
			s.record("%s", field)
			s.request(check(field))
		}
	}},
	{"a failed update removes the network adapters that it added", func(s *recorder) {
		s.addSwitch()
		id := s.createVM(wired + lists(storage))
		two := wired + lists(`{"name":"one","switch_name":"Storage"}`, `{"name":"two","switch_name":"Storage","vlan_id":5}`)
		s.section("during the second")
		s.setCalls(map[string]hyperv.Call{"Set-VMNetworkAdapterVlan": {Fail: "no VLAN", Times: 1}})
		s.runJob(change(id, two, "network_adapters"))
		s.section("at the removal, after a power cycle")
		s.editVM(func(vm *hyperv.VM) { vm.Generation = 1 })
		s.setCalls(map[string]hyperv.Call{"Remove-VMNetworkAdapter": {Fail: "no removal", Times: 1}})
		req := change(id, two, "network_adapters")
		req.AllowPowerCycle = true
		s.runJob(req)
		s.section("what cannot be rolled back is reported")
		s.setCalls(map[string]hyperv.Call{"Remove-VMNetworkAdapter": {Fail: "no removal"}})
		s.runJob(req)
	}},
	{"each failed later step is rolled back", func(s *recorder) {
		s.addSwitch()
		s.addISO("seed")
		s.joinCluster()
		for _, cmdlet := range []string{
			"Get-ClusterGroup", "Set-VMNetworkAdapter", "Add-VMNetworkAdapter", "Get-VMDvdDrive", "Add-VMDvdDrive", "Start-VM",
			"Add-ClusterVirtualMachineRole", "Get-ClusterResource", "Get-ClusterParameter",
		} {
			s.section(cmdlet)
			s.setCalls(map[string]hyperv.Call{cmdlet: {Fail: "refused", Times: 1}})
			req := provision(wired + lists(storage) + `,"media_name":"seed","wait_for":"address","vm_clustered":true`)
			if result := s.runJob(req); result.Outcome != job.Failed {
				s.Errorf("%s: %s", cmdlet, result.Outcome)
			}
		}
	}},
}

// clusters are the scenarios of cluster roles.
var clusters = []scenario{
	{"a virtual machine without an OS family joins the cluster", func(s *recorder) {
		s.joinCluster()
		s.runJob(provision(`"vm_name":"node","image_name":"ubuntu-24.04","gb_ram":1,"cpu_cores":1,"vm_clustered":true`))
		state, err := s.store.Read()
		if err != nil {
			s.Fatal(err)
		}
		s.runJob(remove(state.VMs[0].ID))
	}},
	{"a cluster group of the same name belongs to another", func(s *recorder) {
		s.joinCluster()
		s.onHost(func(state *hyperv.State) { state.Host.ClusterGroups = []string{"Files", "WEB-01"} })
		s.request(check(minimal + `,"vm_clustered":true`))
		s.runJob(provision(minimal + `,"vm_clustered":true`))
		s.section("a role that is missing after it was added")
		s.onHost(func(state *hyperv.State) { state.Host.ClusterGroups = nil })
		release := s.holdCalls("Get-ClusterResource")
		id := s.submit(provision(minimal + `,"vm_clustered":true`))
		s.awaitHold("hold")
		s.editVM(func(vm *hyperv.VM) { vm.Clustered = false })
		release()
		s.awaitJob(id)
		s.section("a virtual machine joins the cluster and leaves it")
		s.setCalls(nil)
		vm := s.createVM(minimal)
		s.runJob(change(vm, minimal+`,"vm_clustered":true`, "vm_clustered"))
		s.request(checkUpdate(vm, minimal+`,"vm_clustered":true`))
		s.runJob(change(vm, minimal, "vm_clustered"))
	}},
}

// joinCluster makes the host a node of a cluster, with its virtual machines on a cluster shared volume.
func (s *recorder) joinCluster() {
	s.Helper()
	s.onHost(func(state *hyperv.State) {
		state.Host.Cluster = "CL01"
		state.Host.SharedVolumes = []hyperv.SharedVolume{{Path: state.Host.VirtualHardDiskPath, SizeBytes: 1 << 40, FreeBytes: 1 << 39}}
	})
}

// addISO adds an ISO file to the image folder and returns its path.
func (s *recorder) addISO(name string) string {
	s.Helper()
	path := filepath.Join(s.dir, "state.json.d", "disks", "Images", name+".ISO")
	if err := os.WriteFile(path, []byte("CD001"), 0o644); err != nil {
		s.Fatal(err)
	}
	return path
}

// verifyISO verifies that an ISO file is unchanged.
func (s *recorder) verifyISO(path string) {
	s.Helper()
	if text, err := os.ReadFile(path); err != nil || string(text) != "CD001" {
		s.Errorf("ISO file has %q, %v", text, err)
	}
}
