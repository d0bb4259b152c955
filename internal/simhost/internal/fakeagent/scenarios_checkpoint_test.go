// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// checkpoint returns a checkpoint job for the virtual machine with an ID.
func checkpoint(id, fields string) protocol.Request {
	return protocol.Request{Definition: definition("checkpoint", fields), VMID: id}
}

// allowCheckpoints sets the checkpoint type of the first virtual machine.
func (s *recorder) allowCheckpoints(kind string) {
	s.editVM(func(vm *hyperv.VM) { vm.CheckpointType = kind })
}

// checkpoints are the scenarios of checkpoint jobs.
var checkpoints = []scenario{
	{"checkpoints are taken, applied and removed", func(s *recorder) {
		id := s.createVM(minimal)
		s.section("disabled")
		s.runJob(checkpoint(id, `"checkpoint_action":"take","checkpoint_name":"first"`))
		s.allowCheckpoints("Standard")
		for _, fields := range []string{
			`"checkpoint_action":"take","checkpoint_name":"first"`,
			`"checkpoint_action":"take","checkpoint_name":"second"`,
			`"checkpoint_action":"apply","checkpoint_name":"FIRST","checkpoint_start":true`,
			`"checkpoint_action":"apply","checkpoint_name":"third"`,
			`"checkpoint_action":"remove","checkpoint_name":"first","checkpoint_children":true`,
			`"checkpoint_action":"remove","checkpoint_name":"first"`,
		} {
			s.section(fields)
			s.runJob(checkpoint(id, fields))
		}
		s.section("invalid")
		for i, fields := range []string{``, `"checkpoint_action":"take"`, `"checkpoint_action":"apply"`, `"checkpoint_action":"take","checkpoint_name":" "`, `"checkpoint_action":"remove","checkpoint_id":"7"`} {
			req := checkpoint(id, fields)
			req.Request, req.Job = "submit", seedID(70+i)
			s.request(req)
		}
	}},
	{"a failed apply of a checkpoint starts the virtual machine again", func(s *recorder) {
		id := s.createVM(minimal)
		s.allowCheckpoints("Production")
		s.runJob(checkpoint(id, `"checkpoint_action":"take","checkpoint_name":"first"`))
		s.setCalls(map[string]hyperv.Call{"Restore-VMSnapshot": {Fail: "no", Times: 1}})
		s.runJob(checkpoint(id, `"checkpoint_action":"apply","checkpoint_name":"first"`))
	}},
}
