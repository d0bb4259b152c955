// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
)

// cycled is a change for which the machine may be stopped and started.
func cycled(id, fields string, changed ...string) protocol.Request {
	req := change(id, fields, changed...)
	req.AllowPowerCycle = true
	return req
}

// hardware is about generations, memory, firmware and actions.
var hardware = []scenario{
	{"a machine of generation 1 starts from IDE", func(s *script) {
		s.say("what it cannot have")
		s.asks(check(minimal + `,"generation":1,"secure_boot":true,"tpm":true`))
		s.asks(check(minimal + `,"generation":1,"secure_boot":false,"tpm":false`))
		s.say("a generation that is named later")
		req := check(minimal + `,"secure_boot":true,"tpm":true`)
		req.Unknown = []string{"generation"}
		s.asks(req)
		s.runs(provision(minimal + `,"generation":1,"tpm":true`))
		result := s.runs(provision(minimal + `,"generation":1,"secure_boot":false`))
		s.asks(protocol.Request{Request: "inventory"})
		s.say("and gets neither later, nor another generation")
		s.asks(protocol.Request{Request: "check", Definition: definition("update", `"tpm":true`), VMID: result.VM.ID})
		req = check(minimal + `,"tpm":true`)
		req.VMID = result.VM.ID // whose place it takes
		s.asks(req)
		s.runs(change(result.VM.ID, minimal+`,"generation":1,"tpm":true`, "tpm"))
		s.runs(change(result.VM.ID, minimal+`,"generation":1`, "secure_boot", "tpm"))
		s.runs(change(result.VM.ID, minimal, "generation"))
		s.runs(remove(result.VM.ID))
	}},
	{"a machine has dynamic memory", func(s *script) {
		bounds := func(fields string) string { return minimal + "," + fields }
		result := s.runs(provision(bounds(`"gb_ram_min":1.5,"gb_ram_max":8`)))
		id := result.VM.ID
		s.say("a wider range while it runs")
		s.runs(change(id, bounds(`"gb_ram_min":0.251953125,"gb_ram_max":16`), "gb_ram_min", "gb_ram_max"))
		s.say("a narrower one needs it to be off")
		s.runs(change(id, bounds(`"gb_ram_min":1,"gb_ram_max":16`), "gb_ram_min"))
		s.runs(change(id, bounds(`"gb_ram_min":0.251953125,"gb_ram_max":4`), "gb_ram_max"))
		s.runs(cycled(id, bounds(`"gb_ram_min":1,"gb_ram_max":4`), "gb_ram_min", "gb_ram_max"))
		s.say("all three beyond what they were")
		bigger := strings.Replace(minimal, `"gb_ram":2`, `"gb_ram":8`, 1)
		s.runs(cycled(id, bigger+`,"gb_ram_min":6,"gb_ram_max":12`, "gb_ram_min", "gb_ram", "gb_ram_max"))
		s.say("memory outside of its bounds")
		s.runs(cycled(id, strings.Replace(minimal, `"gb_ram":2`, `"gb_ram":5`, 1), "gb_ram"))
		s.say("and static again")
		s.runs(change(id, bigger, "gb_ram_min", "gb_ram_max"))
		s.runs(cycled(id, bigger, "gb_ram_min", "gb_ram_max"))
		s.say("nothing differs")
		s.runs(change(id, bigger, "gb_ram_min", "gb_ram_max"))
		s.say("and dynamic, while it is saved")
		s.turned(id, "Saved")
		s.runs(cycled(id, bigger+`,"gb_ram_min":1,"gb_ram_max":12`, "gb_ram_min", "gb_ram_max"))
		s.turned(id, "Off")
		s.runs(change(id, bigger+`,"gb_ram_min":1,"gb_ram_max":12,"power_state":"off"`, "gb_ram_min", "gb_ram_max"))
		s.say("saved, it takes not even a wider range")
		s.turned(id, "Saved")
		s.runs(cycled(id, bigger+`,"gb_ram_min":1,"gb_ram_max":13`, "gb_ram_max"))
	}},
	{"a machine has a TPM and no secure boot", func(s *script) {
		windows := strings.NewReplacer("ubuntu-24.04", "windows-server-2022", "linux", "windows").Replace(minimal)
		result := s.runs(provision(windows + `,"secure_boot":false,"tpm":true`))
		id := result.VM.ID
		s.say("both the other way round")
		s.runs(change(id, windows+`,"secure_boot":true,"tpm":false`, "secure_boot", "tpm"))
		s.runs(cycled(id, windows+`,"secure_boot":true,"tpm":false`, "secure_boot", "tpm"))
		s.say("a key protector that is there is kept")
		s.behaves(map[string]hyperv.Call{"Set-VMKeyProtector": {Fail: "it would be another one"}})
		s.runs(cycled(id, windows+`,"secure_boot":false,"tpm":true`, "secure_boot", "tpm"))
		s.say("what is not said is on, and off")
		s.runs(cycled(id, windows, "secure_boot", "tpm"))
		s.say("nothing differs")
		s.runs(change(id, windows, "secure_boot", "tpm"))
	}},
	{"a TPM that cannot be is undone", func(s *script) {
		for _, cmdlet := range []string{"Get-VMKeyProtector", "Set-VMKeyProtector", "Enable-VMTPM"} {
			s.say(cmdlet)
			s.behaves(map[string]hyperv.Call{cmdlet: {Fail: "The key protector could not be created.", Times: 1}})
			if result := s.runs(provision(minimal + `,"tpm":true`)); result.Outcome != job.Failed || result.VM != nil {
				s.Errorf("%s: %s, %+v", cmdlet, result.Outcome, result.VM)
			}
		}
		s.say("of a machine that exists, which is started again")
		id := s.made(minimal)
		s.behaves(map[string]hyperv.Call{"Set-VMKeyProtector": {Fail: "The key protector could not be created.", Times: 1}})
		s.runs(cycled(id, minimal+`,"tpm":true`, "tpm"))
	}},
	{"a host without commands about security", func(s *script) {
		s.on(func(state *hyperv.State) { state.Host.HyperVVersion = "1.1" })
		s.asks(check(minimal + `,"tpm":true`))
		s.runs(provision(minimal + `,"tpm":true`))
		id := s.made(minimal)
		s.asks(protocol.Request{Request: "inventory"})
		s.runs(change(id, minimal+`,"tpm":false`, "tpm"))
	}},
	{"what cannot be known of security is not told", func(s *script) {
		s.made(minimal)
		s.behaves(map[string]hyperv.Call{"Get-VMFirmware": {Fail: "no"}, "Get-VMSecurity": {Fail: "no"}})
		s.asks(protocol.Request{Request: "inventory"})
	}},
	{"checkpoints and actions are chosen", func(s *script) {
		result := s.runs(provision(minimal + `,"checkpoint_type":"production_only","start_action":"nothing","stop_action":"turn_off"`))
		id := result.VM.ID
		s.say("while it runs")
		s.runs(change(id, minimal+`,"checkpoint_type":"standard","start_action":"start","stop_action":"turn_off"`, "checkpoint_type", "start_action", "stop_action"))
		s.say("which the host's stop does not allow")
		s.runs(change(id, minimal+`,"stop_action":"save"`, "stop_action"))
		s.runs(cycled(id, minimal+`,"stop_action":"save"`, "stop_action"))
		s.say("and back")
		s.runs(cycled(id, minimal, "checkpoint_type", "start_action", "stop_action"))
	}},
	{"a definition of hardware that cannot be is refused", func(s *script) {
		for _, field := range []string{
			`"generation":3`, `"generation":"2"`, `"generation":1.5`, `"gb_ram_min":0`, `"gb_ram_max":"8"`, `"gb_ram_min":0.3`, `"gb_ram_max":1e7`,
			`"secure_boot":"on"`, `"tpm":1`, `"checkpoint_type":"Standard"`, `"checkpoint_type":true`, `"start_action":"always"`, `"stop_action":""`,
			`"gb_ram_min":2,"gb_ram_max":1`, `"gb_ram_min":4,"gb_ram":2`, `"gb_ram":4,"gb_ram_max":2`, `"gb_ram":4,"gb_ram_min":8,"gb_ram_max":2`,
		} {
			s.note("%s", field)
			s.asks(check(field))
		}
		s.say("one bound without the other")
		s.asks(check(`"gb_ram_min":1`))
		s.submits(provision(minimal + `,"gb_ram_min":1`))
		s.submits(provision(minimal + `,"gb_ram_max":8`))
		s.say("a maximum that the host does not have")
		s.asks(check(`"gb_ram":2,"gb_ram_min":1,"gb_ram_max":64`))
		s.asks(check(`"gb_ram":2,"gb_ram_min":1,"gb_ram_max":64.5`))
		s.say("which stops no job")
		s.runs(provision(minimal + `,"gb_ram_min":1,"gb_ram_max":64.5`))
	}},
	{"a machine that there is no memory for is undone", func(s *script) {
		s.on(func(state *hyperv.State) { state.Host.MemoryAvailableBytes = 1 << 30 })
		s.runs(provision(minimal))
		s.say("one that needs less of it starts")
		s.runs(provision(strings.Replace(minimal, `"gb_ram":2`, `"gb_ram":1`, 1) + `,"gb_ram_min":0.5,"gb_ram_max":64`))
	}},
	{"a host that is lost in the middle of a job", func(s *script) {
		s.behaves(map[string]hyperv.Call{"Set-VMFirmware": {Lose: true}})
		result := s.runs(provision(minimal))
		if len(result.Left) == 0 {
			s.Errorf("nothing is said to be left: %+v", result)
		}
		s.say("it comes back")
		id := ""
		s.on(func(state *hyperv.State) { state.Behaviour, id = hyperv.Behaviour{}, state.VMs[0].ID })
		s.runs(protocol.Request{Definition: definition("delete", ""), VMID: id})
	}},
}
