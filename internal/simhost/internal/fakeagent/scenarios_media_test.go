// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

const account = `,"guest_la_uid":"ops","guest_la_pw":"` + secret + `"`

// secretly provisions with a secret.
func secretly(fields string) protocol.Request {
	req := provision(fields)
	req.Secrets = []string{"guest_la_pw"}
	return req
}

// media are the scenarios of media with the settings of a guest.
var media = []scenario{
	{"a medium that no job awaits stays until the virtual machine is deleted", func(s *recorder) {
		result := s.runJob(secretly(minimal + account + `,"wait_for":"nothing"`))
		s.runJob(remove(result.VM.ID))
		s.section("a virtual machine that stays off")
		s.runJob(secretly(minimal + account + `,"power_state":"off"`))
	}},
	{"settings of a guest are recorded only", func(s *recorder) {
		id := s.runJob(secretly(minimal + account + `,"guest_setup":"none"`)).VM.ID
		s.runJob(change(id, minimal+`,"guest_la_uid":"root","guest_setup":"none"`, "guest_la_uid"))
	}},
	{"a wait for a set-up is cancelled", func(s *recorder) {
		s.setGuest(hyperv.Guest{NeverBoots: true})
		id := s.submit(secretly(minimal + account))
		s.awaitEvent(s.T, id, "the wait", func(e job.Event) bool { return e.Kind == job.KindStep && e.Step == "wait" })
		s.request(protocol.Request{Request: "cancel", Job: id})
		if result := s.awaitJob(id); result.Outcome != job.Cancelled {
			s.Errorf("job ended as %s", result.Outcome)
		}
	}},
}
