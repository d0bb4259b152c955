// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// settings are the scenarios of settings of the hardware.
var settings = []scenario{
	{"settings of processors, memory and the network adapter are set and changed", func(s *recorder) {
		all := `,"nested_virtualization":true,"processor_compatibility":true,"processor_weight":200,"processor_reserve":20,"processor_limit":80,` +
			`"memory_weight":80,"mac_spoofing":true,"bandwidth_limit_mbps":500`
		result := s.runJob(provision(minimal + all))
		id := result.VM.ID
		s.section("in place, where the order of reserve and limit matters")
		s.runJob(change(id, minimal+`,"processor_reserve":5,"processor_limit":10,"processor_weight":300,"memory_weight":20,"bandwidth_limit_mbps":100,"mac_spoofing":false`,
			"processor_limit", "processor_reserve", "processor_weight", "memory_weight", "mac_spoofing", "bandwidth_limit_mbps"))
		s.section("nested virtualization and compatibility require the virtual machine to be off")
		s.runJob(change(id, minimal+`,"nested_virtualization":false`, "nested_virtualization"))
		s.runJob(change(id, minimal+`,"processor_compatibility":false`, "processor_compatibility"))
		s.runJob(cycled(id, minimal+`,"nested_virtualization":false,"processor_compatibility":false`, "nested_virtualization", "processor_compatibility"))
		s.section("no value differs")
		s.runJob(change(id, minimal+`,"nested_virtualization":false`, "nested_virtualization"))
		s.section("reset to the defaults")
		s.runJob(change(id, minimal, "processor_limit", "processor_reserve", "processor_weight", "memory_weight", "mac_spoofing", "bandwidth_limit_mbps"))
	}},
	{"secure boot template, VLAN trunk, bandwidth, folders and integration services are set and changed", func(s *recorder) {
		all := `,"secure_boot_template":"open_source_shielded_vm","vlan_trunk":"20, 10-12","vlan_native_id":10,"bandwidth_weight":10,` +
			`"smart_paging_path":"/paging","checkpoint_path":"/checkpoints/","integration_guest_service_interface":true,"integration_heartbeat":false,` +
			`"integration_time_synchronization":false`
		result := s.runJob(provision(minimal + all))
		id := result.VM.ID
		s.section("in place")
		changed := `,"vlan_trunk":"30","bandwidth_weight":0,"bandwidth_reserve_mbps":100,"checkpoint_path":"/elsewhere","integration_guest_service_interface":false,"integration_vss":false,` +
			`"integration_heartbeat":true,"integration_key_value_pair_exchange":false,"integration_shutdown":false`
		s.runJob(change(id, minimal+changed, "vlan_trunk", "bandwidth_weight", "bandwidth_reserve_mbps", "checkpoint_path", "integration_guest_service_interface",
			"integration_vss", "integration_heartbeat", "integration_key_value_pair_exchange", "integration_shutdown"))
		s.section("the template and the folder for smart paging require the virtual machine to be off")
		s.runJob(change(id, minimal+`,"secure_boot_template":"microsoft_windows"`, "secure_boot_template"))
		s.runJob(change(id, minimal+`,"smart_paging_path":"/other"`, "smart_paging_path"))
		s.runJob(cycled(id, minimal+`,"secure_boot_template":"microsoft_windows","smart_paging_path":"/other","force_stop":false`, "secure_boot_template", "smart_paging_path"))
		s.section("a VLAN in place of the trunk, then none")
		s.runJob(change(id, minimal+`,"vlan_id":40,"vlan_trunk":""`, "vlan_id", "vlan_trunk"))
		s.runJob(change(id, minimal+`,"vlan_id":0,"vlan_trunk":"50-60"`, "vlan_trunk", "vlan_id"))
		s.section("reset to the defaults")
		s.runJob(cycled(id, minimal, "vlan_trunk", "vlan_native_id", "bandwidth_reserve_mbps", "checkpoint_path", "smart_paging_path", "secure_boot_template", "integration_guest_service_interface",
			"integration_vss", "integration_heartbeat", "integration_key_value_pair_exchange", "integration_shutdown", "integration_time_synchronization"))
	}},
	{"the boot order is set, changed and read", func(s *recorder) {
		s.oneMAC()
		s.section("in spite of a medium of the guest, and kept when it is ejected")
		result := s.runJob(setUp(minimal + linuxGuest + setup + `,"boot_order":["network","dvd"]`))
		id := result.VM.ID
		s.request(protocol.Request{Request: "inventory", VMs: []string{id}})
		s.section("the virtual machine must be off")
		s.runJob(change(id, minimal+`,"boot_order":["disk"]`, "boot_order"))
		s.runJob(cycled(id, minimal+`,"boot_order":["disk"]`, "boot_order"))
		s.section("no value differs")
		s.runJob(change(id, minimal+`,"boot_order":["dvd","disk","network"]`, "boot_order"))
		s.section("files of boot managers come last")
		s.onHost(func(state *hyperv.State) {
			vm := &state.VMs[0]
			order, _ := vm.Settings["BootOrder"].([]any)
			vm.State, vm.Settings["BootOrder"] = "Off", append([]any{"file:bootmgfw.efi"}, order...)
		})
		s.runJob(change(id, minimal+`,"boot_order":["disk"],"power_state":"off"`, "boot_order"))
		s.runJob(change(id, minimal+`,"boot_order":["network"],"power_state":"off"`, "boot_order"))
		s.section("reset to the default")
		s.runJob(change(id, minimal+`,"power_state":"off"`, "boot_order"))
		s.section("of generation 1, and of a virtual machine that no job created")
		s.onHost(func(state *hyperv.State) {
			old := state.VMs[0]
			old.ID, old.Name, old.Path, old.Drives, old.Generation, old.Settings = seedID(9), "old", "/old", nil, 1, nil
			old.SecureBoot, old.SecureBootTemplate = "Off", ""
			state.VMs = append(state.VMs, old)
		})
		s.request(protocol.Request{Request: "inventory", VMs: []string{seedID(9)}})
		s.runJob(change(seedID(9), `"boot_order":["network","disk"]`, "boot_order"))
		s.request(protocol.Request{Request: "inventory", VMs: []string{seedID(9)}})
	}},
	{"a definition names folders in place of those of the host", func(s *recorder) {
		images, machines := filepath.Join(s.dir, "images"), filepath.Join(s.dir, "machines")
		s.request(check(fmt.Sprintf(`"vm_name":"web-01","image_name":"other","image_path":%q`, images)))
		if err := errors.Join(os.MkdirAll(images, 0o755), hyperv.WriteImage(filepath.Join(images, "other.vhdx"), 1<<20)); err != nil {
			s.Fatal(err)
		}
		result := s.runJob(provision(`"vm_name":"web-01","image_name":"other","gb_ram":2,"cpu_cores":2,"power_state":"off",` + fmt.Sprintf(`"image_path":%q,"vm_path":%q`, images, machines)))
		s.section("not changeable")
		s.runJob(change(result.VM.ID, minimal+fmt.Sprintf(`,"vm_path":%q`, images), "vm_path"))
	}},
	{"invalid settings of hardware are rejected", func(s *recorder) {
		for _, field := range []string{
			`"nested_virtualization":"on"`, `"processor_compatibility":1`, `"processor_weight":0`, `"processor_weight":10001`, `"processor_reserve":-1`,
			`"processor_reserve":101`, `"processor_limit":0`, `"processor_limit":50.5`, `"memory_weight":0`, `"memory_weight":101`, `"mac_spoofing":"On"`,
			`"bandwidth_limit_mbps":-1`, `"bandwidth_limit_mbps":"500"`, `"bandwidth_reserve_mbps":-1`, `"bandwidth_weight":101`, `"vlan_trunk":"0-5"`, `"vlan_trunk":"9-5"`,
			`"vlan_trunk":"1,4095"`, `"vlan_trunk":5`, `"vlan_native_id":4095`, `"secure_boot_template":"MicrosoftWindows"`, `"smart_paging_path":"paging"`,
			`"boot_order":[]`, `"boot_order":"disk"`, `"boot_order":["disk","Disk"]`, `"boot_order":["disk","disk"]`, `"boot_order":[1]`, `"checkpoint_path":""`, `"integration_heartbeat":"on"`, `"vm_path":"VMs"`, `"image_path":5`,
		} {
			s.record("%s", field)
			s.request(check(field))
		}
		s.section("a wait for what a disabled integration service reports")
		s.request(check(`"os_family":"linux","guest_la_uid":"ops","guest_ssh_keys":["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA"],"integration_key_value_pair_exchange":false`))
		s.section("a reserve above the limit")
		s.request(check(`"processor_reserve":60,"processor_limit":50`))
		s.runJob(provision(minimal + `,"processor_reserve":60,"processor_limit":50`))
	}},
	{"settings of hardware that others change are read", func(s *recorder) {
		result := s.runJob(provision(minimal + `,"processor_weight":200,"mac_spoofing":true,"power_state":"off"`))
		s.onHost(func(state *hyperv.State) {
			state.VMs[0].Settings["RelativeWeight"], state.VMs[0].Adapters[0].Settings["MacAddressSpoofing"] = 300.0, "Off"
		})
		s.request(protocol.Request{Request: "inventory"})
		s.request(protocol.Request{Request: "inventory", VMs: []string{result.VM.ID}})
		s.section("one that no job created shows all settings")
		s.onHost(func(state *hyperv.State) {
			foreign := state.VMs[0]
			foreign.ID, foreign.Name, foreign.Path, foreign.Drives = seedID(9), "foreign", "/foreign", nil
			foreign.Settings = map[string]any{"Reserve": 10.0}
			foreign.Adapters = []hyperv.Adapter{{Name: "Network Adapter", VLANMode: "Trunk", MACAddress: hyperv.NoMAC, DynamicMAC: true, Settings: map[string]any{"AllowedVlanIdList": "5-7", "NativeVlanId": 5.0}}}
			state.VMs = append(state.VMs, foreign)
		})
		s.request(protocol.Request{Request: "inventory", VMs: []string{seedID(9)}})
	}},
}
