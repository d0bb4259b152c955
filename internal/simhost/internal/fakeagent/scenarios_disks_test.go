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

// dataDisk returns an item of data_disks.
func dataDisk(name string, size int, kind string) string {
	return fmt.Sprintf(`{"name":%q,"size_gb":%d,"type":%q}`, name, size, kind)
}

func dataDisks(items ...string) string { return `,"data_disks":[` + strings.Join(items, ",") + `]` }

// addImage adds a disk to the image folder.
func (s *recorder) addImage(name string, d hyperv.Disk) string {
	s.Helper()
	path := filepath.Join(s.dir, "state.json.d", "disks", "Images", name+".vhdx")
	s.writeDisk(path, d)
	return path
}

func (s *recorder) writeDisk(path string, d hyperv.Disk) {
	s.Helper()
	if err := hyperv.WriteDisk(path, d); err != nil {
		s.Fatal(err)
	}
}

// folderOf returns the folder of the disks of a virtual machine.
func (s *recorder) folderOf(id string) string {
	s.Helper()
	state, err := s.store.Read()
	if err != nil {
		s.Fatal(err)
	}
	for _, vm := range state.VMs {
		if vm.ID == id {
			return filepath.Dir(vm.Path)
		}
	}
	s.Fatalf("no virtual machine %s", id)
	return ""
}

// addCheckpoint creates a checkpoint of a virtual machine, or with an empty name only its disks.
func (s *recorder) addCheckpoint(id, name string) {
	s.Helper()
	s.onHost(func(state *hyperv.State) {
		for i := range state.VMs {
			vm := &state.VMs[i]
			if vm.ID != id {
				continue
			}
			if name != "" {
				vm.Checkpoints = append(vm.Checkpoints, hyperv.Checkpoint{ID: seedID(50 + len(vm.Checkpoints)), Name: name})
			}
			for j := range vm.Drives {
				below, err := hyperv.ReadDisk(vm.Drives[j].Path)
				if err != nil {
					s.Fatal(err)
				}
				bare := strings.TrimSuffix(vm.Drives[j].Path, filepath.Ext(vm.Drives[j].Path))
				above := fmt.Sprintf("%s_%s.avhdx", bare, seedID(90+j))
				s.writeDisk(above, hyperv.Disk{Type: "Differencing", SizeBytes: below.SizeBytes, Parent: vm.Drives[j].Path, FileBytes: 4 << 20})
				vm.Drives[j].Path = above
			}
		}
	})
}

