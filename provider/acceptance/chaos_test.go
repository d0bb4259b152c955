// SPDX-License-Identifier: MPL-2.0

package acceptance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

// chaosMachines is the number of virtual machines that each round creates.
const chaosMachines = 3

// disturbances are what happens while the virtual machines are created. A disturbance runs once the host has the first of them, or a
// job that creates it.
var disturbances = []struct {
	name string
	do   func(r *chaosRound)
}{
	{"the provider is killed", func(r *chaosRound) { r.signalProvider(syscall.SIGKILL) }},
	{"Ctrl-C", func(r *chaosRound) { _ = r.apply.Process.Signal(os.Interrupt) }},
	{"the host restarts", func(r *chaosRound) { r.server.Reboot() }},
	{"the host stops for a while", func(r *chaosRound) { r.proxy.freeze(time.Second) }},
	{"the network truncates and delays", func(r *chaosRound) { r.proxy.setBad(true) }},
	{"the log folder cannot be written", func(*chaosRound) {}},
}

// chaosFigures count what came of the rounds.
type chaosFigures struct {
	rounds      int
	firstApply  int // applies that succeeded although they were disturbed
	secondApply int // applies that succeeded after that
	adopted     int // of those: with adopt_existing, as the error of the first attempt said
	outside     int // virtual machines outside of the state before the second apply, each named in its error
	real        int // rounds with the real agent
}

// TestChaos disturbs an apply, and requires that the next one succeeds, that nothing exists twice, that what is on the host and not in
// the state is named with the way to import it, and that destroy leaves nothing.
func TestChaos(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the provider's process is found in /proc")
	}
	eachCommand(t, everyVersion, testChaos)
}

func testChaos(t *testing.T, cli tfcli.CLI) {
	rounds := 1
	if os.Getenv("HYPERVVM_TEST_FULL") != "" {
		rounds = 8
		if n, err := strconv.Atoi(os.Getenv("HYPERVVM_TEST_FULL")); err == nil && n > 1 {
			rounds = n
		}
	}
	bin := buildProvider(t)
	if rounds > 1 && os.Getenv("HYPERVVM_PWSH") == "" {
		t.Log("HYPERVVM_PWSH is not set: the fake agent answers in all rounds")
	}
	for _, d := range disturbances {
		t.Run(d.name, func(t *testing.T) {
			var figures chaosFigures
			for n := range rounds {
				if !t.Run(chaosName(n), func(t *testing.T) { newChaosRound(t, cli.Path, bin, d.name, n).run(d.do, &figures) }) {
					break
				}
			}
			t.Logf("%+v", figures)
		})
	}
}

type chaosRound struct {
	*testing.T
	cli, dir string
	env      []string
	server   *simhost.Server
	proxy    *badProxy
	apply    *exec.Cmd
	real     bool
}

// isReal reports whether the real agent answers in a round: in each second one, where there is a PowerShell.
func isReal(n int) bool { return n%2 == 1 && os.Getenv("HYPERVVM_PWSH") != "" }

// chaosName returns the name of a round.
func chaosName(n int) string {
	if isReal(n) {
		return fmt.Sprintf("%d with the real agent", n)
	}
	return fmt.Sprintf("%d with the fake agent", n)
}

