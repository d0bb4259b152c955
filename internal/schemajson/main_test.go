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
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

func TestTheSchemaIsAsTerraformSaysIt(t *testing.T) {
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
	ask := exec.CommandContext(t.Context(), cli.Path, "providers", "schema", "-json")
	ask.Dir = dir
	ask.Env = tfcli.Environ(filepath.Join(dir, "cli.tfrc"))
	said, err := ask.Output()
	if err != nil {
		t.Fatal(err)
	}

	address := "registry.terraform.io/hypervvm/hypervvm"
	if cli.OpenTofu {
		address = "registry.opentofu.org/hypervvm/hypervvm"
	}
	var ours bytes.Buffer
	if err := write(t.Context(), &ours, address); err != nil {
		t.Fatal(err)
	}
	got, want := decode(t, ours.Bytes()), decode(t, said)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s says\n%s\nand we say\n%s", cli, said, ours.Bytes())
	}
}

func decode(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestConvertType(t *testing.T) {
	t.Parallel()
	for want, in := range map[string]tftypes.Type{
		`"string"`:               tftypes.String,
		`"dynamic"`:              tftypes.DynamicPseudoType,
		`["list","number"]`:      tftypes.List{ElementType: tftypes.Number},
		`["set",["map","bool"]]`: tftypes.Set{ElementType: tftypes.Map{ElementType: tftypes.Bool}},
		`["object",{"a":"string","b":["list","string"]}]`: tftypes.Object{AttributeTypes: map[string]tftypes.Type{
			"a": tftypes.String, "b": tftypes.List{ElementType: tftypes.String},
		}},
	} {
		got, err := convertType(in)
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
	if got, err := convertType(tftypes.Tuple{}); err == nil {
		t.Errorf("a tuple: got %s, want an error", got)
	}
}
