// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

const secret = "Sw0rdfish-and-Tr0ut"

// minimal has the required fields of a provision.
const minimal = `"vm_name":"web-01","image_name":"ubuntu-24.04","os_family":"linux","gb_ram":2,"cpu_cores":2`

func definition(operation, fields string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"schema":{"id":"vm-provisioning","version":2},"operation":%q,"fields":{%s}}`, operation, fields))
}

func provision(fields string) protocol.Request {
	return protocol.Request{Definition: definition("provision", fields)}
}

func check(fields string) protocol.Request {
	return protocol.Request{Request: "check", Definition: definition("provision", fields)}
}

func change(id, fields string, changed ...string) protocol.Request {
	return protocol.Request{Definition: definition("update", fields), VMID: id, Changed: changed}
}

func remove(id string) protocol.Request {
	return protocol.Request{Definition: definition("delete", ""), VMID: id}
}

// seedVM returns a virtual machine that no job created.
func seedVM(n int, name string) hyperv.VM {
	return hyperv.VM{
		ID: seedID(n), Name: name, State: "Running", Generation: 2, MemoryStartupBytes: 2 << 30, ProcessorCount: 2,
		Adapters: []hyperv.Adapter{{Name: "Network Adapter", SwitchName: "External", MACAddress: fmt.Sprintf("00155DFF%04X", n), VLANMode: "Untagged"}},
	}
}

func seedID(n int) string { return fmt.Sprintf("b0000000-0000-4000-8000-%012d", n) }

// conversations are the scenarios of requests and of provisions.
var conversations = []scenario{
	{"a session answers requests", func(s *recorder) {
		s.request(protocol.Request{Request: "hello", Client: "test 1.0"})
		s.request(protocol.Request{Request: "ping"})
		s.request(protocol.Request{Request: "dance"})
		s.section("the session has installed the agent")
		s.request(protocol.Request{Request: "install"})
		s.request(protocol.Request{Request: "install"})
		s.request(protocol.Request{Request: "hello"})
		s.request(protocol.Request{Request: "submit", Job: "not-a-guid", Definition: definition("provision", minimal)})
		s.request(protocol.Request{Request: "submit", Job: seedID(1), Definition: definition("delete", ""), VMID: "web-01"})
		s.request(protocol.Request{Request: "cancel", Job: seedID(1)})
		s.request(protocol.Request{Request: "attach", Job: seedID(1)})
		for _, line := range []string{`{"id":`, `[]`, `[7]`, `***`} {
			s.send(s.T, line)
			m := s.answer(s.T, "")
			s.record("%s: %s", line, s.summary(m))
			s.mu.Lock()
			delete(s.answers, "")
			s.mu.Unlock()
		}
		s.request(protocol.Request{Request: "ping", Client: strings.Repeat("long enough to be compressed ", 100)})
	}},
	{"hello reports the cluster", func(s *recorder) {
		s.onHost(func(state *hyperv.State) { state.Host.Cluster = "CL01" })
		s.request(protocol.Request{Request: "hello"})
	}},
	{"a host that is not ready is reported", func(s *recorder) {
		s.setCalls(map[string]hyperv.Call{"Get-VMHost": {Fail: "The Virtual Machine Management service is not running."}})
		s.request(protocol.Request{Request: "hello"})
		s.request(protocol.Request{Request: "inventory"})
		s.request(check(minimal))
		s.runJob(provision(minimal))
		s.runJob(change(seedID(1), "", "notes"))
		s.runJob(remove(seedID(1)))
	}},
	{"an inventory of no and of one virtual machine", func(s *recorder) {
		s.request(protocol.Request{Request: "inventory"})
		vm := seedVM(1, "only")
		vm.Adapters[0].IPAddresses = []string{"fe80::1", "192.0.2.7", "169.254.3.4", "2001:db8::7"}
		vm.MemoryStartupBytes = 3 << 29
		vm.Notes = "Gr\u00fc\u00dfe, <b> & \"quotes\"\n2026-11-24T03:00:00Z"
		vm.Adapters[0].VLANMode, vm.Adapters[0].VLANID = "Access", 120
		s.onHost(func(state *hyperv.State) { state.VMs = []hyperv.VM{vm} })
		s.request(protocol.Request{Request: "inventory"})
	}},
	{"an inventory of many virtual machines", func(s *recorder) {
		s.onHost(func(state *hyperv.State) {
			for i, power := range []string{"Off", "Running", "Paused", "Saved", "Starting", "Stopping", "FastSaved", "Resuming", "RunningCritical"} {
				vm := seedVM(i, fmt.Sprintf("many-%02d", i))
				vm.State = power
				state.VMs = append(state.VMs, vm)
			}
			state.VMs[3].Adapters = nil
			state.VMs[4].Adapters[0].MACAddress = "000000000000"
			state.VMs[5].Adapters = append(state.VMs[5].Adapters, hyperv.Adapter{Name: "second", IPAddresses: []string{"198.51.100.5"}})
			state.VMs[6].Clustered = true
			state.VMs[7].Drives = []hyperv.Drive{{ControllerType: "SCSI", Path: "one.vhdx"}, {ControllerType: "SCSI", ControllerLocation: 1, Path: "two.vhdx"}}
		})
		s.request(protocol.Request{Request: "inventory"})
	}},
	{"an inventory has settings and sizes", func(s *recorder) {
		s.addVMsWithSettings()
		s.request(protocol.Request{Request: "inventory"})
	}},
	{"a check finds problems", func(s *recorder) {
		s.onHost(func(state *hyperv.State) {
			state.VMs = []hyperv.VM{seedVM(1, "WEB-01"), seedVM(2, "web-[0]*")}
			state.Host.MemoryBytes = 8<<30 + 1<<29
		})
		s.section("a taken name in another letter case")
		s.request(check(minimal))
		s.section("the name of the virtual machine itself")
		req := check(minimal)
		req.VMID = seedID(1)
		s.request(req)
		s.section("brackets are not a pattern")
		s.request(check(strings.Replace(minimal, "web-01", "web-[0]", 1)))
		s.section("image, switch, memory, processors, cluster")
		s.request(check(`"image_name":"windows","switch_name":"Exter*","gb_ram":9,"cpu_cores":17,"vm_clustered":true`))
		s.section("no field is known yet")
		s.request(check(``))
		s.section("another case of image and switch")
		s.request(check(`"image_name":"UBUNTU-24.04","switch_name":"EXTERNAL","gb_ram":8.5,"cpu_cores":16`))
	}},
	{"a check finds missing switches and images", func(s *recorder) {
		s.onHost(func(state *hyperv.State) {
			state.Switches = []hyperv.Switch{{ID: seedID(9), Name: "storage"}, {ID: seedID(8), Name: "External"}}
		})
		s.request(check(`"gb_ram":1`))
		s.section("a switch that is unknown yet")
		req := check(`"gb_ram":1`)
		req.Unknown = []string{"switch_name"}
		s.request(req)
		s.section("an update without a switch")
		s.request(protocol.Request{Request: "check", Definition: definition("update", `"gb_ram":1`), VMID: seedID(1)})
		s.section("no switch and no image")
		s.onHost(func(state *hyperv.State) { state.Switches = nil })
		req = check(`"image_name":"ubuntu-24.04"`)
		req.Settings = &protocol.Settings{ImagePath: filepath.Join(s.dir, "nowhere")}
		s.request(req)
		s.request(check(`"switch_name":"External"`))
	}},
	{"a check compares memory with the host", func(s *recorder) {
		busy := seedVM(1, "busy")
		busy.MemoryStartupBytes = 12 << 30
		off := seedVM(2, "idle")
		off.State = "Off"
		s.onHost(func(state *hyperv.State) {
			state.Host.MemoryBytes = 16 << 30
			state.VMs = []hyperv.VM{busy, off}
		})
		weigh := func(operation, fields, vmID string, unknown ...string) {
			s.record("%s {%s} %s", operation, fields, vmID)
			s.request(protocol.Request{Request: "check", Definition: definition(operation, fields), VMID: vmID, Unknown: unknown})
		}
		weigh("provision", `"gb_ram":4`, "")
		weigh("provision", `"gb_ram":4.5`, "")
		weigh("provision", `"gb_ram":16.5`, "")
		s.section("a virtual machine that stays off needs no memory")
		weigh("provision", `"gb_ram":8,"power_state":"off"`, "")
		weigh("provision", `"gb_ram":8`, "", "power_state")
		s.section("a running virtual machine releases its memory")
		weigh("update", `"gb_ram":16`, busy.ID)
		weigh("update", `"gb_ram":12`, busy.ID)
		weigh("update", `"gb_ram":5`, off.ID)
		weigh("update", `"gb_ram":5`, seedID(3))
		s.section("less memory than the virtual machines leave")
		s.onHost(func(state *hyperv.State) { state.Host.MemoryAvailableBytes = 3 << 29 })
		weigh("provision", `"gb_ram":2`, "")
		weigh("update", `"gb_ram":14`, busy.ID)
		weigh("update", `"gb_ram":12`, busy.ID)
		s.section("a host without memory information")
		s.setCalls(map[string]hyperv.Call{"Get-VMHostNumaNode": {Fail: "no"}})
		weigh("provision", `"gb_ram":8`, "")
		s.section("a warning does not fail a job before it starts")
		s.setCalls(nil)
		if result := s.runJob(provision(minimal)); result.Outcome != job.Failed || result.Error.Step != "start" {
			s.Errorf("%s: %+v", result.Outcome, result.Error)
		}
	}},
	{"an invalid definition is rejected", func(s *recorder) {
		refused := func(definition string) {
			s.request(protocol.Request{Request: "check", Definition: json.RawMessage(definition)})
		}
		refused(`null`)
		refused(`[]`)
		refused(`{}`)
		refused(`{"schema":{"id":"vm-provisioning","version":3},"operation":"provision","fields":{}}`)
		refused(`{"schema":{"id":"other","version":1},"operation":"provision","fields":{}}`)
		refused(`{"schema":{"id":"vm-provisioning","version":"1"},"operation":"provision","fields":{}}`)
		refused(`{"schema":{"id":"vm-provisioning","version":1},"operation":"Provision","fields":{}}`)
		refused(`{"schema":{"id":"vm-provisioning","version":1},"operation":"provision","fields":[]}`)
		for _, field := range []string{
			`"vm_name":""`, `"vm_name":"..\\web"`, `"vm_name":"a/b"`, `"vm_name":"web."`, `"vm_name":" web"`, `"vm_name":"web*"`,
			`"vm_name":7`, `"vm_name":"COM1"`, `"vm_name":"nul.txt"`, `"vm_name":"` + strings.Repeat("x", 101) + `"`, `"vm_name":"a\u0001b"`,
			`"image_name":"../x"`, `"os_family":"beos"`, `"gb_ram":"4"`, `"gb_ram":0`, `"gb_ram":true`, `"gb_ram":0.3`, `"cpu_cores":1.5`, `"cpu_cores":0`,
			`"vlan_id":4095`, `"vlan_id":-1`, `"vm_clustered":"false"`, `"notes":[]`, `"switch_name":{}`, `"power_state":"hibernated"`, `"power_state":"paused"`,
		} {
			s.record("%s", field)
			s.request(check(field))
		}
		s.section("absent and null are the same")
		for _, field := range []string{"vm_name", "image_name", "gb_ram", "cpu_cores"} {
			s.submit(provision(strings.Replace(minimal, `"`+field+`":`, `"`+field+`":null,"`+field+`_x":`, 1)))
		}
	}},
	{"a Linux virtual machine is created from an image", func(s *recorder) {
		req := provision(minimal + `,"switch_name":"external","vlan_id":120,"notes":"made <here>","guest_la_uid":"admin","guest_la_pw":"` + secret +
			`","cnf_ansible_ssh_user":"ansible"`)
		req.Secrets = []string{"guest_la_pw"}
		s.runJob(req)
		s.request(protocol.Request{Request: "inventory"})
	}},
	{"a Windows virtual machine is created and stays off", func(s *recorder) {
		folder := filepath.Join(s.dir, "machines")
		images := filepath.Join(s.dir, "library")
		if err := os.MkdirAll(images, 0o755); err != nil {
			s.Fatal(err)
		}
		if err := hyperv.WriteImage(filepath.Join(images, "Server [2022].VHDX"), 3<<20+1); err != nil {
			s.Fatal(err)
		}
		req := provision(`"vm_name":"dc-01","image_name":"server [2022]","os_family":"windows","gb_ram":1.5,"cpu_cores":1,"power_state":"off"`)
		req.Settings = &protocol.Settings{ImagePath: images, VMPath: folder}
		s.runJob(req)
	}},
	{"each failed step is rolled back", func(s *recorder) {
		fields := minimal + `,"vlan_id":7,"guest_la_uid":"admin","guest_la_pw":"` + secret + `"`
		for _, cmdlet := range []string{
			"Get-VMSwitch", "New-VM", "Set-VMProcessor", "Set-VMMemory", "Set-VM", "Add-VMHardDiskDrive", "Set-VMFirmware", "Get-VMNetworkAdapter",
			"Connect-VMNetworkAdapter", "Set-VMNetworkAdapterVlan", "Add-VMDvdDrive", "Start-VM",
		} {
			s.section(cmdlet)
			s.setCalls(map[string]hyperv.Call{cmdlet: {Fail: "refused, and " + secret + " is in the message", Times: 1}})
			req := provision(fields)
			req.Secrets = []string{"guest_la_pw"}
			if result := s.runJob(req); result.Outcome != job.Failed {
				s.Errorf("%s: %s", cmdlet, result.Outcome)
			}
		}
	}},
	{"what cannot be rolled back is reported", func(s *recorder) {
		s.setCalls(map[string]hyperv.Call{
			"Start-VM":  {Fail: "no power", Times: 1},
			"Remove-VM": {Fail: "locked by a backup", Times: 1},
		})
		s.runJob(provision(minimal))
		s.section("the virtual machine is still in the inventory")
		s.request(protocol.Request{Request: "inventory"})
	}},
	{"a taken name fails a job", func(s *recorder) {
		s.onHost(func(state *hyperv.State) { state.VMs = []hyperv.VM{seedVM(1, "Web-01")} })
		s.runJob(provision(minimal))
	}},
	{"a known job does not run again", func(s *recorder) {
		req := provision(minimal)
		id := s.submit(req)
		s.awaitJob(id)
		s.dropEvents(id)
		s.section("again, from the beginning")
		req.Request, req.Job = "submit", strings.ToUpper(id)
		s.request(req)
		s.awaitJob(id)
		s.dropEvents(id)
		s.section("again, from beyond the last event")
		req.Job, req.After = id, 1000
		s.request(req)
		s.request(protocol.Request{Request: "ping"})
		s.mu.Lock()
		s.record("%d events", len(s.events[id]))
		s.mu.Unlock()
	}},
}

