// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// cycled returns a change with a power cycle allowed.
func cycled(id, fields string, changed ...string) protocol.Request {
	req := change(id, fields, changed...)
	req.AllowPowerCycle = true
	return req
}

// hardware are the scenarios of generations, memory, firmware and actions.
var hardware = []scenario{
	{"a secure boot template requires generation 2, and stays once there is a TPM", func(s *recorder) {
		s.request(check(minimal + `,"generation":1,"secure_boot_template":"microsoft_windows"`))
		result := s.runJob(provision(minimal + `,"secure_boot":false,"secure_boot_template":"open_source_shielded_vm","tpm":true,"power_state":"off"`))
		s.section("the same is no change, another is refused")
		s.request(checkUpdate(result.VM.ID, `"secure_boot_template":"open_source_shielded_vm"`))
		s.request(checkUpdate(result.VM.ID, `"secure_boot_template":"microsoft_windows"`))
		s.runJob(change(result.VM.ID, minimal+`,"secure_boot_template":"microsoft_windows"`, "secure_boot_template"))
		s.section("secure boot is turned on with the template of the definition")
		s.runJob(change(result.VM.ID, minimal+`,"secure_boot":true,"secure_boot_template":"open_source_shielded_vm","tpm":true`, "secure_boot"))
	}},
	{"a generation 1 virtual machine boots from IDE", func(s *recorder) {
		s.section("unsupported settings")
		s.request(check(minimal + `,"generation":1,"secure_boot":true,"tpm":true`))
		s.request(check(minimal + `,"generation":1,"secure_boot":false,"tpm":false`))
		s.section("a generation that is unknown yet")
		req := check(minimal + `,"secure_boot":true,"tpm":true`)
		req.Unknown = []string{"generation"}
		s.request(req)
		s.runJob(provision(minimal + `,"generation":1,"tpm":true`))
		result := s.runJob(provision(minimal + `,"generation":1,"secure_boot":false`))
		s.request(protocol.Request{Request: "inventory"})
		s.section("neither can be changed later, nor the generation")
		s.request(protocol.Request{Request: "check", Definition: definition("update", `"tpm":true`), VMID: result.VM.ID})
		req = check(minimal + `,"tpm":true`)
		req.VMID = result.VM.ID // which it replaces
		s.request(req)
		s.runJob(change(result.VM.ID, minimal+`,"generation":1,"tpm":true`, "tpm"))
		s.runJob(change(result.VM.ID, minimal+`,"generation":1`, "secure_boot", "tpm"))
		s.runJob(change(result.VM.ID, minimal, "generation"))
		s.runJob(remove(result.VM.ID))
	}},
	{"processors and memory have the limits of the generation", func(s *recorder) {
		s.onHost(func(state *hyperv.State) { state.Host.LogicalProcessors, state.Host.MemoryBytes = 4096, 512<<40 })
		large := func(processors, memory string) string {
			return strings.NewReplacer(`"gb_ram":2`, `"gb_ram":`+memory, `"cpu_cores":2`, `"cpu_cores":`+processors).Replace(minimal) + `,"power_state":"off"`
		}
		s.request(check(large("64", "1024") + `,"generation":1,"gb_ram_min":1,"gb_ram_max":1024`))
		s.request(check(large("65", "1024.5") + `,"generation":1,"gb_ram_min":1,"gb_ram_max":2048`))
		s.request(check(large("240", "12288"))) // of each version of Windows
	}},
	{"dynamic memory is set and changed", func(s *recorder) {
		bounds := func(fields string) string { return minimal + "," + fields }
		result := s.runJob(provision(bounds(`"gb_ram_min":1.5,"gb_ram_max":8`)))
		id := result.VM.ID
		s.section("a wider range while it runs")
		s.runJob(change(id, bounds(`"gb_ram_min":0.251953125,"gb_ram_max":16`), "gb_ram_min", "gb_ram_max"))
		s.section("a narrower range requires it to be off")
		s.runJob(change(id, bounds(`"gb_ram_min":1,"gb_ram_max":16`), "gb_ram_min"))
		s.runJob(change(id, bounds(`"gb_ram_min":0.251953125,"gb_ram_max":4`), "gb_ram_max"))
		s.runJob(cycled(id, bounds(`"gb_ram_min":1,"gb_ram_max":4`), "gb_ram_min", "gb_ram_max"))
		s.section("all three larger than before")
		bigger := strings.Replace(minimal, `"gb_ram":2`, `"gb_ram":8`, 1)
		s.runJob(cycled(id, bigger+`,"gb_ram_min":6,"gb_ram_max":12`, "gb_ram_min", "gb_ram", "gb_ram_max"))
		s.section("memory outside its bounds")
		s.runJob(cycled(id, strings.Replace(minimal, `"gb_ram":2`, `"gb_ram":5`, 1), "gb_ram"))
		s.section("static memory")
		s.runJob(change(id, bigger, "gb_ram_min", "gb_ram_max"))
		s.runJob(cycled(id, bigger, "gb_ram_min", "gb_ram_max"))
		s.section("no field differs")
		s.runJob(change(id, bigger, "gb_ram_min", "gb_ram_max"))
		s.section("dynamic memory while it is saved")
		s.setPowerState(id, "Saved")
		s.runJob(cycled(id, bigger+`,"gb_ram_min":1,"gb_ram_max":12`, "gb_ram_min", "gb_ram_max"))
		s.setPowerState(id, "Off")
		s.runJob(change(id, bigger+`,"gb_ram_min":1,"gb_ram_max":12,"power_state":"off"`, "gb_ram_min", "gb_ram_max"))
		s.section("a saved virtual machine accepts no wider range")
		s.setPowerState(id, "Saved")
		s.runJob(cycled(id, bigger+`,"gb_ram_min":1,"gb_ram_max":13`, "gb_ram_max"))
	}},
	{"TPM and secure boot are set and changed", func(s *recorder) {
		windows := strings.NewReplacer("ubuntu-24.04", "windows-server-2022", "linux", "windows").Replace(minimal)
		result := s.runJob(provision(windows + `,"secure_boot":false,"tpm":true`))
		id := result.VM.ID
		s.section("both inverted")
		s.runJob(change(id, windows+`,"secure_boot":true,"tpm":false`, "secure_boot", "tpm"))
		s.runJob(cycled(id, windows+`,"secure_boot":true,"tpm":false`, "secure_boot", "tpm"))
		s.section("an existing key protector is kept")
		s.setCalls(map[string]hyperv.Call{"Set-VMKeyProtector": {Fail: "it would be another one"}})
		s.runJob(cycled(id, windows+`,"secure_boot":false,"tpm":true`, "secure_boot", "tpm"))
		s.section("the defaults")
		s.runJob(cycled(id, windows, "secure_boot", "tpm"))
		s.section("no field differs")
		s.runJob(change(id, windows, "secure_boot", "tpm"))
	}},
	{"a failed TPM is rolled back", func(s *recorder) {
		for _, cmdlet := range []string{"Get-VMKeyProtector", "Set-VMKeyProtector", "Enable-VMTPM"} {
			s.section(cmdlet)
			s.setCalls(map[string]hyperv.Call{cmdlet: {Fail: "The key protector could not be created.", Times: 1}})
			if result := s.runJob(provision(minimal + `,"tpm":true`)); result.Outcome != job.Failed || result.VM != nil {
				s.Errorf("%s: %s, %+v", cmdlet, result.Outcome, result.VM)
			}
		}
		s.section("an existing virtual machine is started again")
		id := s.createVM(minimal)
		s.setCalls(map[string]hyperv.Call{"Set-VMKeyProtector": {Fail: "The key protector could not be created.", Times: 1}})
		s.runJob(cycled(id, minimal+`,"tpm":true`, "tpm"))
	}},
	{"a host without security cmdlets", func(s *recorder) {
		s.onHost(func(state *hyperv.State) { state.Host.HyperVVersion = "1.1" })
		s.request(check(minimal + `,"tpm":true`))
		s.runJob(provision(minimal + `,"tpm":true`))
		id := s.createVM(minimal)
		s.request(protocol.Request{Request: "inventory"})
		s.runJob(change(id, minimal+`,"tpm":false`, "tpm"))
	}},
	{"unreadable details are absent from an inventory", func(s *recorder) {
		s.addVMsWithSettings()
		s.setCalls(map[string]hyperv.Call{
			"Get-VHD": {Fail: "no"}, "Get-VMHostNumaNode": {Fail: "no"}, "Get-ClusterParameter": {Fail: "no"},
		})
		s.request(protocol.Request{Request: "inventory"})
		s.setCalls(map[string]hyperv.Call{"Get-ClusterResource": {Fail: "no"}})
		s.request(protocol.Request{Request: "inventory"})
	}},
	{"unknown security settings are absent", func(s *recorder) {
		s.createVM(minimal)
		s.setCalls(map[string]hyperv.Call{"Get-VMFirmware": {Fail: "no"}, "Get-VMSecurity": {Fail: "no"}})
		s.onHost(func(state *hyperv.State) { state.Behaviour.CIM = &hyperv.CIM{Empty: true} })
		s.request(protocol.Request{Request: "inventory"})
	}},
	{"checkpoint type and actions are set and changed", func(s *recorder) {
		result := s.runJob(provision(minimal + `,"checkpoint_type":"production_only","start_action":"nothing","stop_action":"turn_off"`))
		id := result.VM.ID
		s.section("while it runs")
		s.runJob(change(id, minimal+`,"checkpoint_type":"standard","start_action":"start","stop_action":"turn_off"`, "checkpoint_type", "start_action", "stop_action"))
		s.section("the stop action requires the virtual machine to be off")
		s.runJob(change(id, minimal+`,"stop_action":"save"`, "stop_action"))
		s.runJob(cycled(id, minimal+`,"stop_action":"save"`, "stop_action"))
		s.section("reset to the defaults")
		s.runJob(cycled(id, minimal, "checkpoint_type", "start_action", "stop_action"))
	}},
	{"invalid hardware is rejected", func(s *recorder) {
		for _, field := range []string{
			`"generation":3`, `"generation":"2"`, `"generation":1.5`, `"gb_ram_min":0`, `"gb_ram_max":"8"`, `"gb_ram_min":0.3`, `"gb_ram_max":1e7`,
			`"secure_boot":"on"`, `"tpm":1`, `"checkpoint_type":"Standard"`, `"checkpoint_type":true`, `"start_action":"always"`, `"stop_action":""`,
			`"gb_ram_min":2,"gb_ram_max":1`, `"gb_ram_min":4,"gb_ram":2`, `"gb_ram":4,"gb_ram_max":2`, `"gb_ram":4,"gb_ram_min":8,"gb_ram_max":2`,
		} {
			s.record("%s", field)
			s.request(check(field))
		}
		s.section("one bound without the other")
		s.request(check(`"gb_ram_min":1`))
		s.submit(provision(minimal + `,"gb_ram_min":1`))
		s.submit(provision(minimal + `,"gb_ram_max":8`))
		s.section("a maximum that exceeds the host")
		s.request(check(`"gb_ram":2,"gb_ram_min":1,"gb_ram_max":64`))
		s.request(check(`"gb_ram":2,"gb_ram_min":1,"gb_ram_max":64.5`))
		s.section("a warning does not fail a job")
		s.runJob(provision(minimal + `,"gb_ram_min":1,"gb_ram_max":64.5`))
	}},
}