// newChaosRound prepares a round. In two of four rounds a bad network is bad from the beginning.
func newChaosRound(t *testing.T, cli, bin, name string, n int) *chaosRound {
	t.Helper()
	options := simhost.Options{StateFile: filepath.Join(t.TempDir(), "state.json")}
	if isReal(n) {
		options.PowerShell = os.Getenv("HYPERVVM_PWSH")
	}
	server, err := simhost.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &chaosRound{T: t, cli: cli, dir: t.TempDir(), server: server, real: isReal(n), proxy: newBadProxy(t, fmt.Sprintf("%s:%d", server.Address(), server.Port()))}
	r.update(func(s *hyperv.State) {
		s.Behaviour.Calls = map[string]hyperv.Call{"New-VM": {DelayMS: 100}, "Start-VM": {DelayMS: 200}}
	})
	cliConfig := filepath.Join(r.dir, "cli.tfrc")
	r.write(cliConfig, fmt.Sprintf("provider_installation {\n  dev_overrides {\n    %q = %q\n    %q = %q\n  }\n  direct {}\n}\n",
		"hypervvm/hypervvm", bin, "hashicorp/hypervvm", bin))
	r.proxy.setBad(n%4 >= 2 && name == "the network truncates and delays")
	logs := filepath.Join(r.dir, "logs")
	if name == "the log folder cannot be written" {
		r.write(logs, "a file, not a folder")
	}
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "HYPERVVM_") && !strings.HasPrefix(pair, "TF_") {
			r.env = append(r.env, pair)
		}
	}
	r.env = append(r.env, "TF_CLI_CONFIG_FILE="+cliConfig, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "HYPERVVM_JOB_LOG_DIR="+logs,
		"HYPERVVM_HOST=127.0.0.1", fmt.Sprintf("HYPERVVM_PORT=%d", r.proxy.port()), "HYPERVVM_CA_CERT="+string(server.CACertPEM()),
		"HYPERVVM_USERNAME="+server.Username(), "HYPERVVM_PASSWORD="+server.Password())
	return r
}

func (r *chaosRound) run(disturb func(*chaosRound), figures *chaosFigures) {
	figures.rounds++
	if r.real {
		figures.real++
	}
	r.configure(false)
	begun := make(chan struct{})
	r.apply = r.command("apply", "-auto-approve")
	var out bytes.Buffer
	r.apply.Stdout, r.apply.Stderr = &out, &out
	if err := r.apply.Start(); err != nil {
		r.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.apply.Wait() }()
	go func() { r.waitForMachine(begun) }()
	var err error
	select {
	case <-begun:
		disturb(r)
		err = <-ended
	case err = <-ended:
	}
	r.proxy.setBad(false)
	if err == nil {
		figures.firstApply++
	} else {
		r.Logf("the disturbed apply: %v\n%s", err, out.String())
	}
	r.machines()
	second, err := r.terraform("apply", "-auto-approve")
	if err != nil {
		figures.outside += r.checkOutside(second)
		figures.adopted++
		r.configure(true)
		second, err = r.terraform("apply", "-auto-approve")
	}
	if err != nil {
		r.Fatalf("the second apply: %v\n%s", err, second)
	}
	figures.secondApply++
	r.machines()
	if n := len(r.state()); n != chaosMachines {
		r.Errorf("the state has %d virtual machines", n)
	}
	if out, err := r.terraform("plan", "-detailed-exitcode"); err != nil {
		r.Errorf("the plan after that is not empty: %v\n%s", err, out)
	}
	if out, err := r.terraform("destroy", "-auto-approve"); err != nil {
		r.Fatalf("destroy: %v\n%s", err, out)
	}
	if vms := r.machines(); len(vms) > 0 {
		r.Errorf("destroy left %v", vms)
	}
	if left, _ := filepath.Glob(filepath.Join(r.server.StateFile()+".d", "disks", "hypervvm", "*")); len(left) > 0 {
		files, _ := filepath.Glob(filepath.Join(r.server.StateFile()+".d", "disks", "hypervvm", "*", "*"))
		r.Errorf("destroy left the folders %q with %q", left, files)
	}
}

