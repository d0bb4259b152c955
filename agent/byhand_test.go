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
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/standin"
)

const secret = "Sw0rdfish-and-Tr0ut"

// pretty is a definition on many lines.
const pretty = `{
  "schema": { "id": "vm-provisioning", "version": 1 },
  "operation": "provision",
  "fields": {
    "vm_name": "by-hand", "image_name": "ubuntu-24.04", "os_family": "linux",
    "gb_ram": 2, "cpu_cores": 1,
    "guest_la_uid": "admin",
    "guest_la_pw": "` + secret + `"
  }
}
`

// hand is a folder with the agent's files, and a simulated host.
type hand struct {
	*testing.T
	pwsh, dir, entry string
	store            *hyperv.Store
}

// byHand sets the scene, or says why it cannot.
func byHand(t *testing.T) *hand {
	t.Helper()
	pwsh := os.Getenv("HYPERVVM_PWSH")
	if pwsh == "" {
		t.Skip("HYPERVVM_PWSH names no PowerShell to run the agent with")
	}
	h := &hand{T: t, pwsh: pwsh, dir: t.TempDir()}
	for name, text := range agent.Files() {
		path := filepath.Join(h.dir, "agent", filepath.FromSlash(name))
		h.must(os.MkdirAll(filepath.Dir(path), 0o755))
		h.must(os.WriteFile(path, text, 0o644))
	}
	h.entry = filepath.Join(h.dir, "agent", "Invoke-ProvisioningJob.ps1")
	h.must(standin.WriteStandIn(filepath.Join(h.dir, "modules")))
	var err error
	h.store, err = hyperv.Open(filepath.Join(h.dir, "state.json"))
	h.must(err)
	return h
}

func (h *hand) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// run runs PowerShell and gives what it wrote, with its exit code.
func (h *hand) run(stdin string, args ...string) (output string, code int) {
	h.Helper()
	cmd := exec.Command(h.pwsh, append([]string{"-NoProfile", "-NonInteractive"}, args...)...)
	cmd.Env = append(os.Environ(), standin.StateVariable+"="+h.store.Path(), "HOME="+h.dir,
		"PSModulePath="+filepath.Join(h.dir, "modules")+string(os.PathListSeparator)+filepath.Join(filepath.Dir(h.pwsh), "Modules"))
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Dir = h.dir
	raw, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		h.Fatal(err)
	}
	return string(raw), cmd.ProcessState.ExitCode()
}

// script runs the entry with a definition on standard input.
func (h *hand) script(definition string, args ...string) (string, int) {
	h.Helper()
	return h.run(definition, "-Command", fmt.Sprintf("& '%s' %s; exit $LASTEXITCODE", h.entry, strings.Join(args, " ")))
}

func (h *hand) vms() []hyperv.VM {
	h.Helper()
	state, err := h.store.Read()
	h.must(err)
	return state.VMs
}

func TestAJobRunsByHand(t *testing.T) {
	t.Parallel()
	for name, definition := range map[string]string{
		"pretty-printed, through the pipeline": pretty,
		"on one line, through the pipeline":    strings.ReplaceAll(pretty, "\n", ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := byHand(t)
			h.must(os.WriteFile(filepath.Join(h.dir, "job.json"), []byte(definition), 0o644))
			output, code := h.run("", "-Command", fmt.Sprintf("Get-Content -LiteralPath 'job.json' | & '%s'; exit $LASTEXITCODE", h.entry))
			h.holds(output, code, 0, "[1/6] preflight: check the definition against the host",
				"preflight: warning: settings inside the guest", "[3/6] disk: copy image 'ubuntu-24.04'", "disk: 100% 2.0 MiB of 2.0 MiB",
				"succeeded: virtual machine 'by-hand' is running")
			if vms := h.vms(); len(vms) != 1 || vms[0].State != "Running" {
				t.Errorf("the host holds %+v", vms)
			}
		})
	}
}

func TestAMachineIsMadeChangedAndRemovedByHand(t *testing.T) {
	t.Parallel()
	h := byHand(t)
	output, code := h.script(pretty, "-JobId", "a0000000-0000-4000-8000-000000000001")
	h.holds(output, code, 0, "succeeded: virtual machine 'by-hand' is running", "a0000000-0000-4000-8000-000000000001")
	h.keeps(output)
	id := h.vms()[0].ID
	output, code = h.script(strings.NewReplacer(`"provision"`, `"update"`, `"gb_ram": 2`, `"gb_ram": 3`).Replace(pretty), "-VMId", id, "-Changed", "gb_ram")
	h.holds(output, code, 1, "failed: changing gb_ram needs virtual machine 'by-hand' to be off", "allow the power cycle")
	output, code = h.script(strings.NewReplacer(`"provision"`, `"update"`, `"gb_ram": 2`, `"gb_ram": 3`).Replace(pretty),
		"-VMId", id, "-Changed", "gb_ram", "-AllowPowerCycle")
	h.holds(output, code, 0, "configure: gb_ram: 3 GiB, was 2 GiB")
	h.keeps(output)
	output, code = h.script(strings.Replace(pretty, `"provision"`, `"delete"`, 1), "-VMId", id)
	h.holds(output, code, 0, "succeeded: virtual machine 'by-hand' was removed")
	if len(h.vms()) != 0 {
		t.Error("the machine is still there")
	}
	if strings.Contains(output, "left:") {
		t.Errorf("the output speaks of something that is left:\n%s", output)
	}
}

