// SPDX-License-Identifier: MPL-2.0

// Command testrun runs the project's tests with gotestsum.
//
//	go run ./internal/cmd/testrun [-race=auto|on|off] [-full] [packages and flags of go test]
//
// It turns the race detector on where this machine supports it, runs the acceptance tests where it finds Terraform or
// OpenTofu, and runs the agent where it finds a PowerShell. It downloads none of them. It exits with the code of gotestsum.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:])
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "testrun:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("testrun", flag.ExitOnError)
	race := flags.String("race", "auto", "race detector: auto (on where this machine supports it), on, off")
	full := flags.Bool("full", false, "run whole test matrices, not samples of them")
	cache := flags.String("cache", ".cache", "folder that may hold a built OpenTofu")
	junit := flags.String("junit", "", "write a JUnit XML report to this file")
	_ = flags.Parse(args) // ExitOnError
	packages := flags.Args()
	if len(packages) == 0 {
		// The longest first, so that none of them runs alone at the end.
		packages = []string{
			"./hvprov", "./agent", "./provider", "./provider/acceptance", "./internal/demo", "./internal/simhost/internal/fakeagent", "./hvprov/internal/hostagent", "./...",
		}
	}

	command := []string{"tool", "-modfile=tools/go.mod", "gotestsum", "--format=pkgname", "--format-hide-empty-pkg"}
	if *junit != "" {
		command = append(command, "--junitfile="+*junit)
	}
	// -count=1: some tests run programs that they build, which Go's cache of test results does not track. -vet=off: the linter runs vet.
	// -p: one package more than processors, since some wait for programs.
	command = append(command, "--", "-count=1", "-timeout=60m", "-vet=off", fmt.Sprintf("-p=%d", runtime.NumCPU()+1))
	switch why := raceProblem(ctx, *race); {
	case *race == "off":
		fmt.Println("race detector: off")
	case why != "":
		fmt.Println("race detector: off, not supported on this machine:", why)
	default:
		fmt.Println("race detector: on")
		command = append(command, "-race")
	}

	// Tests use neither the hosts nor the CLI configuration of the user.
	env := tfcli.Environ(os.DevNull)
	switch cli, err := tfcli.Find(ctx, "", *cache); {
	case err == nil:
		fmt.Println("acceptance tests: on, with", cli)
		if list := os.Getenv(tfcli.EnvCLIs); list != "" {
			fmt.Println("acceptance tests: with each of", list)
			env = append(env, tfcli.EnvCLIs+"="+list)
		}
	case errors.Is(err, tfcli.ErrNotFound):
		fmt.Printf("acceptance tests: skipped, %v; `make tofu` builds OpenTofu\n", err)
	default:
		return err
	}
	if pwsh := powerShell(); pwsh != "" {
		fmt.Println("agent: run with", pwsh)
		env = append(env, "HYPERVVM_PWSH="+pwsh)
	} else {
		fmt.Println("agent: skipped, HYPERVVM_PWSH is not set and there is no pwsh on the PATH")
	}
	if *full {
		env = append(env, "HYPERVVM_TEST_FULL=1")
	} else {
		fmt.Println("test matrices: sampled where they are slow; FULL=1 runs them whole")
	}

	test := exec.CommandContext(ctx, "go", append(command, packages...)...)
	test.Env, test.Stdout, test.Stderr = env, os.Stdout, os.Stderr
	return test.Run()
}

// powerShell returns the program that HYPERVVM_PWSH names, or else the pwsh on the PATH. An empty variable disables PowerShell.
func powerShell() string {
	if name, set := os.LookupEnv("HYPERVVM_PWSH"); set {
		return name
	}
	path, _ := exec.LookPath("pwsh") // empty when there is none
	return path
}

// raceProblem returns why the race detector does not run on this machine, or "". It tries, since the detector needs cgo, a C
// compiler, a platform that Go supports and a suitable address space.
func raceProblem(ctx context.Context, mode string) string {
	if mode != "auto" {
		return ""
	}
	out, err := exec.CommandContext(ctx, "go", "test", "-race", "-run=^$", "errors").CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	return ""
}
