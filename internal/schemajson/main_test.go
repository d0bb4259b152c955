// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

func TestTheOutputEqualsThatOfTerraform(t *testing.T) {
	cli, err := tfcli.Find(t.Context(), "", filepath.Join("..", "..", ".cache"))
	if errors.Is(err, tfcli.ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "bin")+string(filepath.Separator), "../..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the provider: %v\n%s", err, out)
	}
	for name, text := range map[string]string{
		"cli.tfrc": "provider_installation {\n  dev_overrides {\n    \"hypervvm/hypervvm\" = \"bin\"\n  }\n  direct {}\n}\n",
		"main.tf":  "terraform {\n  required_providers {\n    hypervvm = {\n      source = \"hypervvm/hypervvm\"\n    }\n  }\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), cli.Path, "providers", "schema", "-json")
	command.Dir = dir
	command.Env = tfcli.Environ(filepath.Join(dir, "cli.tfrc"))
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}

	address := "registry.terraform.io/hypervvm/hypervvm"
	if cli.OpenTofu {
		address = "registry.opentofu.org/hypervvm/hypervvm"
	}
	var ours bytes.Buffer
	if err := write(t.Context(), &ours, address, nil); err != nil {
		t.Fatal(err)
	}
	got, want := decode(t, ours.Bytes()), decode(t, output)
	// A command-line tool of an earlier version does not know all kinds of objects.
	theirs := object(object(want["provider_schemas"])[address])
	schemas := object(object(got["provider_schemas"])[address])
	for _, kind := range []string{"resource_identity_schemas", "list_resource_schemas", "action_schemas"} {
		if theirs[kind] == nil {
			t.Logf("%s has no %s", cli, kind)
			delete(schemas, kind)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant the output of %s\n%s", ours.Bytes(), cli, output)
	}
}

func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

func decode(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDocumentationShowsNestedAttributesAsRequired(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := write(t.Context(), &out, key, markRequired); err != nil {
		t.Fatal(err)
	}
	var all providerSchemas
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	vm, provider := all.Schemas[key].Resources[key].Block.Attributes, all.Schemas[key].Provider.Block.Attributes
	for path, nested := range map[string]*nestedType{"data_disks": vm["data_disks"].NestedType, "network_adapters": vm["network_adapters"].NestedType, "hosts": provider["hosts"].NestedType} {
		required := map[string][]string{"data_disks": {"name"}, "network_adapters": {"name", "switch_name"}, "hosts": {"address"}}[path]
		for name, a := range nested.Attributes {
			if want := slices.Contains(required, name); a.Required != want || a.Optional == want {
				t.Errorf("%s.%s: required is %t, optional is %t", path, name, a.Required, a.Optional)
			}
			if strings.HasSuffix(a.Description, "Required.") {
				t.Errorf("%s.%s: %s", path, name, a.Description)
			}
		}
	}
	if a := provider["host"].NestedType.Attributes["address"]; a.Required || !strings.Contains(a.Description, "HYPERVVM_HOST") {
		t.Errorf("host.address: %+v", a)
	}
	if a := provider["hosts"].NestedType.Attributes["address"]; strings.Contains(a.Description, "HYPERVVM_HOST") {
		t.Errorf("hosts.address: %+v", a)
	}
}