// addVMsWithSettings adds a running virtual machine with many settings, and one that is off.
func (s *recorder) addVMsWithSettings() {
	s.Helper()
	disk := filepath.Join(s.dir, "disk.vhdx")
	if err := hyperv.WriteImage(disk, 1<<29); err != nil {
		s.Fatal(err)
	}
	s.onHost(func(state *hyperv.State) {
		state.Host.Cluster = "CL01"
		vm := seedVM(1, "web")
		vm.DynamicMemory, vm.MemoryMinimumBytes, vm.MemoryMaximumBytes, vm.MemoryAssignedBytes = true, 1<<30, 8<<30, 3<<30+1<<29
		vm.Heartbeat, vm.IntegrationServices = "NoContact", "Update required"
		vm.CheckpointType, vm.AutomaticStartAction, vm.AutomaticStopAction = "ProductionOnly", "StartIfRunning", "ShutDown"
		vm.Clustered, vm.ClusterRole = true, "Web server"
		vm.Adapters[0].DynamicMAC = true
		vm.Adapters[0].IPAddresses = []string{"192.0.2.7", "fe80::1"}
		vm.Adapters = append(vm.Adapters, hyperv.Adapter{Name: "storage", MACAddress: "00155DFF0002", VLANMode: "Access", VLANID: 30})
		vm.Drives = []hyperv.Drive{
			{ControllerType: "SCSI", ControllerLocation: 3, Path: disk},
			{ControllerType: "IDE", ControllerNumber: 1, Path: filepath.Join(s.dir, "gone.vhdx")},
		}
		off := seedVM(2, "off")
		off.State, off.Heartbeat = "Off", "OkApplicationsHealthy"
		state.VMs = []hyperv.VM{vm, off}
	})
}