func TestAJobThatFailsByHandHidesSecretsAndUndoes(t *testing.T) {
	t.Parallel()
	h := byHand(t)
	h.must(h.store.Update(func(s *hyperv.State) error {
		s.Behaviour.Calls = map[string]hyperv.Call{"Start-VM": {Fail: "cannot start with " + secret}}
		return nil
	}))
	output, code := h.script(pretty)
	h.holds(output, code, 1, "failed: cannot start with ******", "undo: removed virtual machine 'by-hand'")
	h.must(h.store.Update(func(s *hyperv.State) error { s.Behaviour.Calls = nil; return nil })) // the secret was in there
	h.keeps(output)
	if len(h.vms()) != 0 {
		t.Error("the machine is still there")
	}
}

func TestWhatIsNoDefinitionIsRefusedByHand(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ stdin, want string }{
		"no input":                {"", "no job definition was given"},
		"blank input":             {" \n\n", "no job definition was given"},
		"no JSON":                 {`{"guest_la_pw": ` + secret + `}`, "the job definition cannot be read"},
		"a list":                  {"[1]", "the job definition cannot be read"},
		"no schema":               {`{"operation":"provision","fields":{}}`, "does not name its schema"},
		"another version":         {strings.Replace(pretty, `"version": 1`, `"version": 2`, 1), "is for schema vm-provisioning version 2, and this agent knows vm-provisioning version 1"},
		"another schema":          {strings.Replace(pretty, "vm-prov", "pv-prov", 1), "is for schema pv-provisioning"},
		"a field that lacks":      {strings.Replace(pretty, "image_name", "image", 1), "lacks field 'image_name'"},
		"a field of another type": {strings.Replace(pretty, `"gb_ram": 2`, `"gb_ram": "2"`, 1), "field 'gb_ram' must be a number above 0"},
		"a delete of nothing":     {strings.Replace(pretty, `"provision"`, `"delete"`, 1), "to delete, give the virtual machine's GUID as VMId"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := byHand(t)
			output, code := h.script(c.stdin)
			h.holds(output, code, 1, "Invoke-ProvisioningJob: ", c.want)
			h.keeps(output)
		})
	}
}

// TestNoSecretIsKeptWhileAJobRunsByHand holds a job up in each of its steps and looks for the secret there.
func TestNoSecretIsKeptWhileAJobRunsByHand(t *testing.T) {
	t.Parallel()
	h := byHand(t)
	steps := []string{"Get-VMSwitch", "New-VM", "Add-VMHardDiskDrive", "Set-VMFirmware", "Connect-VMNetworkAdapter", "Start-VM"}
	hold := func(cmdlet string) string { return filepath.Join(h.dir, "hold-"+cmdlet) }
	h.must(h.store.Update(func(s *hyperv.State) error {
		s.Behaviour.Calls = map[string]hyperv.Call{}
		for _, cmdlet := range steps {
			s.Behaviour.Calls[cmdlet] = hyperv.Call{Hold: hold(cmdlet)}
		}
		return nil
	}))
	for _, cmdlet := range steps {
		h.must(os.WriteFile(hold(cmdlet), nil, 0o600))
	}
	done := make(chan struct{})
	var output string
	var code int
	go func() {
		defer close(done)
		output, code = h.script(pretty)
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for _, cmdlet := range steps {
		for {
			if _, err := os.Stat(hold(cmdlet) + ".reached"); err == nil {
				break
			}
			select {
			case <-tick.C:
			case <-done:
				t.Fatalf("the job ended before %s: %s", cmdlet, output)
			}
		}
		h.keeps("")
		h.keepsOfProcesses()
		h.must(os.Remove(hold(cmdlet)))
	}
	<-done
	h.holds(output, code, 0, "succeeded: virtual machine 'by-hand' is running")
	h.keeps(output)
	h.keepsOfProcesses()
}

// keepsOfProcesses looks for the secret in the command lines and variables of all processes.
func (h *hand) keepsOfProcesses() {
	h.Helper()
	for _, name := range []string{"cmdline", "environ"} {
		paths, _ := filepath.Glob("/proc/[0-9]*/" + name)
		for _, path := range paths {
			if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(secret)) {
				h.Errorf("a process has the secret in its %s: %q", name, text)
			}
		}
	}
}

// holds checks an exit code, and what is written.
func (h *hand) holds(output string, code, want int, texts ...string) {
	h.Helper()
	if code != want {
		h.Errorf("exit code %d, want %d", code, want)
	}
	for _, text := range texts {
		if !strings.Contains(output, text) {
			h.Errorf("the output lacks %q", text)
		}
	}
	if h.Failed() {
		h.Logf("output:\n%s", output)
	}
}

// keeps looks for the secret in the output, and in every file but the one that a test itself wrote.
func (h *hand) keeps(output string) {
	h.Helper()
	if strings.Contains(output, secret) {
		h.Errorf("the output shows the secret:\n%s", output)
	}
	h.must(filepath.WalkDir(h.dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has just gone
		}
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if bytes.Contains(text, []byte(secret)) {
			h.Errorf("%s holds the secret", path)
		}
		return err
	}))
}
