// SPDX-License-Identifier: MPL-2.0

package acceptance_test

import (
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

// The configuration that terraform query generates is valid, imports the virtual machines by their identities, and changes nothing.
func TestAQueryGeneratesConfigurationThatPlansNothing(t *testing.T) {
	eachCLI(t, tfcli.ListResources, func(t *testing.T, w *workspace) {
		server := startHost(t)
		w.connect(server)
		w.write("vm.tf", config(""))
		w.must("apply", "-auto-approve")
		err := server.Store().Update(func(s *hyperv.State) error {
			s.VMs = append(s.VMs, hyperv.VM{
				ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "SQL Server 01", State: "Saved", Generation: 2, MemoryStartupBytes: 2 << 30, ProcessorCount: 1,
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.write("all.tfquery.hcl", "list \"hypervvm\" \"all\" {\n  provider = hypervvm\n}\n")
		if out := w.must("query", "-generate-config-out=generated.tf"); !strings.Contains(out, "SQL Server 01") || !strings.Contains(out, "web-01") {
			t.Error("not all virtual machines were listed")
		}
		w.remove("vm.tf")
		w.must("state", "rm", "hypervvm.web")
		if out := w.must("plan"); !strings.Contains(out, "2 to import, 0 to add, 0 to change, 0 to destroy") {
			t.Error("the generated configuration plans changes")
		}
	})
}
