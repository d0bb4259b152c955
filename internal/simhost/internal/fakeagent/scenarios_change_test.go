// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// createVM provisions a virtual machine, without recording the job, and returns its id.
func (s *recorder) createVM(fields string) string {
	s.Helper()
	lines := s.lines
	result := s.runJob(provision(fields))
	s.lines = lines
	if result.Outcome != job.Succeeded {
		s.Fatalf("the virtual machine was not created: %+v", result.Error)
	}
	return result.VM.ID
}

// setPowerState sets the state of a virtual machine, in the notation of Hyper-V.
func (s *recorder) setPowerState(id, state string) {
	s.onHost(func(st *hyperv.State) {
		for i := range st.VMs {
			if st.VMs[i].ID == id {
				st.VMs[i].State = state
			}
		}
	})
}

// changes are the scenarios of updates.
var changes = []scenario{
	{"each field is changed in place and reset", func(s *recorder) {
		s.onHost(func(state *hyperv.State) {
			state.Switches = append(state.Switches, hyperv.Switch{ID: seedID(5), Name: "Lab [1]", Type: "Internal"})
		})
		id := s.createVM(minimal + `,"switch_name":"External"`)
		for _, field := range []string{
			`"notes":"line 1\nline 2"`, `"vlan_id":300`, `"switch_name":"LAB [1]"`, `"vm_name":"web-02"`, `"guest_la_uid":"other"`,
		} {
			name := strings.Split(field, `"`)[1]
			s.section(name)
			fields := minimal + "," + field
			if name == "vm_name" {
				fields = strings.Replace(minimal, `"vm_name":"web-01"`, field, 1) // a JSON object has each name once
			}
			s.runJob(change(id, fields, name))
		}
		s.section("reset to the defaults")
		s.runJob(change(id, minimal, "notes", "vlan_id", "vm_name"))
		s.section("no switch among several")
		s.runJob(change(id, minimal, "switch_name"))
		s.onHost(func(state *hyperv.State) { state.Switches = state.Switches[:1] })
		s.section("the only switch")
		s.runJob(change(id, minimal, "switch_name"))
		s.section("nothing to change")
		s.runJob(change(id, minimal))
	}},
	{"memory and processors require a power cycle", func(s *recorder) {
		id := s.createVM(minimal)
		bigger := strings.NewReplacer(`"gb_ram":2`, `"gb_ram":4.5`, `"cpu_cores":2`, `"cpu_cores":3`).Replace(minimal)
		s.section("without a power cycle allowed")
		s.runJob(change(id, bigger, "gb_ram", "cpu_cores"))
		s.section("with a power cycle allowed")
		req := change(id, bigger, "gb_ram", "cpu_cores")
		req.AllowPowerCycle = true
		s.runJob(req)
		s.section("no field differs, so no power cycle is required")
		s.runJob(change(id, bigger, "gb_ram", "cpu_cores"))
		s.section("the virtual machine is turned off anyway")
		s.runJob(change(id, minimal+`,"power_state":"off"`, "gb_ram", "power_state"))
		s.section("the virtual machine is off")
		s.runJob(change(id, bigger+`,"power_state":"off"`, "gb_ram", "cpu_cores"))
		s.section("the virtual machine is saved")
		s.setPowerState(id, "Saved")
		req = change(id, minimal, "cpu_cores")
		req.AllowPowerCycle = true
		s.runJob(req)
	}},
	{"the power state is changed", func(s *recorder) {
		id := s.createVM(minimal)
		s.runJob(change(id, minimal+`,"power_state":"off"`, "power_state"))
		s.section("off already")
		s.runJob(change(id, minimal+`,"power_state":"off"`, "power_state"))
		s.runJob(change(id, minimal+`,"power_state":"running"`, "power_state"))
		s.section("from paused to off")
		s.setPowerState(id, "Paused")
		s.runJob(change(id, minimal+`,"power_state":"off"`, "power_state"))
		s.section("from paused to running")
		s.setPowerState(id, "Paused")
		s.runJob(change(id, minimal+`,"power_state":"running"`, "power_state"))
	}},
	{"an impossible update is refused", func(s *recorder) {
		id := s.createVM(minimal)
		s.onHost(func(state *hyperv.State) { state.VMs = append(state.VMs, seedVM(1, "WEB-02"), seedVM(2, "bare")) })
		s.onHost(func(state *hyperv.State) { state.VMs[2].Adapters = nil })
		s.section("a missing virtual machine")
		s.runJob(change(seedID(77), minimal, "notes"))
		s.section("a taken name")
		s.runJob(change(id, strings.Replace(minimal, "web-01", "web-02", 1), "vm_name"))
		s.section("an image")
		s.runJob(change(id, minimal, "image_name"))
		s.section("memory without a value")
		s.runJob(change(id, `"vm_name":"web-01"`, "gb_ram"))
		s.section("more than the host has")
		s.runJob(change(id, strings.Replace(minimal, `"gb_ram":2`, `"gb_ram":65`, 1), "gb_ram"))
		s.section("a missing switch")
		s.runJob(change(id, minimal+`,"switch_name":"none"`, "switch_name"))
		s.section("a virtual machine without a network adapter")
		s.runJob(change(seedID(2), `"vlan_id":5`, "vlan_id"))
	}},
	{"unknown fields are recorded", func(s *recorder) {
		id := s.createVM(minimal + `,"owner":"ops","services":[{"name":"web","port":443}],"tags":["a"],"limits":{"cpu":1,"also":null}`)
		s.runJob(change(id, minimal+`,"owner":"dev","services":[{"name":"web","port":443},{"name":"ssh","port":22}],"tags":[]`, "owner", "services", "tags"))
	}},
	{"a partial update keeps the record", func(s *recorder) {
		id := s.createVM(minimal + `,"owner":"ops","tags":["a"],"ports":[],"pin":"n3sted"`)
		s.section("only changed fields are recorded")
		s.runJob(change(id, `"notes":"x","gb_ram":7,"owner":"dev","guest_la_uid":"y"`, "notes", "owner"))
		s.section("a changed field without a value is removed")
		s.runJob(change(id, "", "owner", "notes", "never-set"))
		s.section("a field that has become a secret is removed")
		req := change(id, `"notes":"y"`, "notes")
		req.Secrets = []string{"pin"}
		s.runJob(req)
		s.section("a failed update changes nothing")
		s.setCalls(map[string]hyperv.Call{"Start-VM": {Fail: "no power", Times: 1}})
		req = change(id, `"cpu_cores":3,"owner":"dev"`, "cpu_cores", "owner", "tags")
		req.AllowPowerCycle = true
		s.runJob(req)
	}},
	{"a secret within a list is redacted", func(s *recorder) {
		req := provision(minimal + `,"accounts":[{"user":"operator","pin":"n3sted secret"}],"switch_name":"n3sted secret"`)
		req.Secrets = []string{"accounts"}
		s.runJob(req)
	}},
	{"a failed update starts the virtual machine again", func(s *recorder) {
		id := s.createVM(minimal)
		s.setCalls(map[string]hyperv.Call{"Set-VMMemory": {Fail: "no memory", Times: 1}})
		req := change(id, strings.Replace(minimal, `"gb_ram":2`, `"gb_ram":3`, 1), "gb_ram")
		req.AllowPowerCycle = true
		s.runJob(req)
		s.section("it cannot be started again")
		s.setCalls(map[string]hyperv.Call{"Set-VMMemory": {Fail: "no memory"}, "Start-VM": {Fail: "no power"}})
		s.runJob(req)
	}},
}

