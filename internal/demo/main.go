// SPDX-License-Identifier: MPL-2.0

// Command demo runs an example on a simulated Hyper-V host: init, validate, plan, apply, a second plan, and destroy. It prints
// the lines of the job logs as they are written. An example that contains a job-inputs.yaml runs with that job schema.
//
//	go run ./internal/demo [-example quickstart] [-pwsh auto|PATH] [-cli PATH] [-pace=false] [-plain] [-keep]
//
// The work folder is below .cache and is removed after success. The exit code is 0 only if every command succeeded, the
// second plan was empty, and the host is empty after destroy.
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
	"path/filepath"
	"syscall"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

// options are the command-line flags.
type options struct {
	root    string // folder of the repository
	example string // folder in examples/
	cli     string // Terraform or OpenTofu command; found if empty
	pwsh    string // PowerShell that runs the agent; the fake agent answers if empty
	plain   bool   // no colours
	pace    bool   // slow the host down
	keep    bool   // keep the work folder
}

func main() {
	var o options
	info, err := os.Stdout.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb" && os.Getenv("NO_COLOR") == ""
	flag.StringVar(&o.root, "root", ".", "`folder` of the repository")
	flag.StringVar(&o.example, "example", "quickstart", "`folder` in examples/ to run")
	flag.StringVar(&o.cli, "cli", "", "Terraform or OpenTofu `command` (default: $TF, terraform, tofu, or OpenTofu built from source)")
	flag.StringVar(&o.pwsh, "pwsh", "", "`path` of the PowerShell that runs the real agent; auto means $HYPERVVM_PWSH, or else pwsh")
	flag.BoolVar(&o.plain, "plain", !terminal, "print no colours")
	flag.BoolVar(&o.pace, "pace", true, "slow the simulated host down to a speed that can be followed")
	flag.BoolVar(&o.keep, "keep", false, "keep the work folder")
	flag.Parse()

	// On Ctrl-C, Terraform is interrupted too, and the demo waits for it: it rolls back what it started.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		if errors.Is(err, errInterrupted) {
			os.Exit(130)
		}
		os.Exit(1)
	}
}

var errInterrupted = errors.New("interrupted")

// run prepares and performs the demo.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	d := &demo{options: o, out: &lineWriter{out: out}, offsets: map[string]int64{}}
	if d.root, err = filepath.Abs(o.root); err != nil {
		return err
	}
	if d.pwsh, err = findPowerShell(o.pwsh); err != nil {
		return err
	}
	cache := filepath.Join(d.root, ".cache")
	if d.cli, err = tfcli.Find(ctx, o.cli, cache); errors.Is(err, tfcli.ErrNotFound) {
		d.heading("OpenTofu")
		d.printf("%v: building OpenTofu %s into %s, which takes some minutes once", err, tfcli.OpenTofuVersion, cache)
		d.cli, err = tfcli.Build(ctx, cache, d.out)
	}
	if err == nil {
		d.heading("provider")
		err = d.prepare(ctx, cache)
	}
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() { err = errors.Join(err, d.host.Close()) }()

	err = d.perform(ctx)
	if !o.keep && (err == nil || errors.Is(err, errInterrupted) && d.leftovers() == nil) {
		return errors.Join(err, os.RemoveAll(d.dir))
	}
	d.printf("work folder: %s", d.dir)
	return err
}

// findPowerShell returns the absolute path of the PowerShell that name stands for, or an empty string.
func findPowerShell(name string) (string, error) {
	switch name {
	case "":
		return "", nil
	case "auto":
		if name = os.Getenv("HYPERVVM_PWSH"); name == "" {
			name = "pwsh"
		}
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("find PowerShell: %w: set HYPERVVM_PWSH to its path", err)
	}
	return filepath.Abs(found)
}

// interrupted returns errInterrupted for an error that Ctrl-C caused.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}
