// SPDX-License-Identifier: MPL-2.0

package acceptance_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

// A moved block takes over a virtual machine of another provider, which Terraform has to find installed, but does not ask for its schema:
// a copy of this provider stands in for it.
func TestAMovedBlockTakesOverAVMOfAnotherProvider(t *testing.T) {
	eachCLI(t, tfcli.Moves, func(t *testing.T, w *workspace) {
		w.connect(startHost(t))
		w.write("vm.tf", config(""))
		w.must("apply", "-auto-approve")

		registry := "registry.terraform.io"
		if w.cli.OpenTofu {
			registry = "registry.opentofu.org"
		}
		bin, other := buildProvider(t), t.TempDir()
		suffix := ""
		if runtime.GOOS == "windows" {
			suffix = ".exe"
		}
		binary, err := os.ReadFile(filepath.Join(bin, "terraform-provider-hypervvm"+suffix))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(other, "terraform-provider-hyperv"+suffix), binary, 0o700); err != nil {
			t.Fatal(err)
		}
		w.write("cli.tfrc", fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"hypervvm/hypervvm\" = %q\n    \"taliesins/hyperv\" = %q\n  }\n  direct {}\n}\n",
			filepath.ToSlash(bin), filepath.ToSlash(other)))
		w.env = append(w.env, "TF_CLI_CONFIG_FILE="+filepath.Join(w.dir, "cli.tfrc"))
		w.write("terraform.tfstate", fmt.Sprintf(`{
  "version": 4, "terraform_version": "1.8.0", "serial": 9, "lineage": "8f5c1e0a-2d3b-4c4d-9e6f-7a8b9c0d1e2f", "outputs": {},
  "resources": [{
    "mode": "managed", "type": "hyperv_machine_instance", "name": "old", "provider": "provider[\"%s/taliesins/hyperv\"]",
    "instances": [{"schema_version": 0, "attributes": {"id": "web-01", "name": "web-01"}, "private": "eyJzY2hlbWFfdmVyc2lvbiI6IjAifQ=="}]
  }]
}`, registry))
		w.write("moved.tf", "moved {\n  from = hyperv_machine_instance.old\n  to   = hypervvm.web\n}\n")
		if out := w.must("apply", "-auto-approve"); !strings.Contains(out, "0 added, 1 changed, 0 destroyed") {
			t.Error("it was not taken over")
		}
		w.remove("moved.tf")
		if out := w.must("plan"); !strings.Contains(out, "No changes") {
			t.Error("the next plan is not empty")
		}
	})
}
