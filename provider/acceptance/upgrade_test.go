// SPDX-License-Identifier: MPL-2.0

package acceptance_test

import (
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

// Two versions of a schema. Most of the changed fields have `change: replace`.
const (
	labFirst = `
id: lab
version: 1
fields:
  - {id: name, type: string, required: true, change: in_place, observed: name, stands_for: vm_name}
  - {id: image, type: string, required: true, stands_for: image_name}
  - {id: ram, type: integer, default: 4, change: power_cycle, observed: memory_gb, stands_for: gb_ram}
  - {id: admin, type: string, required: true, stands_for: guest_la_uid}
  - {id: pw, type: secret, required: true, stands_for: guest_la_pw}
  - {id: fast, type: boolean, default: false, change: replace}
  - {id: rack, type: integer, change: replace}
  - {id: cluster, type: boolean, default: false, change: replace}
  - id: disks
    type: list
    items: {type: object, fields: [{id: size, type: integer, required: true}]}
    change: replace
`
	labSecond = `
id: lab
version: 2
fields:
  - {id: vm, type: string, required: true, change: in_place, observed: name, stands_for: vm_name}
  - {id: image, type: string, required: true, stands_for: image_name}
  - {id: memory, type: integer, default: 4, change: power_cycle, observed: memory_gb, stands_for: gb_ram}
  - {id: admin, type: string, required: true, stands_for: guest_la_uid}
  - {id: password, type: secret, required: true, stands_for: guest_la_pw}
  - {id: tier, type: enum, default: bronze, validations: {one_of: [gold, bronze]}, change: replace}
  - {id: rack, type: string, change: replace}
  - {id: share, type: number, default: 0.1, change: replace}
  - {id: shape, type: string, change: replace, infer: {from: image, rules: [{pattern: ubuntu, value: round}]}}
  - id: disks
    type: list
    items:
      type: object
      fields:
        - {id: size_gb, type: integer, required: true}
        - {id: kind, type: enum, default: data, validations: {one_of: [data, log]}}
    change: replace
migrations:
  - from: 1
    dropped: [cluster]
    renamed: {name: vm, ram: memory, pw: password, fast: tier, disks.size: size_gb}
    retyped:
      rack: {from: integer}
      tier: {from: boolean, values: {'true': gold, 'false': bronze}}
`
)

// load loads a schema.
func load(t *testing.T, text string) *jobschema.Schema {
	t.Helper()
	s, err := jobschema.Load("lab.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// jobs returns the number of jobs that ran, by their log files.
func jobs(t *testing.T, logs string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(logs, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestAnUpgradedStateNeedsNoChange(t *testing.T) {
	eachAcceptance(t, everyVersion, testAnUpgradedStateNeedsNoChange)
}

func testAnUpgradedStateNeedsNoChange(t *testing.T) {
	server := startHost(t)
	logs := t.TempDir()
	t.Setenv("HYPERVVM_JOB_LOG_DIR", logs)
	sameID := statecheck.CompareValue(compare.ValuesSame())
	state := func(name string, want knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(address, tfjsonpath.New(name), want)
	}
	second := factoriesOf(t, load(t, labSecond))
	lines := `
  vm       = "web-01"
  image    = "ubuntu-24.04"
  admin    = "ops"
  password = "not-a-real-one"
  memory   = 8
  tier     = "gold"
  rack     = "12"
  disks    = [{ size_gb = 40 }, { size_gb = 80 }]
`
	resource.Test(t, resource.TestCase{Steps: []resource.TestStep{
		{
			ProtoV6ProviderFactories: factoriesOf(t, load(t, labFirst)),
			Config: `resource "hypervvm" "web" {
  name  = "web-01"
  image = "ubuntu-24.04"
  admin = "ops"
  pw    = "not-a-real-one"
  ram   = 8
  fast  = true
  rack  = 12
  disks = [{ size = 40 }, { size = 80 }]
}`,
			ConfigStateChecks: []statecheck.StateCheck{
				sameID.AddStateValue(address, tfjsonpath.New("id")),
				state("cluster", knownvalue.Bool(false)),
			},
		},
		{
			PreConfig: func() {
				if n := jobs(t, logs); n != 1 {
					t.Errorf("got %d jobs after create, want 1", n)
				}
			},
			ProtoV6ProviderFactories: second,
			Config:                   `resource "hypervvm" "web" {` + lines + `}`,
			ConfigPlanChecks:         resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			ConfigStateChecks: []statecheck.StateCheck{
				sameID.AddStateValue(address, tfjsonpath.New("id")),
			},
		},
		{ // the first change writes the upgraded state
			PreConfig: func() {
				if n := jobs(t, logs); n != 1 {
					t.Errorf("the upgrade ran %d jobs", n-1)
				}
				if s, err := server.Store().Read(); err != nil || len(s.VMs) != 1 {
					t.Errorf("the host has %v (%v)", s, err)
				}
			},
			ProtoV6ProviderFactories: second,
			Config:                   `resource "hypervvm" "web" {` + lines + `timeouts = { create = "5m" }` + "\n}",
			ConfigPlanChecks:         resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, plancheck.ResourceActionUpdate)}},
			ConfigStateChecks: []statecheck.StateCheck{
				sameID.AddStateValue(address, tfjsonpath.New("id")),
				state("memory", knownvalue.Int64Exact(8)),
				state("tier", knownvalue.StringExact("gold")),
				state("rack", knownvalue.StringExact("12")),
				state("share", knownvalue.Float64Exact(0.1)),
				state("shape", knownvalue.StringExact("round")),
				state("disks", knownvalue.ListExact([]knownvalue.Check{
					knownvalue.ObjectExact(map[string]knownvalue.Check{"size_gb": knownvalue.Int64Exact(40), "kind": knownvalue.StringExact("data")}),
					knownvalue.ObjectExact(map[string]knownvalue.Check{"size_gb": knownvalue.Int64Exact(80), "kind": knownvalue.StringExact("data")}),
				})),
			},
		},
	}})
	if n := jobs(t, logs); n != 2 {
		t.Errorf("got %d jobs, want a create and a delete", n)
	}
}
