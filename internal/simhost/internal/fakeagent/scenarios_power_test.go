// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// power returns a power job for the virtual machine with an ID.
func power(id, action string) protocol.Request {
	return protocol.Request{Definition: definition("power", fmt.Sprintf(`"power_action":%q`, action)), VMID: id}
}

// powers are the scenarios of power jobs.
var powers = []scenario{
	{"power actions are applied, and refused", func(s *recorder) {
		id := s.createVM(minimal + `,"switch_name":"External"`)
		for _, action := range []string{"pause", "resume", "reset", "save", "turn_off", "shut_down", "pause"} {
			s.section(action)
			s.runJob(power(id, action))
		}
		s.section("no such action")
		s.request(protocol.Request{Request: "submit", Job: seedID(78), Definition: definition("power", ""), VMID: id})
		s.request(protocol.Request{Request: "submit", Job: seedID(79), Definition: definition("power", `"power_action":"explode"`), VMID: id})
	}},
	{"a failed restart starts the virtual machine again", func(s *recorder) {
		id := s.createVM(minimal)
		s.setCalls(map[string]hyperv.Call{"Start-VM": {Fail: "no", Times: 1}})
		s.runJob(power(id, "restart"))
	}},
}
