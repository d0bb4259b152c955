// SPDX-License-Identifier: MPL-2.0

package acceptance_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

// project is a folder with a configuration, for commands that start the provider as a process of its own for each walk: unlike
// terraform-plugin-testing, with a refresh before a destruction.
type project struct {
	*testing.T
	dir    string
	env    []string
	server *simhost.Server
}

func newProject(t *testing.T) *project {
	t.Helper()
	needCLI(t)
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "terraform-provider-hypervvm"), "../..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	p := &project{T: t, dir: t.TempDir(), server: startHost(t)}
	cliConfig := filepath.Join(bin, "cli.tfrc")
	write(t, cliConfig, fmt.Sprintf("provider_installation {\n  dev_overrides {\n    %q = %q\n  }\n  direct {}\n}\n", "hypervvm/hypervvm", filepath.ToSlash(bin)))
	p.env = tfcli.Environ(cliConfig)
	for _, name := range []string{"HOST", "PORT", "CA_CERT", "USERNAME", "PASSWORD"} {
		p.env = append(p.env, "HYPERVVM_"+name+"="+os.Getenv("HYPERVVM_"+name))
	}
	return p
}

// machine returns a resource with a label, a name, and further lines.
func machine(label, name, lines string) string {
	return fmt.Sprintf("resource \"hypervvm\" %q {\n  vm_name = %q\n  image_name = \"ubuntu-24.04\"\n  guest_la_uid = \"admin\"\n  guest_la_pw = \"not-a-real-one\"\n%s\n}\n",
		label, name, lines)
}

// run writes a configuration and runs a command. Errors are the texts of the error that is expected; none: success.
func (p *project) run(machines, command string, errors ...string) {
	p.Helper()
	write(p.T, filepath.Join(p.dir, "main.tf"), "terraform {\n  required_providers {\n    hypervvm = {\n      source = \"hypervvm/hypervvm\"\n    }\n  }\n}\n"+machines)
	args := append(strings.Fields(command), "-auto-approve", "-no-color", "-input=false")
	cmd := exec.CommandContext(p.Context(), os.Getenv("TF_ACC_TERRAFORM_PATH"), args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	out, err := cmd.CombinedOutput()
	if (err != nil) != (len(errors) > 0) {
		p.Fatalf("%s: %v\n%s", command, err, out)
	}
	text := strings.Join(strings.Fields(string(out)), " ")
	for _, want := range errors {
		if !strings.Contains(text, want) {
			p.Errorf("%s: no %q in\n%s", command, want, out)
		}
	}
}

// wantNames requires the virtual machines of the host, sorted by their names.
func (p *project) wantNames(want string) {
	p.Helper()
	state, err := p.server.Store().Read()
	if err != nil {
		p.Fatal(err)
	}
	var names []string
	for _, vm := range state.VMs {
		names = append(names, vm.Name)
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != want {
		p.Errorf("the host has %q, want %q", got, want)
	}
}

func TestNamesGoFromOneVMToAnotherAndDestroyIsNotStopped(t *testing.T) {
	p := newProject(t)
	p.run(machine("a", "n-1", "")+machine("b", "n-2", ""), "apply")
	p.run(machine("a", "n-3", "")+machine("b", "n-1", ""), "apply") // renames
	p.run(machine("a", "n-3", "")+machine("c", "n-1", ""), "apply") // a changed label
	p.wantNames("n-1 n-3")

	p.run(machine("a", "n-1", "")+machine("c", "n-3", ""), "apply", "Virtual machines exchange their names", "unused name")
	p.run(machine("a", "n-3", "")+machine("c", "n-1", "lifecycle {\n create_before_destroy = true\n }"), "apply -replace=hypervvm.c",
		"Unable to create virtual machine n-1", "remove create_before_destroy")
	p.wantNames("n-1 n-3")
	ignoring := machine("c", "n-1", "gb_ram = 8\nlifecycle {\n ignore_changes = [gb_ram]\n }")
	p.run(machine("a", "n-3", "")+ignoring, "apply -replace=hypervvm.c")

	// Two virtual machines cannot be created, and one has drifted.
	err := p.server.Store().Update(func(s *hyperv.State) error {
		s.VMs[0].MemoryStartupBytes *= 2
		s.VMs = append(s.VMs, hyperv.VM{ID: "0b5d1c5e-6a1e-4c39-9d0b-6f4a0c1f7e11", Name: "n-5", State: "Off"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p.run(machine("a", "n-3", "")+machine("c", "n-1", "gb_ram = 8")+machine("d", "n-4", `switch_name = "Outside"`)+machine("e", "n-5", ""), "destroy")
	p.wantNames("n-5")
}