// removals are the scenarios of deletes.
var removals = []scenario{
	{"a virtual machine is deleted with its files", func(s *recorder) {
		id := s.createVM(minimal)
		s.runJob(remove(id))
		s.section("the virtual machine does not exist")
		s.runJob(remove(id))
	}},
	{"files of others are kept", func(s *recorder) {
		id := s.createVM(minimal)
		foreign := filepath.Join(s.dir, "foreign.vhdx")
		if err := hyperv.WriteImage(foreign, 1024); err != nil {
			s.Fatal(err)
		}
		folder := ""
		s.onHost(func(state *hyperv.State) {
			vm := &state.VMs[0]
			folder = filepath.Dir(vm.Drives[0].Path)
			vm.Drives = append(vm.Drives, hyperv.Drive{ControllerType: "SCSI", ControllerLocation: 1, Path: foreign})
		})
		if err := os.WriteFile(filepath.Join(folder, "notes.txt"), []byte("mine"), 0o644); err != nil {
			s.Fatal(err)
		}
		s.runJob(remove(id))
	}},
	{"a disk that another virtual machine uses is kept", func(s *recorder) {
		id := s.createVM(minimal)
		s.onHost(func(state *hyperv.State) {
			other := seedVM(1, "other")
			drive := state.VMs[0].Drives[0]
			drive.Path = filepath.Dir(drive.Path) + "/.//" + filepath.Base(drive.Path)
			other.Drives = []hyperv.Drive{drive}
			state.VMs = append(state.VMs, other)
		})
		s.runJob(remove(id))
	}},
	{"a manifest applies only to its folder", func(s *recorder) {
		id := s.createVM(minimal)
		state, err := s.store.Read()
		if err != nil {
			s.Fatal(err)
		}
		folder := filepath.Dir(state.VMs[0].Drives[0].Path)
		treasure := filepath.Join(s.dir, "treasure.vhdx")
		if err := os.WriteFile(treasure, []byte("gold"), 0o644); err != nil {
			s.Fatal(err)
		}
		manifest := fmt.Sprintf(`{"format":1,"job_id":"x","vm_id":%q,"files":[%q,%q],"recorded":{}}`, id, treasure, filepath.Join(folder, "..", "..", "x"))
		if err := os.WriteFile(filepath.Join(folder, "hypervvm.json"), []byte(manifest), 0o644); err != nil {
			s.Fatal(err)
		}
		s.runJob(remove(id))
	}},
	{"the files of a virtual machine without a job are kept", func(s *recorder) {
		disk := filepath.Join(s.dir, "old.vhdx")
		if err := hyperv.WriteImage(disk, 1024); err != nil {
			s.Fatal(err)
		}
		s.onHost(func(state *hyperv.State) {
			vm := seedVM(1, "old")
			vm.Drives = []hyperv.Drive{{ControllerType: "SCSI", Path: disk}}
			state.VMs = append(state.VMs, vm)
		})
		s.runJob(remove(seedID(1)))
	}},
	{"a failed delete keeps the files", func(s *recorder) {
		id := s.createVM(minimal)
		s.setCalls(map[string]hyperv.Call{"Remove-VM": {Fail: "locked by a backup", Times: 1}})
		s.runJob(remove(id))
	}},
}