// volumes are the scenarios of free disk space.
var volumes = []scenario{
	{"a check compares the image with the free space", func(s *recorder) {
		disk, volume := filepath.Join(s.dir, "real"), filepath.Join(s.dir, "Volume1")
		if err := os.Mkdir(disk, 0o755); err != nil {
			s.Fatal(err)
		}
		if err := os.Symlink(disk, volume); err != nil {
			s.Skipf("cannot create a symbolic link: %v", err)
		}
		free := func(bytes int64) {
			s.onHost(func(state *hyperv.State) {
				state.Host.SharedVolumes = []hyperv.SharedVolume{
					{Path: filepath.Join(s.dir, "Vol"), SizeBytes: 1 << 40, FreeBytes: 1},
					{Path: volume, SizeBytes: 1 << 40, FreeBytes: bytes},
				}
			})
		}
		s.onHost(func(state *hyperv.State) {
			state.Host.Cluster = "CL01"
			state.Host.VirtualHardDiskPath = filepath.Join(strings.ToUpper(volume[:1])+volume[1:], "not", "there", "yet")
		})
		req := check(minimal)
		req.Settings = &protocol.Settings{ImagePath: filepath.Join(s.dir, "state.json.d", "disks", "Images")}
		for _, bytes := range []int64{2<<20 - 1, 2 << 20, 1<<30 + 2<<20 - 1, 1<<30 + 2<<20} {
			free(bytes)
			s.record("%d bytes", bytes)
			s.request(req)
		}
		s.section("a job succeeds with little space, and fails with too little")
		free(2<<20 - 1)
		job := provision(minimal)
		job.Settings = req.Settings
		s.runJob(job)
		s.section("a missing image needs no space")
		missing := check(strings.Replace(minimal, "ubuntu", "debian", 1))
		missing.Settings = req.Settings
		s.request(missing)
		s.section("a volume that is unknown to the cluster")
		s.onHost(func(state *hyperv.State) { state.Host.SharedVolumes = nil })
		s.request(req)
		s.onHost(func(state *hyperv.State) { state.Host.Cluster = "" })
		s.request(req)
		if err := os.Remove(volume); err != nil { // its size differs between runs
			s.Error(err)
		}
	}},
}
