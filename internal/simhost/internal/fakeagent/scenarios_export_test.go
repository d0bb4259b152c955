// SPDX-License-Identifier: MPL-2.0

package fakeagent_test

import (
	"os"
	"path/filepath"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/protocol"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
)

// exports are the scenarios of export jobs.
var exports = []scenario{
	{"virtual machines are exported", func(s *recorder) {
		id := s.createVM(minimal)
		folder := filepath.Join(s.dir, "exports")
		if err := os.Mkdir(folder, 0o755); err != nil {
			s.Fatal(err)
		}
		export := func(fields string) protocol.Request {
			return protocol.Request{Definition: definition("export", fields), VMID: id}
		}
		target := `"export_path":"` + filepath.ToSlash(folder) + `"`
		s.section("a failed export leaves nothing")
		s.onHost(func(state *hyperv.State) {
			state.Behaviour.Export = &hyperv.Export{Looks: 2, Fail: "the network name is no longer available"}
		})
		s.runJob(export(target))
		s.onHost(func(state *hyperv.State) { state.Behaviour.Export = nil })
		s.allowCheckpoints("Standard")
		s.runJob(checkpoint(id, `"checkpoint_action":"take","checkpoint_name":"first"`))
		s.section("the export is complete")
		s.runJob(export(target + `,"export_live_state":"crash_consistent"`))
		for _, fields := range []string{target, `"export_path":"` + filepath.ToSlash(folder) + `/none"`, `"export_path":"` + filepath.ToSlash(folder) + `/[a]"`} {
			s.section(fields)
			s.runJob(export(fields))
			req := export(fields)
			req.Request = protocol.RequestCheck
			s.request(req)
		}
		s.section("invalid")
		for i, fields := range []string{``, `"export_path":"exports"`, target + `,"export_live_state":"frozen"`} {
			req := export(fields)
			req.Request, req.Job = protocol.RequestSubmit, seedID(80+i)
			s.request(req)
		}
	}},
}
