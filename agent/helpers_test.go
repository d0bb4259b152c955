// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/standin"
)

// secret is the value of the secret field of definition.
const secret = "Sw0rdfish-and-Tr0ut"

// agentVariable names the folder of another version of the agent, with which runJob runs in place of this one: to see a test of a corrected error fail.
const agentVariable = "HYPERVVM_TEST_AGENT"

// turns is the number of groups of further tests, which run by turns: one group costs about as much as another.
const turns = 6

// definition is a job definition on several lines.
const definition = `{
  "schema": { "id": "vm-provisioning", "version": 2 },
  "operation": "provision",
  "fields": {
    "vm_name": "by-hand", "image_name": "ubuntu-24.04", "os_family": "linux",
    "gb_ram": 2, "cpu_cores": 1,
    "guest_la_uid": "admin",
    "guest_la_pw": "` + secret + `"
  }
}
`

// values are the values of a message's placeholders.
type values = map[string]any

// fixture is a simulated host, and a PowerShell that runs the agent on it.
type fixture struct {
	*testing.T
	pwsh, dir, entry string
	store            *hyperv.Store
}

// newFixture creates a simulated host. It skips the test when HYPERVVM_PWSH is not set.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	pwsh := os.Getenv("HYPERVVM_PWSH")
	if pwsh == "" {
		t.Skip("HYPERVVM_PWSH is not set to a PowerShell that can run the agent")
	}
	f := &fixture{T: t, pwsh: pwsh, dir: t.TempDir()}
	var err error
	f.entry, err = filepath.Abs(filepath.Join(os.Getenv(agentVariable), "Invoke-ProvisioningJob.ps1"))
	f.must(err)
	f.must(standin.WriteModules(filepath.Join(f.dir, "modules")))
	f.store, err = hyperv.Open(filepath.Join(f.dir, "state.json"))
	f.must(err)
	return f
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// run runs PowerShell and returns its output and exit code.
func (f *fixture) run(stdin string, args ...string) (output string, code int) {
	f.Helper()
	cmd := f.command(stdin, args...)
	raw, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		f.Fatal(err)
	}
	return string(raw), cmd.ProcessState.ExitCode()
}

// command returns the command that runs PowerShell.
func (f *fixture) command(stdin string, args ...string) *exec.Cmd {
	cmd := exec.Command(f.pwsh, append([]string{"-NoProfile", "-NonInteractive"}, args...)...)
	cmd.Env = append(os.Environ(), standin.StateVariable+"="+f.store.Path(), "HOME="+f.dir,
		"PSModulePath="+filepath.Join(f.dir, "modules")+string(os.PathListSeparator)+filepath.Join(filepath.Dir(f.pwsh), "Modules"))
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Dir = f.dir
	return cmd
}

// runScript runs a script that may load the bundle from the path that replaces %agent%. The files of another version of the agent take
// the place of the bundle.
func (f *fixture) runScript(script string, replacements ...string) (output string, code int) {
	f.Helper()
	bundle, file := filepath.Join(f.dir, "bundle.ps1"), filepath.Join(f.dir, "script.ps1")
	scripts := agent.Bundle()
	if folder := os.Getenv(agentVariable); folder != "" {
		scripts = []byte(fmt.Sprintf("foreach ($file in [System.IO.Directory]::GetFiles('%s/lib', '*.ps1')) { . $file }\n", folder))
	}
	f.must(os.WriteFile(bundle, scripts, 0o600))
	text := strings.NewReplacer(append(replacements, "%agent%", bundle)...).Replace(script)
	f.must(os.WriteFile(file, []byte(text), 0o600))
	return f.run("", "-File", file)
}

// runJob runs Invoke-ProvisioningJob.ps1 with a definition on standard input.
func (f *fixture) runJob(definition string, args ...string) (string, int) {
	f.Helper()
	return f.run(definition, f.jobArguments(args)...)
}

func (f *fixture) jobArguments(args []string) []string {
	return []string{"-Command", fmt.Sprintf("& '%s' %s; exit $LASTEXITCODE", f.entry, strings.Join(args, " "))}
}

// vms returns the virtual machines of the simulated host.
func (f *fixture) vms() []hyperv.VM {
	f.Helper()
	state, err := f.store.Read()
	f.must(err)
	return state.VMs
}

// message returns the text of a message of the catalogue.
func (f *fixture) message(id string, v values) string {
	f.Helper()
	m, err := agent.Messages()[id].Format(v)
	if err != nil || m.Message == "" {
		f.Fatalf("message %q: %v", id, err)
	}
	return m.Message
}

// wantOutput checks an exit code and parts of the output.
func (f *fixture) wantOutput(output string, code, want int, parts ...string) {
	f.Helper()
	if code != want {
		f.Errorf("exit code %d, want %d", code, want)
	}
	for _, part := range parts {
		if !strings.Contains(output, part) {
			f.Errorf("the output lacks %q", part)
		}
	}
	if f.Failed() {
		f.Logf("output:\n%s", output)
	}
}

// wantNoSecret looks for the secret in the output and in every file of the fixture.
func (f *fixture) wantNoSecret(output string) {
	f.Helper()
	if strings.Contains(output, secret) {
		f.Errorf("the output contains the secret:\n%s", output)
	}
	f.must(filepath.WalkDir(f.dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed while the folder was read
		}
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if bytes.Contains(text, []byte(secret)) {
			f.Errorf("%s contains the secret", path)
		}
		return err
	}))
}

// wantNoSecretInProcesses looks for the secret in the command lines and environments of all processes.
func (f *fixture) wantNoSecretInProcesses() {
	f.Helper()
	for _, name := range []string{"cmdline", "environ"} {
		paths, err := filepath.Glob("/proc/[0-9]*/" + name)
		f.must(err)
		for _, path := range paths {
			if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(secret)) {
				f.Errorf("a process has the secret in its %s: %q", name, text)
			}
		}
	}
}

// write writes a file of the fixture.
func (f *fixture) write(name, text string) {
	f.Helper()
	f.must(os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600))
}
