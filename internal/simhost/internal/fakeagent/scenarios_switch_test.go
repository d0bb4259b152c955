// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// switchJob returns a switch job.
func switchJob(fields string) protocol.Request {
	return protocol.Request{Definition: definition("switch", fields)}
}

// switchIDs are the virtual switches of the scenarios of switch jobs: the one that carries the connection to the host, one without virtual
// machines, and one that does not exist.
const (
	connectionSwitch = "3f1e2d4c-5b6a-4798-8a9b-0c1d2e3f4a51"
	privateSwitch    = "3f1e2d4c-5b6a-4798-8a9b-0c1d2e3f4a52"
	missingSwitch    = "3f1e2d4c-5b6a-4798-8a9b-0c1d2e3f4a53"
)

// switchJobs are the scenarios of switch jobs.
var switchJobs = []scenario{
	{"virtual switches are created, changed and removed", func(s *recorder) {
		s.createVM(minimal)
		var used string
		s.onHost(func(state *hyperv.State) {
			used = state.Switches[0].ID
			state.Host.NetAdapters = []hyperv.NetAdapter{
				{Name: "Ethernet", Addresses: []string{"192.0.2.2"}, Gateway: true}, {Name: "Ethernet 2", Addresses: []string{"198.51.100.2"}}, {Name: "Ethernet 3"},
			}
			state.Host.ConnectionAddress = "198.51.100.2"
			state.Switches = append(state.Switches,
				hyperv.Switch{ID: connectionSwitch, Name: "Uplink", Type: "External", NetAdapters: []string{"Ethernet"}, ManagementOS: true},
				hyperv.Switch{ID: privateSwitch, Name: "Lab", Type: "Private"})
		})
		for _, fields := range []string{
			`"switch_action":"create","switch_name":"uplink","switch_type":"private"`,
			`"switch_action":"create","switch_name":"Inside","switch_type":"internal","notes":"lab","minimum_bandwidth_mode":"weight"`,
			`"switch_action":"create","switch_name":"Outside","switch_type":"external","net_adapter_names":["Ethernet 9"]`,
			`"switch_action":"create","switch_name":"Outside","switch_type":"external","net_adapter_names":["ethernet"]`,
			`"switch_action":"create","switch_name":"Outside","switch_type":"external","net_adapter_names":["Ethernet 2"],"allow_management_os":false`,
			`"switch_action":"create","switch_name":"Outside","switch_type":"external","net_adapter_names":["ethernet 2","Ethernet 3"]`,
			fmt.Sprintf(`"switch_action":"update","switch_id":%q,"notes":"uplink of rack 4"`, connectionSwitch),
			fmt.Sprintf(`"switch_action":"update","switch_id":%q,"notes":"uplink of rack 4"`, connectionSwitch),
			fmt.Sprintf(`"switch_action":"update","switch_id":%q,"allow_management_os":false`, connectionSwitch),
			fmt.Sprintf(`"switch_action":"update","switch_id":%q,"allow_management_os":true`, privateSwitch),
			fmt.Sprintf(`"switch_action":"update","switch_id":%q,"notes":"x"`, missingSwitch),
			fmt.Sprintf(`"switch_action":"remove","switch_id":%q`, connectionSwitch),
			fmt.Sprintf(`"switch_action":"remove","switch_id":%q`, privateSwitch),
			fmt.Sprintf(`"switch_action":"remove","switch_id":%q`, privateSwitch),
		} {
			s.section(fields)
			s.runJob(switchJob(fields))
		}
		s.section("a switch with virtual machines")
		s.runJob(switchJob(fmt.Sprintf(`"switch_action":"remove","switch_id":%q`, used)))
		s.section("a change that cuts the connection, allowed")
		s.runJob(switchJob(fmt.Sprintf(`"switch_action":"update","switch_id":%q,"allow_management_os":false,"allow_host_disconnect":true`, connectionSwitch)))
		s.section("a creation that fails")
		s.setCalls(map[string]hyperv.Call{"New-VMSwitch": {Fail: "no", Times: 1}})
		s.runJob(switchJob(`"switch_action":"create","switch_name":"Failed","switch_type":"private"`))
		s.section("invalid")
		for i, fields := range []string{
			``, `"switch_action":"create"`, `"switch_action":"create","switch_name":"a","switch_type":"external"`, `"switch_action":"remove","switch_id":"a"`,
			`"switch_action":"create","switch_name":"a","switch_type":"external","net_adapter_names":[]`,
		} {
			req := switchJob(fields)
			req.Request, req.Job = "submit", seedID(70+i)
			s.request(req)
		}
		s.section("the switches")
		s.request(protocol.Request{Request: "inventory", Part: protocol.PartSwitches})
	}},
	{"a cancelled switch job is rolled back", func(s *recorder) {
		s.onHost(func(state *hyperv.State) {
			state.Switches = append(state.Switches, hyperv.Switch{ID: connectionSwitch, Name: "Uplink", Type: "External", NetAdapters: []string{"Ethernet 2"}, ManagementOS: true, Notes: "before"})
		})
		for _, c := range []struct{ cmdlet, fields string }{
			{"New-VMSwitch", `"switch_action":"create","switch_name":"Lab","switch_type":"private"`},
			{"Set-VMSwitch", fmt.Sprintf(`"switch_action":"update","switch_id":%q,"notes":"after","allow_management_os":false,"allow_host_disconnect":true`, connectionSwitch)},
		} {
			s.section(c.cmdlet)
			release := s.holdCalls(c.cmdlet)
			id := s.submit(switchJob(c.fields))
			s.awaitHold("hold")
			s.request(protocol.Request{Request: "cancel", Job: id})
			release()
			s.awaitJob(id)
		}
		s.request(protocol.Request{Request: "inventory", Part: protocol.PartSwitches})
	}},
}
