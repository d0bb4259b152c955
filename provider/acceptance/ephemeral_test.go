// SPDX-License-Identifier: MPL-2.0

package acceptance_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

// The password of the provider and that of the guest come from ephemeral values: no file of the run contains either.
func TestThePasswordOfTheProviderCanBeEphemeral(t *testing.T) {
	eachCLI(t, tfcli.WriteOnly, func(t *testing.T, w *workspace) {
		server := startHost(t)
		w.connect(server)
		w.env = append(w.env, "HYPERVVM_PASSWORD=", "TF_VAR_host_password="+server.Password(), "TF_VAR_guest_password="+throwAway)
		w.write("vm.tf", fmt.Sprintf(`
variable "host_password" {
  type      = string
  ephemeral = true
}

variable "guest_password" {
  type      = string
  ephemeral = true
}

provider "hypervvm" {
  host = {
    address  = %q
    password = var.host_password
  }
}

resource "hypervvm" "web" {
  vm_name                = "web-01"
  image_name             = "ubuntu-24.04"
  guest_la_uid           = "ops"
  guest_la_pw_wo         = var.guest_password
  guest_la_pw_wo_version = 1
}
`, server.Address()))
		w.must("plan", "-out=saved.tfplan")
		w.must("apply", "saved.tfplan")
		if out := w.must("plan"); !strings.Contains(out, "No changes") {
			t.Error("the second plan is not empty")
		}
		err := filepath.WalkDir(w.dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			for _, secret := range []string{server.Password(), throwAway} {
				if strings.Contains(string(text), secret) {
					t.Errorf("%s contains a password", path)
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		for _, show := range []string{w.must("show", "-json", "saved.tfplan"), w.must("show", "-json")} {
			if strings.Contains(show, server.Password()) || strings.Contains(show, throwAway) {
				t.Error("a plan or a state contains a password")
			}
		}
		w.must("destroy", "-auto-approve")
	})
}
