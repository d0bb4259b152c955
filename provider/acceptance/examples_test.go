// SPDX-License-Identifier: MPL-2.0

package acceptance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/certtest"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

// TestExamplesAreValid validates each example, and the first one of the README, as a user would with a local build.
func TestExamplesAreValid(t *testing.T) {
	t.Parallel()
	eachCommand(t, everyVersion, validateExamples)
}

func validateExamples(t *testing.T, cli tfcli.CLI) {
	root := filepath.Join("..", "..")
	config := cliConfigFile(t)
	ca := string(certtest.NewAuthority(t).PEM)

	read := func(path ...string) string {
		text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	_, readme, found := strings.Cut(read("README.md"), "```hcl\n")
	readme, _, closed := strings.Cut(readme, "```")
	if !found || !closed {
		t.Fatal("README.md has no HCL")
	}
	provider := read("examples", "provider", "provider.tf")
	examples := map[string]string{
		"README":   readme,
		"resource": provider + read("examples", "resources", "hypervvm", "resource.tf"),
		"import":   provider + read("examples", "resources", "hypervvm", "resource.tf") + read("examples", "resources", "hypervvm", "import-by-string-id.tf"),
	}
	for pattern, feature := range map[string]tfcli.Feature{
		filepath.Join("resources", "*", "import-by-identity.tf"): tfcli.Identity,
		filepath.Join("functions", "*", "*.tf"):                  tfcli.Functions,
		filepath.Join("data-sources", "*", "*.tf"):               {},
		filepath.Join("actions", "*", "*.tf"):                    tfcli.Actions,
	} {
		files, err := filepath.Glob(filepath.Join(root, "examples", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if feature.Name != "" && !has(t, cli, feature) {
				t.Logf("%s is skipped: %s has no %s", file, cli, feature.Name)
				continue
			}
			text := provider + read("examples", strings.TrimPrefix(file, filepath.Join(root, "examples")))
			if feature == tfcli.Identity {
				text += read("examples", "resources", "hypervvm", "resource.tf")
			}
			examples[strings.TrimPrefix(file, filepath.Join(root, "examples"))] = text
		}
	}
	folders, err := filepath.Glob(filepath.Join(root, "examples", "*", "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range folders {
		name := filepath.Base(filepath.Dir(path))
		if name != "custom-schema" { // make demo runs it with its schema
			examples[name] = read("examples", name, "main.tf")
		}
	}
	if len(examples) < 11 {
		t.Errorf("only %d examples were found", len(examples))
	}
	for name, text := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if since := requiredVersion.FindStringSubmatch(text); since != nil && !cli.Has(tfcli.Feature{Terraform: since[1], OpenTofu: since[1]}) {
				t.Skipf("%s is older than version %s, which the example requires", cli, since[1])
			}
			dir := t.TempDir()
			write(t, filepath.Join(dir, "main.tf"), text)
			write(t, filepath.Join(dir, "lab-ca.pem"), ca)
			command := exec.CommandContext(t.Context(), cli.Path, "validate", "-no-color")
			command.Dir = dir
			command.Env = tfcli.Environ(config)
			if out, err := command.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

var requiredVersion = regexp.MustCompile(`required_version\s*=\s*">= ([0-9.]+)"`)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
