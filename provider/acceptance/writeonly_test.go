// SPDX-License-Identifier: MPL-2.0

package acceptance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tfconfig "github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
)

// throwAway is the secret that nothing may keep.
const throwAway = "thr0w-away-Admin"

// nowhere looks for the secret in what Terraform shows of a plan and of a state: it is what show -json gives.
type nowhere struct{ t *testing.T }

func (n nowhere) search(where string, shown any) {
	n.t.Helper()
	text, err := json.Marshal(shown)
	if err != nil {
		n.t.Error(err)
	}
	if !strings.Contains(string(text), "guest_la_pw_wo_version") {
		n.t.Errorf("%s does not show the machine: %s", where, text)
	}
	if strings.Contains(string(text), throwAway) {
		n.t.Errorf("%s shows the secret", where)
	}
}

// CheckPlan implements [plancheck.PlanCheck].
func (n nowhere) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, _ *plancheck.CheckPlanResponse) {
	n.search("the plan", req.Plan)
}

// CheckState implements [statecheck.StateCheck].
func (n nowhere) CheckState(_ context.Context, req statecheck.CheckStateRequest, _ *statecheck.CheckStateResponse) {
	n.search("the state", req.State)
}

func TestAnEphemeralSecretIsNotStored(t *testing.T) {
	needCLI(t)
	server, factories := start(t)
	folder, logs := t.TempDir(), t.TempDir()
	t.Setenv("HYPERVVM_JOB_LOG_DIR", logs)
	t.Setenv("TF_ACC_TEMP_DIR", folder) // where terraform-plugin-testing has Terraform work
	machine := func(version int) string {
		return fmt.Sprintf(`
variable "password" {
  type      = string
  ephemeral = true
}
resource "hypervvm" "web" {
  vm_name      = "web-01"
  image_name   = "ubuntu-24.04"
  guest_la_uid = "admin"

  guest_la_pw_wo         = var.password
  guest_la_pw_wo_version = %d
}
`, version)
	}
	filesAreClean := func() {
		states := 0
		for _, root := range []string{folder, logs, server.StateFile() + ".d"} {
			err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() || strings.HasSuffix(name, ".tfvars.json") { // the secret comes from there
					return err
				}
				content, err := os.ReadFile(name)
				if strings.Contains(string(content), `"guest_la_pw_wo_version": `) {
					states++
				}
				if strings.Contains(string(content), throwAway) {
					t.Errorf("%s holds the secret", name)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
		if states == 0 {
			t.Error("there is no state among the files")
		}
	}
	password := func(value string) tfconfig.Variables {
		return tfconfig.Variables{"password": tfconfig.StringVariable(value)}
	}
	expect := func(action plancheck.PlanCheck) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{nowhere{t}, action}}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_11_0)},
		Steps: []resource.TestStep{
			{
				Config:            machine(1),
				ConfigVariables:   password(throwAway),
				ConfigPlanChecks:  expect(plancheck.ExpectResourceAction(address, plancheck.ResourceActionCreate)),
				ConfigStateChecks: []statecheck.StateCheck{nowhere{t}},
			},
			{ // another value alone is not seen
				PreConfig:        filesAreClean,
				Config:           machine(1),
				ConfigVariables:  password(throwAway + "-2"),
				ConfigPlanChecks: expect(plancheck.ExpectEmptyPlan()),
			},
			{ // its version is
				Config:            machine(2),
				ConfigVariables:   password(throwAway + "-2"),
				ConfigPlanChecks:  expect(plancheck.ExpectResourceAction(address, plancheck.ResourceActionDestroyBeforeCreate)),
				ConfigStateChecks: []statecheck.StateCheck{nowhere{t}},
			},
			{
				PreConfig:        filesAreClean,
				Config:           machine(2),
				ConfigVariables:  password(throwAway + "-2"),
				ConfigPlanChecks: expect(plancheck.ExpectEmptyPlan()),
			},
		},
	})
}

func TestJobInputsDataSource(t *testing.T) {
	needCLI(t)
	_, factories := start(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		Steps: []resource.TestStep{{
			Config: `
data "hypervvm_job_inputs" "all" {}
output "required" {
  value = join(" ", [for f in data.hypervvm_job_inputs.all.fields : f.path if f.required && !strcontains(f.path, ".")])
}
output "version" {
  value = jsondecode(data.hypervvm_job_inputs.all.json).version
}`,
			Check: resource.ComposeAggregateTestCheckFunc(
				resource.TestCheckOutput("required", "vm_name image_name os_family guest_la_uid guest_la_pw"),
				resource.TestCheckOutput("version", "1"),
			),
		}},
	})
}