// failures are the scenarios of hosts that cannot run a job.
var failures = []scenario{
	{"a virtual machine without memory on the host is rolled back", func(s *recorder) {
		s.onHost(func(state *hyperv.State) { state.Host.MemoryAvailableBytes = 1 << 30 })
		s.runJob(provision(minimal))
		s.section("a smaller virtual machine starts")
		s.runJob(provision(strings.Replace(minimal, `"gb_ram":2`, `"gb_ram":1`, 1)))
	}},
	{"a host fails during a job", func(s *recorder) {
		s.setCalls(map[string]hyperv.Call{"Set-VMFirmware": {Lose: true}})
		result := s.runJob(provision(minimal))
		if len(result.Left) == 0 {
			s.Errorf("no leftover is reported: %+v", result)
		}
		s.section("the host recovers")
		id := ""
		s.onHost(func(state *hyperv.State) { state.Behaviour, id = hyperv.Behaviour{}, state.VMs[0].ID })
		s.runJob(protocol.Request{Definition: definition("delete", ""), VMID: id})
	}},
}

// interruptions are the scenarios of jobs that are cancelled or wait.
var interruptions = []scenario{
	{"a job is cancelled during the copy", func(s *recorder) {
		image := filepath.Join(s.dir, "state.json.d", "disks", "Images", "huge.vhdx")
		if err := hyperv.WriteImage(image, 4<<30); err != nil { // a sparse file
			s.Fatal(err)
		}
		defer os.Remove(image) //nolint:errcheck // the folder goes with the test
		id := s.submit(provision(strings.Replace(minimal, "ubuntu-24.04", "huge", 1)))
		s.awaitEvent(s.T, id, "the step disk", func(e job.Event) bool { return e.Kind == job.KindStep && e.Step == "disk" })
		s.request(protocol.Request{Request: "cancel", Job: id})
		if result := s.awaitJob(id); result.Outcome != job.Cancelled {
			s.Errorf("job ended as %s", result.Outcome)
		}
	}},
	{"a job waits for a slot and can be cancelled", func(s *recorder) {
		release := s.holdCalls("Get-VMSwitch")
		var running []string
		for n := range 4 {
			id := s.submit(provision(strings.Replace(minimal, "web-01", fmt.Sprintf("web-%02d", n), 1)))
			s.awaitEvent(s.T, id, "a step", func(e job.Event) bool { return e.Kind == job.KindStep })
			running = append(running, id)
		}
		waiting := func(e job.Event) bool { return e.Kind == job.KindLog }
		cancelled := s.submit(provision(minimal))
		s.awaitEvent(s.T, cancelled, "the queue position", waiting)
		waits := s.submit(remove(seedID(5)))
		s.awaitEvent(s.T, waits, "the queue position", waiting)
		s.request(protocol.Request{Request: "jobs"})
		s.request(protocol.Request{Request: "cancel", Job: cancelled})
		s.awaitJob(cancelled)
		for _, id := range running {
			s.request(protocol.Request{Request: "cancel", Job: id})
		}
		release()
		for _, id := range append(running, waits) {
			s.awaitJob(id)
		}
		s.request(protocol.Request{Request: "jobs"})
		s.section("cancelling a job that has ended")
		s.request(protocol.Request{Request: "cancel", Job: waits})
	}},
	{"jobs finish when the client disconnects", func(s *recorder) {
		s.setCalls(map[string]hyperv.Call{"Get-VMSwitch": {DelayMS: 500, Times: 1}})
		id := s.submit(provision(minimal))
		_ = s.stdin.Close()
		s.awaitJob(id)
	}},
	{"names that are no files on Windows are refused", func(s *recorder) {
		for _, name := range []string{
			"COM¹", "lpt².x", "Com³", "CONIN$", "conout$", "conout$.log", "con .txt", "nul  ", "aux   .", "prn .a.b",
			"web\u202egpj.exe", "a\u2066b", "a\u200eb", "a\u061cb",
			"com⁴", "conin", "conin$x", "con$", "console.txt", "COM10", "¹", "שרת",
		} {
			s.section(fmt.Sprintf("%+q", name))
			s.request(check(fmt.Sprintf(`"vm_name":%q,"switch_name":"External"`, name)))
		}
	}},
	{"the MAC address is set, changed and taken", func(s *recorder) {
		static := minimal + `,"mac_address":"00-15-5D-00-10-20"`
		id := s.createVM(static)
		s.request(check(strings.Replace(static, "web-01", "web-02", 1)))
		changed := strings.Replace(static, "10-20", "10-21", 1)
		s.request(checkUpdate(id, changed))
		req := protocol.Request{Definition: definition("update", changed), VMID: id, Changed: []string{"mac_address"}, AllowPowerCycle: true}
		s.runJob(req)
		req.Definition = definition("update", minimal)
		s.runJob(req)
	}},
	{"two images have one name but for letter case", func(s *recorder) {
		s.addImage("Gold", hyperv.Disk{Type: "Dynamic", SizeBytes: 1 << 30, FileBytes: 4 << 20})
		s.addImage("gold", hyperv.Disk{Type: "Dynamic", SizeBytes: 1 << 30, FileBytes: 4 << 20})
		s.request(check(strings.Replace(minimal, "ubuntu-24.04", "gold", 1)))
		s.runJob(provision(strings.Replace(minimal, "ubuntu-24.04", "Gold", 1)))
		s.section("another image can be used")
		s.request(check(minimal))
	}},
	{"two virtual switches have one name", func(s *recorder) {
		machine := seedVM(1, "web-00")
		machine.Adapters = []hyperv.Adapter{{Name: "Network Adapter", SwitchName: "External", MACAddress: "00155D001001", DynamicMAC: true}}
		s.onHost(func(state *hyperv.State) {
			state.Switches = []hyperv.Switch{
				{ID: seedID(9), Name: "Lab", Type: "Private"}, {ID: seedID(8), Name: "LAB", Type: "External"}, {ID: seedID(7), Name: "External", Type: "External"},
			}
			state.VMs = []hyperv.VM{machine}
		})
		connect := `"switch_name":"lab"`
		s.request(check(connect))
		s.request(checkUpdate(machine.ID, connect))
		s.section("no job takes one of them")
		s.runJob(provision(minimal + "," + connect))
		s.runJob(protocol.Request{Definition: definition("update", connect), VMID: machine.ID, Changed: []string{"switch_name"}})
		s.section("another switch can be used, and a connected machine stays")
		s.request(check(`"switch_name":"external"`))
		s.onHost(func(state *hyperv.State) { state.VMs[0].Adapters[0].SwitchName = "Lab" })
		s.request(checkUpdate(machine.ID, connect))
	}},
}
