// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"fmt"
	"path/filepath"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

func existingDisk(name, path string) string { return fmt.Sprintf(`{"name":%q,"path":%q}`, name, path) }

// existingDisks are the scenarios of data disks that exist before they are attached.
var existingDisks = []scenario{
	{"existing disks are attached, exchanged and kept", func(s *recorder) {
		one, two := s.existing("one"), s.existing("two")
		id := s.createVM(minimal + dataDisks(existingDisk("data", one)))
		s.request(protocol.Request{Request: "inventory"})
		attach := func(what, disks string) {
			s.section(what)
			s.runJob(change(id, minimal+disks, "data_disks"))
		}
		attach("another path", dataDisks(existingDisk("data", two)))
		attach("another name, and one is added", dataDisks(existingDisk("logs", two), existingDisk("data", one)))
		attach("nothing differs", dataDisks(existingDisk("logs", two), existingDisk("data", one)))
		attach("the names are exchanged", dataDisks(existingDisk("data", two), existingDisk("logs", one)))
		attach("one is removed", dataDisks(existingDisk("data", two)))
		s.section("a failed change is rolled back")
		s.setCalls(map[string]hyperv.Call{"Set-VM": {Fail: "refused", Times: 1}})
		s.runJob(change(id, minimal+`,"notes":"x"`+dataDisks(existingDisk("data", one)), "data_disks", "notes"))
		s.section("the files stay when the virtual machine is deleted")
		s.runJob(remove(id))
		s.section("they can be attached again, and a job that fails leaves them")
		s.setCalls(map[string]hyperv.Call{"Start-VM": {Fail: "refused", Times: 1}})
		s.runJob(provision(minimal + dataDisks(existingDisk("data", one), existingDisk("logs", two))))
	}},
	{"existing disks that cannot be attached are refused", func(s *recorder) {
		one, none := s.existing("one"), filepath.Join(s.dir, "none.vhdx")
		child := filepath.Join(s.dir, "child.vhdx")
		s.writeDisk(child, hyperv.Disk{Type: "Differencing", SizeBytes: 1 << 30, Parent: s.existing("parent"), FileBytes: 1 << 10})
		other := seedVM(1, "other")
		other.Drives = []hyperv.Drive{{ControllerType: "SCSI", Path: one}, {ControllerType: "SCSI", ControllerLocation: 1, Path: child}}
		s.onHost(func(state *hyperv.State) { state.VMs = append(state.VMs, other) })
		all := minimal + dataDisks(existingDisk("a", one), existingDisk("b", none), existingDisk("c", filepath.Join(s.dir, "parent.vhdx")))
		s.section("a check")
		s.request(check(all))
		s.section("a disk that cannot be read")
		s.setCalls(map[string]hyperv.Call{"Get-VHD": {Fail: "no"}})
		s.request(check(minimal + dataDisks(existingDisk("a", s.existing("free")))))
		s.setCalls(nil)
		s.section("a job")
		s.runJob(provision(minimal + dataDisks(existingDisk("b", none))))
		id := s.createVM(minimal)
		s.section("a virtual machine that exists")
		s.request(protocol.Request{Request: "check", Definition: definition("update", all), VMID: id, Changed: []string{"data_disks"}})
		s.runJob(change(id, all, "data_disks"))
		s.section("a file of the virtual machine")
		s.runJob(change(id, minimal+dataDisks(existingDisk("a", filepath.Join(s.folderOf(id), "web-01.vhdx"))), "data_disks"))
		s.section("a virtual machine that no job created")
		s.request(protocol.Request{Request: "check", Definition: definition("update", dataDisks(existingDisk("a", one))[1:]), VMID: other.ID, Changed: []string{"data_disks"}})
	}},
}

// existingOfTheRealAgent are the scenarios with disks that jobs create, which the fake agent does not simulate.
var existingOfTheRealAgent = []scenario{
	{"a created disk and an existing one do not become each other", func(s *recorder) {
		one := s.existing("one")
		id := s.createVM(minimal + dataDisks(dataDisk("data", 1, "dynamic"), existingDisk("logs", one)))
		s.runJob(change(id, minimal+dataDisks(existingDisk("data", one), dataDisk("logs", 1, "dynamic")), "data_disks"))
		s.section("both are taken out of the list, one is attached again")
		s.runJob(change(id, minimal, "data_disks"))
		s.runJob(change(id, minimal+dataDisks(dataDisk("data", 1, "dynamic")), "data_disks"))
		s.section("checkpoints are merged before the virtual machine is deleted")
		s.runJob(change(id, minimal+dataDisks(existingDisk("logs", one), dataDisk("data", 1, "dynamic")), "data_disks"))
		s.addCheckpoint(id, "before")
		s.request(protocol.Request{Request: "inventory"})
		s.runJob(change(id, minimal, "data_disks"))
		s.runJob(remove(id))
	}},
}

// existing writes a virtual hard disk that no job created.
func (s *recorder) existing(name string) string {
	s.Helper()
	path := filepath.Join(s.dir, name+".vhdx")
	s.writeDisk(path, hyperv.Disk{Type: "Dynamic", SizeBytes: 1 << 30, FileBytes: 1 << 10})
	return path
}
