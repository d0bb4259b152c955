// SPDX-License-Identifier: MPL-2.0

package acceptance_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

func TestAVMIsImportedByItsIdentity(t *testing.T) {
	eachCLI(t, tfcli.Identity, func(t *testing.T, w *workspace) {
		server := startHost(t)
		w.connect(server)
		w.write("vm.tf", config(""))
		w.must("apply", "-auto-approve")
		state, err := server.Store().Read()
		if err != nil {
			t.Fatal(err)
		}
		w.must("state", "rm", address)
		w.write("import.tf", fmt.Sprintf("import {\n  to       = %s\n  identity = { id = %q }\n}\n", address, state.VMs[0].ID))
		if out := w.must("apply", "-auto-approve"); !strings.Contains(out, "1 imported, 0 added") {
			t.Error("it was not imported")
		}
		if out := w.must("plan"); !strings.Contains(out, "No changes") {
			t.Error("the next plan is not empty")
		}
	})
}
