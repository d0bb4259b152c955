// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// diskJob returns a disk job.
func diskJob(fields string) protocol.Request {
	return protocol.Request{Definition: definition("disk", fields)}
}

// diskJobs are the scenarios of disk jobs.
var diskJobs = []scenario{
	{"virtual hard disks are created, expanded and deleted", func(s *recorder) {
		id := s.createVM(minimal)
		folder := s.folderOf(id)
		free, used, gone := filepath.Join(s.dir, "free.vhdx"), filepath.Join(folder, "web-01.vhdx"), filepath.Join(s.dir, "gone", "x.vhdx")
		for _, fields := range []string{
			fmt.Sprintf(`"disk_action":"create","disk_path":%q,"disk_size_gb":2`, free),
			fmt.Sprintf(`"disk_action":"create","disk_path":%q,"disk_size_gb":2`, free),
			fmt.Sprintf(`"disk_action":"create","disk_path":%q,"disk_size_gb":2,"vhd_type":"fixed"`, gone),
			fmt.Sprintf(`"disk_action":"create","disk_path":"child.vhdx","vhd_type":"differencing","parent_path":%q`, free),
			fmt.Sprintf(`"disk_action":"expand","disk_path":%q,"disk_size_gb":3`, free),
			fmt.Sprintf(`"disk_action":"expand","disk_path":%q,"disk_size_gb":2`, free),
			fmt.Sprintf(`"disk_action":"expand","disk_path":%q,"disk_size_gb":3`, gone),
			fmt.Sprintf(`"disk_action":"remove","disk_path":%q`, used),
			fmt.Sprintf(`"disk_action":"remove","disk_path":%q`, free),
			fmt.Sprintf(`"disk_action":"remove","disk_path":%q`, free),
		} {
			s.section(fields)
			s.runJob(diskJob(fields))
		}
		s.section("a disk that cannot be created")
		s.setCalls(map[string]hyperv.Call{"New-VHD": {Fail: "no", Times: 1}})
		s.runJob(diskJob(fmt.Sprintf(`"disk_action":"create","disk_path":%q,"disk_size_gb":2`, free)))
		s.section("invalid")
		for i, fields := range []string{``, `"disk_action":"create"`, `"disk_action":"create","disk_path":"a.vhdx"`, `"disk_action":"remove","disk_path":"a.iso"`, `"disk_action":"create","disk_path":"a.vhdx","vhd_type":"differencing"`} {
			req := diskJob(fields)
			req.Request, req.Job = "submit", seedID(70+i)
			s.request(req)
		}
	}},
	{"a virtual hard disk whose creation is cancelled is deleted", func(s *recorder) {
		hold := filepath.Join(s.dir, "hold")
		if err := os.WriteFile(hold, nil, 0o600); err != nil {
			s.Fatal(err)
		}
		s.setCalls(map[string]hyperv.Call{"New-VHD": {Hold: hold, Times: 1}})
		id := s.submit(diskJob(fmt.Sprintf(`"disk_action":"create","disk_path":%q,"disk_size_gb":2,"vhd_type":"fixed"`, filepath.Join(s.dir, "free.vhdx"))))
		s.awaitEvent(s.T, id, "the step that creates the disk", func(e job.Event) bool { return e.Kind == job.KindStep && e.Step == "disk" })
		s.request(protocol.Request{Request: "cancel", Job: id})
		if err := os.Remove(hold); err != nil {
			s.Error(err)
		}
		if result := s.awaitJob(id); result.Outcome != job.Cancelled {
			s.Errorf("job ended as %s", result.Outcome)
		}
	}},
}
