// SPDX-License-Identifier: MPL-2.0

// Command testrun runs the project's tests and says what passed, what failed, and what was left out and why.
//
//	go run ./internal/testrun [-race=auto|on|off] [packages and flags of go test]
//
// It runs the race detector where this machine can, and the acceptance tests where it finds Terraform or OpenTofu. It
// never downloads either. Its exit code is 0 if nothing failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok, err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testrun:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run says whether every test passed; the error is for what kept it from finding out.
func run(ctx context.Context, args []string, out io.Writer) (bool, error) {
	flags := flag.NewFlagSet("testrun", flag.ExitOnError)
	race := flags.String("race", "auto", "run the race detector: auto (where this machine can), on, off")
	full := flags.Bool("full", false, "leave nothing out: some tests else try a part of what there is where PowerShell or the race detector makes it slow")
	cache := flags.String("cache", ".cache", "the project's cache, where OpenTofu may be")
	_ = flags.Parse(args) // ExitOnError
	packages := flags.Args()
	if len(packages) == 0 {
		packages = []string{"./..."}
	}

	// count=1: some tests run programs that they build, and Go's cache of results does not know of those.
	test := []string{"test", "-json", "-count=1", "-timeout=30m"}
	switch why := raceProblem(ctx, *race); {
	case *race == "off":
		say(out, "race detector: off")
	case why == "":
		say(out, "race detector: on")
		test = append(test, "-race")
	default:
		say(out, "race detector: off, %s", why)
	}
	// A test must meet neither the user's own hosts and CLI configuration nor the network.
	env := tfcli.Environ(os.DevNull)
	switch cli, err := tfcli.Find(ctx, "", *cache); {
	case err == nil:
		say(out, "acceptance tests: run with %s", cli)
		env = append(env, cli.AcceptanceEnv()...)
	case errors.Is(err, tfcli.ErrNotFound):
		say(out, "acceptance tests: left out, %v; `make tofu` builds one", err)
	default:
		return false, err
	}
	if pwsh := powerShell(); pwsh != "" {
		say(out, "agent's scripts: run by %s", pwsh)
		env = append(env, "HYPERVVM_PWSH="+pwsh)
	} else {
		say(out, "agent's scripts: not run, HYPERVVM_PWSH names no PowerShell and there is no pwsh on the PATH")
	}

	if *full {
		env = append(env, "HYPERVVM_TEST_FULL=1")
	} else {
		say(out, "the long way through all matrices: left out, where PowerShell or the race detector makes it slow; FULL=1 takes it")
	}

	cmd := exec.CommandContext(ctx, "go", append(test, packages...)...)
	cmd.Env = env
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("start go test: %w", err)
	}
	r := newReport(out)
	readErr := r.read(stdout)
	waitErr := cmd.Wait()
	if ctx.Err() != nil {
		return false, errors.New("interrupted")
	}
	if readErr != nil {
		return false, readErr
	}
	r.finish(waitErr)
	return r.failed == 0, nil
}

// powerShell gives what HYPERVVM_PWSH names, or the pwsh on the PATH. Set and empty, the variable asks for none.
func powerShell() string {
	if name, set := os.LookupEnv("HYPERVVM_PWSH"); set {
		return name
	}
	path, err := exec.LookPath("pwsh")
	if err != nil {
		return ""
	}
	return path
}

// raceProblem says why the race detector cannot run here; it is empty when it can, or was demanded. It finds out by
// trying: the detector needs cgo, a C compiler, a platform that Go supports and a kernel whose address space suits.
func raceProblem(ctx context.Context, mode string) string {
	if mode != "auto" {
		return ""
	}
	out, err := exec.CommandContext(ctx, "go", "test", "-race", "-run=^$", "errors").CombinedOutput()
	if err != nil {
		return fmt.Sprintf("this machine cannot run it: %s", lastLine(out, err))
	}
	return ""
}

func say(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(out, format+"\n", args...) // nowhere to report a closed standard output
}