// waitForMachine closes begun when the host has a virtual machine.
func (r *chaosRound) waitForMachine(begun chan<- struct{}) {
	ticker := time.NewTicker(5 * time.Millisecond) // the state file has no events
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if s, err := r.server.Store().Read(); err == nil && len(s.VMs) > 0 {
				close(begun)
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

func (r *chaosRound) configure(adopt bool) {
	r.Helper()
	r.write(filepath.Join(r.dir, "main.tf"), fmt.Sprintf(`
terraform {
  required_providers {
    hypervvm = { source = "hypervvm/hypervvm" }
  }
}
resource "hypervvm" "v" {
  count          = %d
  vm_name        = "vm-${count.index}"
  image_name     = "ubuntu-24.04"
  os_family      = "linux"
  switch_name    = "External"
  guest_la_uid   = "admin"
  guest_la_pw    = "not-a-real-one"
  adopt_existing = %t
}
`, chaosMachines, adopt))
}

// command returns a Terraform command. One that hangs ends with the test, which then fails.
func (r *chaosRound) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Minute)
	r.Cleanup(cancel)
	c := exec.CommandContext(ctx, r.cli, append(args, "-no-color", "-input=false")...)
	c.Dir, c.Env = r.dir, r.env
	return c
}

func (r *chaosRound) terraform(args ...string) (string, error) {
	out, err := r.command(args...).CombinedOutput()
	return string(out), err
}

func (r *chaosRound) write(path, text string) {
	r.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
}

func (r *chaosRound) update(change func(*hyperv.State)) {
	r.Helper()
	if err := r.server.Store().Update(func(s *hyperv.State) error { change(s); return nil }); err != nil {
		r.Fatal(err)
	}
}

// machines returns the ids of the virtual machines of the host by name. Two of one name fail the test.
func (r *chaosRound) machines() map[string]string {
	r.Helper()
	s, err := r.server.Store().Read()
	if err != nil {
		r.Fatal(err)
	}
	machines := map[string]string{}
	for _, vm := range s.VMs {
		if other, twice := machines[vm.Name]; twice {
			r.Errorf("%s exists twice: %s and %s", vm.Name, other, vm.ID)
		}
		machines[vm.Name] = vm.ID
	}
	return machines
}

// state returns the ids of the virtual machines in Terraform's state, by name.
func (r *chaosRound) state() map[string]string {
	r.Helper()
	machines := map[string]string{}
	text, err := os.ReadFile(filepath.Join(r.dir, "terraform.tfstate"))
	if os.IsNotExist(err) {
		return machines
	}
	var state struct {
		Resources []struct {
			Instances []struct {
				Attributes struct {
					ID   string `json:"id"`
					Name string `json:"vm_name"`
				} `json:"attributes"`
			} `json:"instances"`
		} `json:"resources"`
	}
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if err != nil {
		r.Fatal(err)
	}
	for _, resource := range state.Resources {
		for _, instance := range resource.Instances {
			machines[instance.Attributes.Name] = instance.Attributes.ID
		}
	}
	return machines
}

// checkOutside requires that an apply that failed names each virtual machine outside of the state, and the way to it. It returns their
// number.
func (r *chaosRound) checkOutside(out string) (n int) {
	r.Helper()
	known := r.state()
	words := strings.Join(strings.Fields(strings.ReplaceAll(out, "│", " ")), " ")
	for name, id := range r.machines() {
		if known[name] != "" {
			continue
		}
		n++
		if !strings.Contains(words, "adopt_existing = true") || !strings.Contains(words, name) {
			r.Errorf("%s (%s) is outside of the state, and the error does not say how to import it:\n%s", name, id, out)
		}
	}
	if n == 0 {
		r.Errorf("the second apply failed for another reason:\n%s", out)
	}
	return n
}

// signalProvider sends a signal to the provider's process, a child of Terraform.
func (r *chaosRound) signalProvider(signal os.Signal) {
	r.Helper()
	entries, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range entries {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		_, fields, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(fields); len(f) < 2 || f[1] != strconv.Itoa(r.apply.Process.Pid) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if process, err := os.FindProcess(pid); err == nil {
			_ = process.Signal(signal)
		}
	}
}

// chance reports whether something with a probability of one in n happens.
func chance(n int) bool { return rand.IntN(n) == 0 }