var disks = []scenario{
	{"a virtual machine is created with data disks", func(s *recorder) {
		fields := minimal + `,"disk_type":"differencing","disk_size_gb":2` + dataDisks(dataDisk("data", 1, "dynamic"), dataDisk("Logs-1", 1, "fixed"))
		req := provision(fields)
		req.Settings = &protocol.Settings{VMPath: filepath.Join(s.dir, "machines")}
		result := s.runJob(req)
		s.request(protocol.Request{Request: "inventory", Settings: req.Settings})
		s.section("the image is kept")
		s.runJob(remove(result.VM.ID))
	}},
	{"a copy of an image is expanded", func(s *recorder) {
		s.addImage("fixed", hyperv.Disk{Type: "Fixed", SizeBytes: 1 << 30, FileBytes: 5 << 20})
		s.runJob(provision(strings.Replace(minimal, "ubuntu-24.04", "fixed", 1) + `,"disk_type":"copy","disk_size_gb":2`))
		s.section("an image of that size is not expanded")
		s.runJob(provision(strings.NewReplacer("ubuntu-24.04", "fixed", "web-01", "web-02").Replace(minimal) + `,"disk_size_gb":1`))
	}},
	{"invalid disks are rejected", func(s *recorder) {
		for _, field := range []string{
			`"disk_type":"linked"`, `"disk_size_gb":0`, `"disk_size_gb":1.5`, `"disk_size_gb":"2"`, `"disk_size_gb":65537`, `"data_disks":"data"`, `"data_disks":{}`,
			`"data_disks":[1]`, `"data_disks":[{"name":"data"}]`, `"data_disks":[{"name":"../x","size_gb":1}]`, `"data_disks":[{"name":"a.b","size_gb":1}]`,
			`"data_disks":[{"name":"data","size_gb":1,"type":"thin"}]`, `"data_disks":[{"name":"data","size_gb":1},{"name":"DATA","size_gb":1}]`,
			`"data_disks":[{"name":7,"size_gb":1}]`, `"data_disks":[{"name":"data","size_gb":1,"type":null}]`, `"data_disks":[{"name":"data","size_gb":1,"keep_on_destroy":"yes"}]`, `"data_disks":[]`,
			`"data_disks":[{"name":"data","path":"data.vhdx"}]`, `"data_disks":[{"name":"data","path":"/data.avhdx"}]`, `"data_disks":[{"name":"data","path":7}]`,
			`"data_disks":[{"name":"data","path":"/a.vhdx","size_gb":1}]`, `"data_disks":[{"name":"a","path":"/a.vhdx"},{"name":"b","path":"/A.vhdx"}]`,
		} {
			s.record("%s", field)
			s.request(check(field))
		}
	}},
	{"a check finds problems of disks", func(s *recorder) {
		image := s.addImage("big", hyperv.Disk{Type: "Dynamic", SizeBytes: 2<<30 + 1<<29, FileBytes: 5 << 20})
		named := func(name, more string) protocol.Request {
			return check(strings.Replace(minimal, "ubuntu-24.04", name, 1) + more)
		}
		s.section("smaller than the image")
		s.request(named("big", `,"disk_size_gb":2`))
		s.request(named("big", `,"disk_size_gb":3`))
		s.section("an image that a virtual machine writes to")
		s.onHost(func(state *hyperv.State) {
			gold := seedVM(1, "gold")
			gold.Drives = []hyperv.Drive{{ControllerType: "SCSI", Path: image}}
			state.VMs = []hyperv.VM{gold}
		})
		s.request(named("big", `,"disk_type":"differencing"`))
		s.request(named("big", `,"disk_type":"copy"`))
		s.section("a job fails")
		s.runJob(provision(strings.Replace(minimal, "ubuntu-24.04", "big", 1) + `,"disk_type":"differencing"`))
		s.section("an image that cannot be read")
		s.setCalls(map[string]hyperv.Call{"Get-VHD": {Fail: "no"}})
		s.request(named("big", `,"disk_size_gb":3`))
	}},
	{"a check compares all disks with the free space", func(s *recorder) {
		volume, free := s.mountVolume()
		s.addImage("fixed", hyperv.Disk{Type: "Fixed", SizeBytes: 1 << 30, FileBytes: 1<<30 + 4<<20})
		ask := func(bytes int64, fields string) {
			free(bytes)
			req := check(fields)
			req.Settings = &protocol.Settings{VMPath: volume}
			s.record("%d bytes {%s}", bytes, strings.TrimPrefix(fields, minimal))
			s.request(req)
		}
		two := dataDisks(dataDisk("one", 1, "fixed"), dataDisk("two", 1, "fixed"))
		ask(4<<30, minimal+two)
		ask(2<<30, minimal+two)
		ask(1<<30, minimal+two)
		ask(2<<30, minimal+dataDisks(dataDisk("one", 500, "dynamic")))
		ask(4<<20-1, minimal+`,"disk_type":"differencing"`)
		ask(3<<30, strings.Replace(minimal, "ubuntu-24.04", "fixed", 1)+`,"disk_size_gb":3`)
		if err := os.Remove(volume); err != nil {
			s.Error(err)
		}
	}},
	{"a full volume fails a job", func(s *recorder) {
		volume, free := s.mountVolume()
		free(8 << 30)
		s.holdCalls("New-VM")
		req := provision(minimal + dataDisks(dataDisk("small", 1, "dynamic"), dataDisk("large", 3, "fixed")))
		req.Settings = &protocol.Settings{VMPath: volume}
		id := s.submit(req)
		s.awaitEvent(s.T, id, "the step vm", func(e job.Event) bool { return e.Step == "vm" })
		s.onHost(func(state *hyperv.State) {
			state.Host.SharedVolumes[0].FreeBytes, state.Host.SharedVolumes[0].SizeBytes = 0, 2<<30
		})
		if err := os.Remove(filepath.Join(s.dir, "hold")); err != nil {
			s.Error(err)
		}
		s.awaitJob(id)
		if err := os.Remove(volume); err != nil {
			s.Error(err)
		}
	}},
	{"disks are changed in place", func(s *recorder) {
		id := s.createVM(minimal + dataDisks(dataDisk("data", 1, "dynamic")))
		change := func(what, disks string, names ...string) {
			s.section(what)
			s.runJob(change(id, minimal+disks, names...))
		}
		change("one is added and one is expanded", dataDisks(dataDisk("logs", 1, "fixed"), dataDisk("data", 2, "dynamic")), "data_disks")
		change("the disk of the image is expanded", `,"disk_size_gb":3`, "disk_size_gb")
		change("no field differs", `,"disk_size_gb":3`+dataDisks(dataDisk("logs", 1, "fixed"), dataDisk("data", 2, "dynamic")), "disk_size_gb", "data_disks")
		change("one is detached", dataDisks(dataDisk("logs", 1, "fixed")), "data_disks")
		s.request(protocol.Request{Request: "inventory"})
		change("it cannot be attached with a smaller size or another type", dataDisks(dataDisk("data", 1, "fixed")), "data_disks")
		change("it is attached and expanded", dataDisks(dataDisk("DATA", 3, "dynamic"), dataDisk("logs", 1, "fixed")), "data_disks")
		change("a disk cannot shrink", `,"disk_size_gb":2`, "disk_size_gb")
		change("without values the disk of the image stays and the others are detached", "", "disk_size_gb", "data_disks")
		s.section("the disk type cannot be changed")
		s.runJob(protocol.Request{Definition: definition("update", minimal), VMID: id, Changed: []string{"disk_type"}})
		s.section("all files are deleted with the virtual machine")
		s.runJob(remove(id))
	}},
	{"a check finds problems of changed disks", func(s *recorder) {
		id := s.createVM(minimal + `,"power_state":"off","disk_size_gb":2` + dataDisks(dataDisk("data", 2, "dynamic")))
		ask := func(what, fields string) {
			s.section(what)
			s.request(protocol.Request{Request: "check", Definition: definition("update", fields), VMID: id})
		}
		ask("smaller than the disks", `"disk_size_gb":1`+dataDisks(dataDisk("data", 1, "fixed")))
		ask("as the disks are", `"disk_size_gb":2`+dataDisks(dataDisk("data", 2, "dynamic")))
		s.writeDisk(filepath.Join(s.folderOf(id), "web-01.more.vhdx"), hyperv.Disk{Type: "Dynamic", SizeBytes: 1 << 30, FileBytes: 1 << 10})
		ask("a file of another owner", `"vm_name":"web-01"`+dataDisks(dataDisk("data", 2, "dynamic"), dataDisk("more", 2, "dynamic")))
		s.section("a saved virtual machine")
		s.setPowerState(id, "Saved")
		ask("neither running nor off", `"disk_size_gb":3,"power_state":"running"`+dataDisks(dataDisk("data", 2, "dynamic")))
		ask("to be turned off", `"disk_size_gb":3,"power_state":"off"`)
		s.setPowerState(id, "Running")
		s.onHost(func(state *hyperv.State) { state.VMs[0].Drives[0].ControllerType = "IDE" })
		ask("a disk on an IDE controller", `"disk_size_gb":3`)
		s.section("an IDE disk is expanded only while the virtual machine is off")
		s.runJob(change(id, minimal+`,"disk_size_gb":3`, "disk_size_gb"))
		req := change(id, minimal+`,"disk_size_gb":3`, "disk_size_gb")
		req.AllowPowerCycle = true
		s.runJob(req)
		s.onHost(func(state *hyperv.State) {
			other := seedVM(1, "other")
			other.Drives = []hyperv.Drive{{ControllerType: "SCSI", Path: filepath.Join(s.dir, "gone.vhdx")}}
			two := seedVM(2, "two")
			two.Drives = append(other.Drives, hyperv.Drive{ControllerType: "SCSI", ControllerLocation: 1, Path: "two.vhdx"}) //nolint:gocritic // another list
			state.VMs = append(state.VMs, other, two)
		})
		for n := 1; n <= 2; n++ {
			id = seedID(n)
			ask("a virtual machine without a job", `"disk_size_gb":4`+dataDisks(dataDisk("data", 1, "dynamic")))
		}
	}},
	{"checkpoints prevent changes of disks", func(s *recorder) {
		id := s.createVM(minimal + `,"disk_size_gb":2` + dataDisks(dataDisk("data", 2, "dynamic")))
		s.addCheckpoint(id, "before")
		s.request(protocol.Request{Request: "check", Definition: definition("update", `"disk_size_gb":4`+dataDisks(dataDisk("data", 3, "dynamic"))), VMID: id})
		s.section("detach")
		s.runJob(change(id, minimal, "data_disks"))
	}},
	{"a failed change of disks is rolled back", func(s *recorder) {
		id := s.createVM(minimal + dataDisks(dataDisk("data", 1, "dynamic"), dataDisk("old", 1, "dynamic")))
		wanted := minimal + `,"notes":"x"` + dataDisks(dataDisk("data", 2, "dynamic"), dataDisk("new", 1, "dynamic"))
		for _, cmdlet := range []string{"New-VHD", "Add-VMHardDiskDrive", "Resize-VHD", "Remove-VMHardDiskDrive", "Set-VM"} {
			s.section(cmdlet)
			s.setCalls(map[string]hyperv.Call{cmdlet: {Fail: "refused", Times: 1}})
			s.runJob(change(id, wanted, "data_disks", "notes"))
		}
		s.section("what cannot be rolled back is reported")
		s.setCalls(map[string]hyperv.Call{"Set-VM": {Fail: "refused", Times: 1}, "Remove-VMHardDiskDrive": {Fail: "no", Times: 2}})
		s.runJob(change(id, minimal+`,"notes":"x"`+dataDisks(dataDisk("data", 2, "dynamic"), dataDisk("old", 1, "dynamic"), dataDisk("new", 1, "dynamic")), "data_disks", "notes"))
		s.section("a kept disk is attached, and detached again")
		s.setCalls(nil)
		s.runJob(change(id, minimal+dataDisks(dataDisk("data", 2, "dynamic")), "data_disks"))
		s.setCalls(map[string]hyperv.Call{"Set-VM": {Fail: "refused", Times: 1}})
		s.runJob(change(id, minimal+`,"notes":"x"`+dataDisks(dataDisk("data", 2, "dynamic"), dataDisk("old", 1, "dynamic")), "data_disks", "notes"))
	}},
	{"a file of another owner is not deleted", func(s *recorder) {
		id := s.createVM(minimal)
		path := filepath.Join(s.folderOf(id), "web-01.data.vhdx")
		s.setCalls(map[string]hyperv.Call{"New-VHD": {Fail: "The system failed to create it: The file exists. (0x80070050).", Hold: filepath.Join(s.dir, "hold"), Times: 1}})
		if err := os.WriteFile(filepath.Join(s.dir, "hold"), nil, 0o644); err != nil {
			s.Fatal(err)
		}
		job := s.submit(change(id, minimal+dataDisks(dataDisk("data", 1, "dynamic")), "data_disks"))
		s.awaitEvent(s.T, job, "the creation of the disk", isLog)
		s.writeDisk(path, hyperv.Disk{Type: "Dynamic", SizeBytes: 1 << 30, FileBytes: 1 << 10})
		if err := os.Remove(filepath.Join(s.dir, "hold")); err != nil {
			s.Error(err)
		}
		s.awaitJob(job)
	}},
	{"a virtual machine with checkpoints is deleted", func(s *recorder) {
		id := s.createVM(minimal + dataDisks(dataDisk("data", 1, "dynamic")))
		s.addCheckpoint(id, "first")
		s.addCheckpoint(id, "second")
		s.request(protocol.Request{Request: "inventory"})
		s.section("the host refuses")
		s.setCalls(map[string]hyperv.Call{"Remove-VMSnapshot": {Fail: "a backup is under way", Times: 1}})
		s.runJob(remove(id))
		s.section("the second attempt")
		s.runJob(remove(id))
	}},
	{"data disks to keep stay on the host", func(s *recorder) {
		keep := func(name string, size int) string {
			return strings.TrimSuffix(dataDisk(name, size, "dynamic"), "}") + `,"keep_on_destroy":true}`
		}
		id := s.createVM(minimal + dataDisks(keep("data", 1), keep("old", 1), dataDisk("logs", 1, "dynamic"), keep("temp", 1)))
		s.section("one is taken out of the list, and two others are changed")
		s.runJob(change(id, minimal+dataDisks(keep("data", 1), keep("logs", 1), dataDisk("temp", 1, "dynamic")), "data_disks"))
		s.runJob(remove(id))
	}},
	{"a parent of a differencing disk is kept", func(s *recorder) {
		id := s.createVM(minimal + dataDisks(dataDisk("data", 1, "dynamic"), dataDisk("more", 1, "dynamic")))
		s.section("a checkpoint disk without a checkpoint, and a disk of another virtual machine")
		s.onHost(func(state *hyperv.State) {
			vm := &state.VMs[0]
			other := seedVM(1, "other")
			parent := vm.Drives[2].Path
			for n := range 2 {
				path := filepath.Join(s.dir, fmt.Sprintf("child-%d.vhdx", n))
				s.writeDisk(path, hyperv.Disk{Type: "Differencing", SizeBytes: 1 << 30, Parent: parent, FileBytes: 1 << 10})
				parent = path
			}
			other.Drives = []hyperv.Drive{{ControllerType: "SCSI", Path: parent}}
			state.VMs = append(state.VMs, other)
			above := strings.TrimSuffix(vm.Drives[0].Path, ".vhdx") + "_" + seedID(9) + ".avhdx"
			s.writeDisk(above, hyperv.Disk{Type: "Differencing", SizeBytes: 2 << 20, Parent: vm.Drives[0].Path, FileBytes: 1 << 10})
			vm.Drives[0].Path = above
		})
		s.runJob(remove(id))
	}},
}

func isLog(e job.Event) bool { return e.Kind == job.KindLog }

// mountVolume mounts a cluster shared volume and returns its folder and a function that sets its free bytes. The caller removes the
// folder, because its size differs between runs.
func (s *recorder) mountVolume() (path string, free func(bytes int64)) {
	s.Helper()
	disk, volume := filepath.Join(s.dir, "real"), filepath.Join(s.dir, "Volume1")
	if err := os.Mkdir(disk, 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.Symlink(disk, volume); err != nil {
		s.Skipf("cannot create a symbolic link: %v", err)
	}
	s.onHost(func(state *hyperv.State) { state.Host.Cluster = "CL01" })
	return volume, func(bytes int64) {
		s.onHost(func(state *hyperv.State) {
			state.Host.SharedVolumes = []hyperv.SharedVolume{{Path: volume, SizeBytes: 1 << 40, FreeBytes: bytes}}
		})
	}
}
