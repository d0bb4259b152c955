// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
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
	{"invalid settings of hardware are rejected", func(s *recorder) {
		for _, field := range []string{
			`"nested_virtualization":"on"`, `"processor_compatibility":1`, `"processor_weight":0`, `"processor_weight":10001`, `"processor_reserve":-1`,
			`"processor_reserve":101`, `"processor_limit":0`, `"processor_limit":50.5`, `"memory_weight":0`, `"memory_weight":101`, `"mac_spoofing":"On"`,
			`"bandwidth_limit_mbps":-1`, `"bandwidth_limit_mbps":"500"`,
		} {
			s.record("%s", field)
			s.request(check(field))
		}
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
	}},
}
