// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// setGuest controls how guests start.
func (s *recorder) setGuest(guest hyperv.Guest) {
	s.onHost(func(state *hyperv.State) { state.Behaviour.Guest = guest })
}

// awaitHold waits until a call is blocked by [recorder.holdCalls].
func (s *recorder) awaitHold(name string) {
	s.Helper()
	ctx, stop := context.WithTimeout(s.Context(), patience)
	defer stop()
	for {
		if _, err := os.Stat(filepath.Join(s.dir, name+".reached")); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			s.Fatal("the job did not reach the blocked call")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// waits are the scenarios of ISO files and of waits for guests.
var waits = []scenario{
	{"an ISO file is attached and ejected", func(s *recorder) {
		seed := s.addISO("Seed 1")
		s.addISO("another")
		s.setGuest(hyperv.Guest{HeartbeatAfter: 2})
		s.runJob(provision(minimal + `,"media_name":"seed 1","wait_for":"heartbeat","wait_seconds":60`))
		s.request(protocol.Request{Request: "inventory"})
		s.verifyISO(seed)
	}},
	{"an ISO file stays attached without a wait", func(s *recorder) {
		seed := s.addISO("seed")
		id := s.createVM(minimal + `,"media_name":"seed"`)
		s.section("a virtual machine that stays off")
		s.runJob(provision(strings.Replace(minimal, "web-01", "web-02", 1) + `,"media_name":"seed","power_state":"off","wait_for":"nothing"`))
		s.section("a delete keeps the file")
		s.runJob(remove(id))
		s.verifyISO(seed)
		s.section("a failed job keeps the file")
		s.setCalls(map[string]hyperv.Call{"Start-VM": {Fail: "no power", Times: 1}})
		s.runJob(provision(minimal + `,"media_name":"seed"`))
		s.verifyISO(seed)
	}},
	{"a DVD drive that cannot be removed is emptied", func(s *recorder) {
		s.addISO("seed")
		s.setCalls(map[string]hyperv.Call{"Remove-VMDvdDrive": {Fail: "not supported", Times: 1}})
		s.runJob(provision(minimal + `,"media_name":"seed","wait_for":"heartbeat"`))
		s.section("a drive that cannot be emptied either fails the job")
		s.setCalls(map[string]hyperv.Call{"Remove-VMDvdDrive": {Fail: "not supported", Times: 1}, "Set-VMDvdDrive": {Fail: "locked", Times: 1}})
		s.runJob(provision(strings.Replace(minimal, "web-01", "web-02", 1) + `,"media_name":"seed","wait_for":"heartbeat"`))
	}},
	{"a missing ISO file is found by a check", func(s *recorder) {
		s.request(check(`"media_name":"seed"`))
		s.addISO("One")
		s.addISO("two")
		s.request(check(`"media_name":"seed"`))
		s.request(check(`"media_name":"TWO"`))
		s.addISO("Two")
		s.request(check(`"media_name":"two"`))
		s.request(checkUpdate(seedID(1), `"media_name":"seed"`))
		s.runJob(provision(minimal + `,"media_name":"seed"`))
	}},
	{"a job waits for the guest", func(s *recorder) {
		s.section("an address that is not link-local")
		s.setGuest(hyperv.Guest{AddressAfter: 2, Address: "2001:db8::7"})
		s.runJob(provision(minimal + `,"wait_for":"address"`))
		s.section("nothing")
		s.setGuest(hyperv.Guest{HeartbeatAfter: -1, AddressAfter: -1})
		s.runJob(provision(strings.Replace(minimal, "web-01", "web-02", 1) + `,"wait_for":"nothing"`))
	}},
	{"a guest that does not respond is rolled back", func(s *recorder) {
		s.addISO("seed")
		s.setGuest(hyperv.Guest{HeartbeatAfter: -1, AddressAfter: -1})
		for _, what := range []string{"heartbeat", "address"} {
			s.section(what)
			s.runJob(provision(minimal + `,"media_name":"seed","wait_for":"` + what + `","wait_seconds":1`))
		}
		s.section("a link-local address")
		s.setGuest(hyperv.Guest{Address: "169.254.7.7"})
		s.runJob(provision(minimal + `,"wait_for":"address","wait_seconds":1`))
	}},
	{"a virtual machine turns itself off during the wait", func(s *recorder) {
		release := s.holdCalls("Start-VM")
		s.onHost(func(state *hyperv.State) {
			call := state.Behaviour.Calls["Start-VM"]
			call.After = true
			state.Behaviour.Calls["Start-VM"] = call
		})
		id := s.submit(provision(minimal + `,"wait_for":"heartbeat","wait_seconds":1`))
		s.awaitHold("hold")
		s.editVM(func(vm *hyperv.VM) { vm.State = "Off" })
		release()
		s.awaitJob(id)
	}},
	{"a wait is cancelled", func(s *recorder) {
		s.setGuest(hyperv.Guest{HeartbeatAfter: -1})
		id := s.submit(provision(minimal + `,"wait_for":"heartbeat","wait_seconds":7200`))
		s.awaitEvent(s.T, id, "progress of the wait", func(e job.Event) bool {
			return e.Kind == job.KindProgress && e.Step == "wait" && e.Message == "heartbeat no_contact"
		})
		s.request(protocol.Request{Request: "cancel", Job: id})
		if result := s.awaitJob(id); result.Outcome != job.Cancelled {
			s.Errorf("job ended as %s", result.Outcome)
		}
	}},
	{"a wait requires a running virtual machine", func(s *recorder) {
		s.request(check(`"wait_for":"heartbeat","power_state":"off"`))
		s.request(check(`"wait_for":"address","power_state":"off"`))
		s.request(check(`"wait_for":"nothing","power_state":"off"`))
		req := check(`"wait_for":"heartbeat","power_state":"off"`)
		req.Unknown = []string{"power_state"}
		s.request(req)
		s.section("an update only records it")
		id := s.createVM(minimal)
		s.request(checkUpdate(id, `"wait_for":"heartbeat","power_state":"off"`))
		s.runJob(change(id, minimal+`,"wait_for":"heartbeat","wait_seconds":5,"media_name":"gone"`, "wait_for", "wait_seconds", "media_name"))
		s.runJob(provision(strings.Replace(minimal, "web-01", "web-02", 1) + `,"wait_for":"heartbeat","power_state":"off"`))
	}},
}
