// SPDX-License-Identifier: MPL-2.0

package acceptance_test

import (
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

func TestAnActionIsInvokedAndTriggered(t *testing.T) {
	eachCLI(t, tfcli.Actions, func(t *testing.T, w *workspace) {
		server := startHost(t)
		w.connect(server)
		w.write("vm.tf", config(`
  lifecycle {
    action_trigger {
      events  = [after_create]
      actions = [action.hypervvm_power.pause]
    }
  }
`))
		w.write("action.tf", `
action "hypervvm_power" "pause" {
  config {
    vm_id     = hypervvm.web.id
    operation = "pause"
  }
}

action "hypervvm_power" "resume" {
  config {
    vm_id     = hypervvm.web.id
    operation = "resume"
  }
}
`)
		state := func() string {
			s, err := server.Store().Read()
			if err != nil || len(s.VMs) != 1 {
				t.Fatalf("the host has %+v, %v", s.VMs, err)
			}
			return s.VMs[0].State
		}
		out := w.must("apply", "-auto-approve")
		if state() != "Paused" || !strings.Contains(out, "web-01: [2/2] power: pause the virtual machine") {
			t.Errorf("the virtual machine is %s", state())
		}
		w.must("apply", "-auto-approve", "-invoke=action.hypervvm_power.resume")
		if state() != "Running" {
			t.Errorf("the virtual machine is %s", state())
		}
		if err := server.Store().Update(func(s *hyperv.State) error { s.VMs[0].State = "Off"; return nil }); err != nil {
			t.Fatal(err)
		}
		if out, err := w.run("apply", "-auto-approve", "-invoke=action.hypervvm_power.resume"); err == nil || !strings.Contains(out, "resume is not possible") {
			t.Errorf("resuming a virtual machine that is off: %v", err)
		}
	})
}
