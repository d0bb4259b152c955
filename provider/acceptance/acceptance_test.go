// SPDX-License-Identifier: MPL-2.0

package acceptance_test

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/provider"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// address is the address of the resource under test.
const address = "hypervvm.web"

// start starts a simulated host, as startHost does, and returns it with factories of the provider with the default schema.
func start(t *testing.T) (*simhost.Server, factories) {
	t.Helper()
	schema, err := schemas.Load()
	if err != nil {
		t.Fatal(err)
	}
	return startHost(t), factoriesOf(t, schema)
}

// startHost starts a simulated host and sets the environment variables of the provider for it.
func startHost(t *testing.T) *simhost.Server {
	t.Helper()
	server, err := simhost.Start(simhost.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	for name, value := range map[string]string{
		"HYPERVVM_HOST": server.Address(), "HYPERVVM_PORT": strconv.Itoa(server.Port()), "HYPERVVM_CA_CERT": string(server.CACertPEM()),
		"HYPERVVM_USERNAME": server.Username(), "HYPERVVM_PASSWORD": server.Password(),
	} {
		t.Setenv(name, value)
	}
	return server
}

// factories create provider servers, by provider name.
type factories = map[string]func() (tfprotov6.ProviderServer, error)

// factoriesOf returns factories of the provider with a schema.
func factoriesOf(t *testing.T, schema *jobschema.Schema) factories {
	t.Helper()
	return factories{
		"hypervvm": func() (tfprotov6.ProviderServer, error) {
			p := provider.New("test", schema, nil)
			t.Cleanup(func() {
				if err := p.Close(context.Background()); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			return providerserver.NewProtocol6(p)(), nil
		},
	}
}

func config(lines string) string {
	return `
resource "hypervvm" "web" {
  vm_name      = "web-01"
  image_name   = "ubuntu-24.04"
  os_family    = "linux"
  switch_name  = "External"
  guest_la_uid = "admin"
  guest_la_pw  = "not-a-real-one"
` + lines + `
}
`
}

func TestLifecycle(t *testing.T) { eachAcceptance(t, everyVersion, testLifecycle) }

func testLifecycle(t *testing.T) {
	server, factories := start(t)
	change := func(do func(*hyperv.VM)) func() {
		return func() {
			err := server.Store().Update(func(s *hyperv.State) error { do(&s.VMs[0]); return nil })
			if err != nil {
				t.Error(err)
			}
		}
	}
	action := func(a plancheck.ResourceActionType) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, a)}}
	}
	state := func(name string, want knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(address, tfjsonpath.New(name), want)
	}
	id := tfjsonpath.New("id")
	sameID, otherID := statecheck.CompareValue(compare.ValuesSame()), statecheck.CompareValue(compare.ValuesDiffer())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		Steps: []resource.TestStep{
			{ // create; after each step, terraform-plugin-testing requires an empty plan
				Config:           config(`notes = "first"`),
				ConfigPlanChecks: action(plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{
					state("state", knownvalue.StringExact("running")),
					state("gb_ram", knownvalue.Int64Exact(4)),
					state("host", knownvalue.StringExact(server.Address())),
					state("id", knownvalue.StringRegexp(regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`))),
					sameID.AddStateValue(address, id),
				},
			},
			{ // import by name
				ResourceName: address, ImportState: true, ImportStateVerify: true,
				ImportStateVerifyIgnore: []string{"guest_la_pw"},
				ImportStateId:           server.Address() + "/WEB-01",
			},
			{ // import by GUID
				ResourceName: address, ImportState: true, ImportStateVerify: true,
				ImportStateVerifyIgnore: []string{"guest_la_pw"},
				ImportStateIdFunc: func(s *terraform.State) (string, error) {
					r, ok := s.RootModule().Resources[address]
					if !ok {
						return "", errors.New("no such resource")
					}
					return server.Address() + "/" + r.Primary.ID, nil
				},
			},
			{ // drift is corrected
				PreConfig:         change(func(vm *hyperv.VM) { vm.Notes = "changed on the host" }),
				Config:            config(`notes = "first"`),
				ConfigPlanChecks:  action(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{state("notes", knownvalue.StringExact("first"))},
			},
			{ // update in place
				Config:            config(`notes = "second"` + "\n" + `vlan_id = 120`),
				ConfigPlanChecks:  action(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{state("vlan_id", knownvalue.Int64Exact(120))},
			},
			{ // a change that needs a power cycle is rejected
				Config:      config(`gb_ram = 8`),
				ExpectError: regexp.MustCompile(`allow_power_cycle\s+=\s+true`),
			},
			{
				Config:            config("gb_ram = 8\nallow_power_cycle = true"),
				ConfigPlanChecks:  action(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{state("state", knownvalue.StringExact("running"))},
			},
			{ // new settings of the guest are recorded in place
				Config:           config("gb_ram = 8\nallow_power_cycle = true\ncnf_ansible_ssh_user = \"ansible\"\ncnf_ansible_ssh_key = \"ssh-ed25519 AAAA\""),
				ConfigPlanChecks: action(plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{
					state("cnf_ansible_ssh_user", knownvalue.StringExact("ansible")),
					sameID.AddStateValue(address, id), otherID.AddStateValue(address, id),
				},
			},
			{ // replace
				Config:            strings.NewReplacer("ubuntu-24.04", "windows-server-2022", `"linux"`, `"windows"`).Replace(config(`gb_ram = 8`)),
				ConfigPlanChecks:  action(plancheck.ResourceActionDestroyBeforeCreate),
				ConfigStateChecks: []statecheck.StateCheck{otherID.AddStateValue(address, id)},
			},
			{ // deleted outside Terraform: it is created again
				PreConfig: func() {
					if err := server.Store().Update(func(s *hyperv.State) error { s.VMs = nil; return nil }); err != nil {
						t.Error(err)
					}
				},
				Config:           config(`notes = "third"`),
				ConfigPlanChecks: action(plancheck.ResourceActionCreate),
			},
		},
		CheckDestroy: func(*terraform.State) error {
			s, err := server.Store().Read()
			if err == nil && len(s.VMs) > 0 {
				err = errors.New("the host has a virtual machine")
			}
			return err
		},
	})
	if n := server.Counters().OpenShells; n > 0 {
		t.Logf("%d shells are open until the providers are closed", n)
	}
}

func TestPlanErrors(t *testing.T) { eachAcceptance(t, everyVersion, testPlanErrors) }

func testPlanErrors(t *testing.T) {
	_, factories := start(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		Steps: []resource.TestStep{
			{Config: config(`gb_ram = 0`), ExpectError: regexp.MustCompile(`(?s)Invalid gb_ram.*gb_ram`)},
			{Config: config(`vm_clustered = true`), ExpectError: regexp.MustCompile(`failover\s+cluster`)},
			{Config: config(`guest_v4_ipaddr = "192.0.2.50"`), ExpectError: regexp.MustCompile(`guest_v4_cidrprefix`)},
			{
				Config:      config(``) + "resource \"hypervvm\" \"twin\" {\n" + "vm_name = \"WEB-01\"\nimage_name = \"ubuntu-24.04\"\nos_family = \"linux\"\nguest_la_uid = \"admin\"\nguest_la_pw = \"x-other-one\"\n}\n",
				ExpectError: regexp.MustCompile(`Another\s+resource`),
			},
		},
	})
}
