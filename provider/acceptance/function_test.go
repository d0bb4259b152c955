// SPDX-License-Identifier: MPL-2.0

package acceptance_test

import (
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

// A function works in validate, in outputs and in checks, and contacts no host. OpenTofu 1.8 configures the provider nevertheless, so that
// it needs the settings of a host.
func TestAGuestIsCheckedWithoutAHost(t *testing.T) {
	eachCLI(t, tfcli.Functions, func(t *testing.T, w *workspace) {
		server := startHost(t)
		w.connect(server)
		w.write("main.tf", requiredProvider+`
locals {
  documents = provider::hypervvm::guest_seed({
    vm_name           = "Web 01"
    image_name        = "ubuntu-24.04"
    guest_la_uid      = "ops"
    guest_la_pw       = sensitive("c0rrect horse")
    guest_dns_servers = ["192.0.2.53"]
    network_adapters  = [{ name = "storage", switch_name = "Storage" }]
  })
}

output "meta_data" {
  value = nonsensitive(local.documents["meta-data"])
}

check "servers" {
  assert {
    condition     = strcontains(nonsensitive(local.documents["network-config"]), "192.0.2.99")
    error_message = "The guest does not have the server."
  }
}
`)
		w.must("validate")
		if out := w.must("apply", "-auto-approve"); !strings.Contains(out, "The guest does not have the server") {
			t.Error("the check does not fail")
		}
		if out := w.must("output", "-raw", "meta_data"); !strings.Contains(out, `"local-hostname":"web-01"`) {
			t.Error("the output is not the document")
		}
		if n := server.Counters().POSTs; n > 0 {
			t.Errorf("the host received %d requests", n)
		}
		w.write("main.tf", requiredProvider+`
output "documents" {
  value = provider::hypervvm::guest_seed({ vm_name = "web-01", image_name = "ubuntu-24.04", guest_v4_ipaddr = "192.0.2.500" })
}
`)
		if out, err := w.run("validate"); err == nil || !strings.Contains(out, "guest_v4_ipaddr") {
			t.Errorf("an invalid address: %v", err)
		}
	})
}
