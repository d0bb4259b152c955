// SPDX-License-Identifier: MPL-2.0

package acceptance_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

// workspace is a folder with a configuration in which a command is run with a local build of the provider.
type workspace struct {
	t   *testing.T
	cli tfcli.CLI
	dir string
	env []string
}

// providerBinary builds the provider once for all tests and returns its folder, which is kept: go does not link a current binary again.
var providerBinary = sync.OnceValues(func() (folder string, err error) {
	folder, err = filepath.Abs(filepath.Join("..", "..", ".cache", "acceptance"))
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", folder+string(filepath.Separator), filepath.Join("..", "..")).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the provider: %w\n%s", err, out)
	}
	return folder, nil
})

// buildProvider returns the folder of the provider's binary.
func buildProvider(t *testing.T) string {
	t.Helper()
	folder, err := providerBinary()
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// cliConfigFile returns a configuration file of the command that uses a build of the provider.
func cliConfigFile(t *testing.T) (config string) {
	t.Helper()
	bin := buildProvider(t)
	config = filepath.Join(t.TempDir(), "cli.tfrc")
	write(t, config, "provider_installation {\n  dev_overrides {\n    \"hypervvm/hypervvm\" = \""+filepath.ToSlash(bin)+"\"\n  }\n  direct {}\n}\n")
	return config
}

// everyVersion is a feature that each version has.
var everyVersion = tfcli.Feature{Name: "resources", Terraform: "1.0", OpenTofu: "1.0"}

// eachCommand runs a test with each command that has a feature: those of HYPERVVM_TEST_CLIS, or the one that is found.
func eachCommand(t *testing.T, feature tfcli.Feature, test func(t *testing.T, cli tfcli.CLI)) {
	t.Helper()
	all, err := tfcli.FindAll(t.Context(), filepath.Join("..", "..", ".cache"))
	if errors.Is(err, tfcli.ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, cli := range all {
		t.Run(fmt.Sprintf("%s %s", filepath.Base(cli.Path), cli.Version), func(t *testing.T) {
			if !has(t, cli, feature) {
				t.Skipf("%s has no %s; list a command that has it in %s", cli, feature.Name, tfcli.EnvCLIs)
			}
			test(t, cli)
		})
	}
}

// has asks a command whether it has a feature, where it shows that.
func has(t *testing.T, cli tfcli.CLI, feature tfcli.Feature) bool {
	t.Helper()
	if feature.Shown == "" {
		return cli.Has(feature)
	}
	shown := strings.Contains(shownSchemas(t, cli), feature.Shown)
	if shown != cli.Has(feature) {
		t.Errorf("%s: the schemas show %s: %t; the documented first versions are Terraform %s and OpenTofu %s", cli, feature.Name, shown, feature.Terraform, feature.OpenTofu)
	}
	return shown
}

var schemasOf sync.Map // by path of the command

// shownSchemas returns the schemas of the provider in JSON, as a command knows them.
func shownSchemas(t *testing.T, cli tfcli.CLI) string {
	t.Helper()
	if shown, ok := schemasOf.Load(cli.Path); ok {
		return shown.(string)
	}
	w := newWorkspace(t, cli)
	w.write("main.tf", requiredProvider)
	command := exec.CommandContext(t.Context(), cli.Path, "providers", "schema", "-json")
	command.Dir, command.Env = w.dir, w.env
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s providers schema: %v", cli, err)
	}
	schemasOf.Store(cli.Path, string(out))
	return string(out)
}

// eachCLI runs a test with each command that has a feature, in an empty folder.
func eachCLI(t *testing.T, feature tfcli.Feature, test func(t *testing.T, w *workspace)) {
	t.Helper()
	eachCommand(t, feature, func(t *testing.T, cli tfcli.CLI) { test(t, newWorkspace(t, cli)) })
}

// newWorkspace returns an empty folder in which a command uses a build of the provider.
func newWorkspace(t *testing.T, cli tfcli.CLI) *workspace {
	t.Helper()
	return &workspace{t: t, cli: cli, dir: t.TempDir(), env: tfcli.Environ(cliConfigFile(t))}
}

// eachAcceptance runs a test that uses terraform-plugin-testing with each command that has a feature.
func eachAcceptance(t *testing.T, feature tfcli.Feature, test func(t *testing.T)) {
	t.Helper()
	eachCommand(t, feature, func(t *testing.T, cli tfcli.CLI) {
		for _, pair := range append(cli.AcceptanceEnv(), "TF_CLI_CONFIG_FILE="+os.DevNull) {
			name, value, _ := strings.Cut(pair, "=")
			t.Setenv(name, value)
		}
		test(t)
	})
}

// write writes a file of the configuration.
func (w *workspace) write(name, text string) {
	w.t.Helper()
	write(w.t, filepath.Join(w.dir, name), text)
}

// connect makes the provider use a simulated host.
func (w *workspace) connect(server *simhost.Server) {
	for name, value := range map[string]string{
		"HYPERVVM_HOST": server.Address(), "HYPERVVM_PORT": strconv.Itoa(server.Port()), "HYPERVVM_CA_CERT": string(server.CACertPEM()),
		"HYPERVVM_USERNAME": server.Username(), "HYPERVVM_PASSWORD": server.Password(),
	} {
		w.env = append(w.env, name+"="+value)
	}
	w.write("main.tf", requiredProvider)
}

const requiredProvider = `
terraform {
  required_providers {
    hypervvm = {
      source = "hypervvm/hypervvm"
    }
  }
}
`

// run runs the command and returns its output and its error.
func (w *workspace) run(arguments ...string) (string, error) {
	w.t.Helper()
	command := exec.CommandContext(w.t.Context(), w.cli.Path, append(arguments, "-no-color")...)
	command.Dir, command.Env = w.dir, w.env
	out, err := command.CombinedOutput()
	w.t.Logf("%v\n%s", arguments, out)
	return string(out), err
}

// must runs the command, which must succeed.
func (w *workspace) must(arguments ...string) string {
	w.t.Helper()
	out, err := w.run(arguments...)
	if err != nil {
		w.t.Fatalf("%v: %v", arguments, err)
	}
	return out
}

// remove removes a file of the configuration.
func (w *workspace) remove(name string) {
	w.t.Helper()
	if err := os.Remove(filepath.Join(w.dir, name)); err != nil {
		w.t.Fatal(err)
	}
}
