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

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

// throwAway is a secret that must not be stored.
const throwAway = "thr0w-away-Admin"

// secretCheck requires that the secret does not appear in `terraform show -json` of a plan or a state.
type secretCheck struct{ t *testing.T }

func (n secretCheck) search(where string, shown any) {
	n.t.Helper()
	text, err := json.Marshal(shown)
	if err != nil {
		n.t.Error(err)
	}
	if !strings.Contains(string(text), "guest_la_pw_wo_version") {
		n.t.Errorf("%s does not contain the resource: %s", where, text)
	}
	if strings.Contains(string(text), throwAway) {
		n.t.Errorf("%s contains the secret", where)
	}
}

// CheckPlan implements [plancheck.PlanCheck].
func (n secretCheck) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, _ *plancheck.CheckPlanResponse) {
	n.search("the plan", req.Plan)
}

// CheckState implements [statecheck.StateCheck].
func (n secretCheck) CheckState(_ context.Context, req statecheck.CheckStateRequest, _ *statecheck.CheckStateResponse) {
	n.search("the state", req.State)
}

func TestAnEphemeralSecretIsNotStored(t *testing.T) {
	eachAcceptance(t, tfcli.WriteOnly, testAnEphemeralSecretIsNotStored)
}

func testAnEphemeralSecretIsNotStored(t *testing.T) {
	server, factories := start(t)
	folder, logs := t.TempDir(), t.TempDir()
	t.Setenv("HYPERVVM_JOB_LOG_DIR", logs)
	t.Setenv("TF_ACC_TEMP_DIR", folder) // working directory of Terraform
	const linux, windows = "ubuntu-24.04", "windows-server-2022"
	configuration := func(image string, version int) string {
		return fmt.Sprintf(`
variable "password" {
  type      = string
  ephemeral = true
}
resource "hypervvm" "web" {
  vm_name      = "web-01"
  image_name   = "%s"
  guest_la_uid = "admin"

  guest_la_pw_wo         = var.password
  guest_la_pw_wo_version = %d
}
`, image, version)
	}
	filesAreClean := func() {
		states := 0
		for _, root := range []string{folder, logs, server.StateFile() + ".d"} {
			err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() || strings.HasSuffix(name, ".tfvars.json") { // the input variables
					return err
				}
				content, err := os.ReadFile(name)
				if strings.Contains(string(content), `"guest_la_pw_wo_version": `) {
					states++
				}
				if strings.Contains(string(content), throwAway) {
					t.Errorf("%s contains the secret", name)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
		if states == 0 {
			t.Error("the files contain no state")
		}
	}
	password := func(value string) tfconfig.Variables {
		return tfconfig.Variables{"password": tfconfig.StringVariable(value)}
	}
	expect := func(action plancheck.PlanCheck) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{secretCheck{t}, action}}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		Steps: []resource.TestStep{
			{
				Config:            configuration(linux, 1),
				ConfigVariables:   password(throwAway),
				ConfigPlanChecks:  expect(plancheck.ExpectResourceAction(address, plancheck.ResourceActionCreate)),
				ConfigStateChecks: []statecheck.StateCheck{secretCheck{t}},
			},
			{ // a change of the value alone is not detected
				PreConfig:        filesAreClean,
				Config:           configuration(linux, 1),
				ConfigVariables:  password(throwAway + "-2"),
				ConfigPlanChecks: expect(plancheck.ExpectEmptyPlan()),
			},
			{ // a change of its version is: a job records it in place
				Config:            configuration(linux, 2),
				ConfigVariables:   password(throwAway + "-2"),
				ConfigPlanChecks:  expect(plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)),
				ConfigStateChecks: []statecheck.StateCheck{secretCheck{t}},
			},
			{
				PreConfig:        filesAreClean,
				Config:           configuration(linux, 2),
				ConfigVariables:  password(throwAway + "-2"),
				ConfigPlanChecks: expect(plancheck.ExpectEmptyPlan()),
			},
			{ // a replacement sends the secret again
				PreConfig: func() {
					if n := jobs(t, logs); n != 2 {
						t.Errorf("got %d jobs, want a create and an update", n)
					}
				},
				Config:            configuration(windows, 2),
				ConfigVariables:   password(throwAway + "-2"),
				ConfigPlanChecks:  expect(plancheck.ExpectResourceAction(address, plancheck.ResourceActionDestroyBeforeCreate)),
				ConfigStateChecks: []statecheck.StateCheck{secretCheck{t}},
			},
			{
				PreConfig:        filesAreClean,
				Config:           configuration(windows, 2),
				ConfigVariables:  password(throwAway + "-2"),
				ConfigPlanChecks: expect(plancheck.ExpectEmptyPlan()),
			},
		},
	})
}

func TestJobInputsDataSource(t *testing.T) { eachAcceptance(t, everyVersion, testJobInputsDataSource) }

func testJobInputsDataSource(t *testing.T) {
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
				resource.TestCheckOutput("required", "vm_name image_name os_family"),
				resource.TestCheckOutput("version", "2"),
			),
		}},
	})
}
