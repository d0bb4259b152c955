// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// guests sets how guests come up.
func (s *script) guests(guest hyperv.Guest) {
	s.on(func(state *hyperv.State) { state.Behaviour.Guest = guest })
}

// reaches waits until a call is held up by a file that [script.holds] made.
func (s *script) reaches(name string) {
	s.Helper()
	ctx, stop := context.WithTimeout(s.Context(), patience)
	defer stop()
	for {
		if _, err := os.Stat(filepath.Join(s.dir, name+".reached")); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			s.Fatal("the job does not come to the call that holds it up")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// waits are about ISO files, and about waiting for guests.
var waits = []scenario{
	{"a machine starts with an ISO file that is taken out again", func(s *script) {
		seed := s.iso("Seed 1")
		s.iso("another")
		s.guests(hyperv.Guest{HeartbeatAfter: 2})
		s.runs(provision(minimal + `,"media_name":"seed 1","wait_for":"heartbeat","wait_seconds":60`))
		s.asks(protocol.Request{Request: "inventory"})
		s.keeps(seed)
	}},
	{"an ISO file stays where nothing is waited for", func(s *script) {
		seed := s.iso("seed")
		id := s.made(minimal + `,"media_name":"seed"`)
		s.say("a machine that stays off")
		s.runs(provision(strings.Replace(minimal, "web-01", "web-02", 1) + `,"media_name":"seed","power_state":"off","wait_for":"nothing"`))
		s.say("a removal leaves the file")
		s.runs(remove(id))
		s.keeps(seed)
		s.say("as does a job that fails")
		s.behaves(map[string]hyperv.Call{"Start-VM": {Fail: "no power", Times: 1}})
		s.runs(provision(minimal + `,"media_name":"seed"`))
		s.keeps(seed)
	}},
	{"a DVD drive that cannot be removed is emptied", func(s *script) {
		s.iso("seed")
		s.behaves(map[string]hyperv.Call{"Remove-VMDvdDrive": {Fail: "not supported", Times: 1}})
		s.runs(provision(minimal + `,"media_name":"seed","wait_for":"heartbeat"`))
		s.say("and where it cannot be emptied either, the machine is undone")
		s.behaves(map[string]hyperv.Call{"Remove-VMDvdDrive": {Fail: "not supported", Times: 1}, "Set-VMDvdDrive": {Fail: "locked", Times: 1}})
		s.runs(provision(strings.Replace(minimal, "web-01", "web-02", 1) + `,"media_name":"seed","wait_for":"heartbeat"`))
	}},
	{"an ISO file that is not there is told beforehand", func(s *script) {
		s.asks(check(`"media_name":"seed"`))
		s.iso("One")
		s.iso("two")
		s.asks(check(`"media_name":"seed"`))
		s.asks(check(`"media_name":"TWO"`))
		s.asks(checkUpdate(seedID(1), `"media_name":"seed"`))
		s.runs(provision(minimal + `,"media_name":"seed"`))
	}},
	{"a guest is waited for", func(s *script) {
		s.say("its address, which is no link-local one")
		s.guests(hyperv.Guest{AddressAfter: 2, Address: "2001:db8::7"})
		s.runs(provision(minimal + `,"wait_for":"address"`))
		s.say("nothing")
		s.guests(hyperv.Guest{HeartbeatAfter: -1, AddressAfter: -1})
		s.runs(provision(strings.Replace(minimal, "web-01", "web-02", 1) + `,"wait_for":"nothing"`))
	}},
	{"a guest that does not come is undone", func(s *script) {
		s.iso("seed")
		s.guests(hyperv.Guest{HeartbeatAfter: -1, AddressAfter: -1})
		for _, what := range []string{"heartbeat", "address"} {
			s.say(what)
			s.runs(provision(minimal + `,"media_name":"seed","wait_for":"` + what + `","wait_seconds":1`))
		}
		s.say("an address that is link-local")
		s.guests(hyperv.Guest{Address: "169.254.7.7"})
		s.runs(provision(minimal + `,"wait_for":"address","wait_seconds":1`))
	}},
	{"a machine that turns itself off is waited for in vain", func(s *script) {
		release := s.holds("Start-VM")
		s.on(func(state *hyperv.State) {
			call := state.Behaviour.Calls["Start-VM"]
			call.After = true
			state.Behaviour.Calls["Start-VM"] = call
		})
		id := s.submits(provision(minimal + `,"wait_for":"heartbeat","wait_seconds":1`))
		s.reaches("hold")
		s.edits(func(vm *hyperv.VM) { vm.State = "Off" })
		release()
		s.finishes(id)
	}},
	{"a wait is cancelled", func(s *script) {
		s.guests(hyperv.Guest{HeartbeatAfter: -1})
		id := s.submits(provision(minimal + `,"wait_for":"heartbeat","wait_seconds":7200`))
		s.follow(s.T, id, "progress of the wait", func(e job.Event) bool {
			return e.Kind == job.KindProgress && e.Step == "wait" && e.Message == "heartbeat no_contact"
		})
		s.asks(protocol.Request{Request: "cancel", Job: id})
		if result := s.finishes(id); result.Outcome != job.Cancelled {
			s.Errorf("the job ended as %s", result.Outcome)
		}
	}},
	{"a wait needs a machine that runs", func(s *script) {
		s.asks(check(`"wait_for":"heartbeat","power_state":"off"`))
		s.asks(check(`"wait_for":"address","power_state":"off"`))
		s.asks(check(`"wait_for":"nothing","power_state":"off"`))
		req := check(`"wait_for":"heartbeat","power_state":"off"`)
		req.Unknown = []string{"power_state"}
		s.asks(req)
		s.say("of one that exists it is only recorded")
		id := s.made(minimal)
		s.asks(checkUpdate(id, `"wait_for":"heartbeat","power_state":"off"`))
		s.runs(change(id, minimal+`,"wait_for":"heartbeat","wait_seconds":5,"media_name":"gone"`, "wait_for", "wait_seconds", "media_name"))
		s.runs(provision(strings.Replace(minimal, "web-01", "web-02", 1) + `,"wait_for":"heartbeat","power_state":"off"`))
	}},
}
