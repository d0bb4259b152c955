// SPDX-License-Identifier: MPL-2.0

// Command demo runs an example, the quickstart unless another is named, against a simulated Hyper-V host, from validate to
// destroy, and shows the lines of the jobs as they come. An example with a job-inputs.yaml is run with that job schema.
//
//	go run ./internal/demo [-example quickstart] [-pwsh auto|PATH] [-cli PATH] [-pace=false] [-plain] [-keep]
//
// It works in a folder of its own under the project's cache, which it removes when all went well. Its exit code is 0 only
// if every step did what it should: the second plan finds nothing to do, and after destroy the host holds nothing.
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
	"strings"
	"syscall"
)

// options are the command line.
type options struct {
	root    string // the project's folder
	example string // the folder in examples/ to run
	cli     string // the Terraform or OpenTofu command; empty: to be found
	pwsh    string // the PowerShell that runs the real agent; empty: the simulator answers itself
	plain   bool   // no colours
	pace    bool   // let the host take a little time for each step
	keep    bool   // leave the work folder
}

func main() {
	var o options
	flag.StringVar(&o.root, "root", ".", "the project's `folder`")
	flag.StringVar(&o.example, "example", "quickstart", "the `folder` in examples/ to run")
	flag.StringVar(&o.cli, "cli", "", "the Terraform or OpenTofu `command`; otherwise $TF, terraform, tofu, or one that is built")
	flag.StringVar(&o.pwsh, "pwsh", "", "run the real agent with the PowerShell at this `path`; auto takes $HYPERVVM_PWSH, else pwsh")
	flag.BoolVar(&o.plain, "plain", !terminal(os.Stdout) || os.Getenv("NO_COLOR") != "", "no colours (the default where the output is no terminal, or NO_COLOR is set)")
	flag.BoolVar(&o.pace, "pace", true, "let the simulated host take a little time for each step, so that an eye can follow")
	flag.BoolVar(&o.keep, "keep", false, "leave the work folder for a look")
	flag.Parse()

	// The context ends with Ctrl-C. Terraform is told of it too, and is waited for: it undoes what it has begun.
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

// run is the demo.
func run(ctx context.Context, o options, out io.Writer) error {
	p := &printer{out: out, plain: o.plain}
	root, err := filepath.Abs(o.root)
	if err != nil {
		return err
	}
	pwsh, err := findPowerShell(o.pwsh)
	if err != nil {
		return err
	}
	cli, err := findCLI(ctx, p, o.cli, filepath.Join(root, ".cache"))
	if err != nil {
		return interrupted(ctx, err)
	}
	p.heading("the provider")
	d, err := prepare(ctx, root, o.example, o.pace)
	if err != nil {
		return interrupted(ctx, err)
	}
	d.printer, d.cli, d.pwsh = p, cli, pwsh
	p.line("built, and run by %s", cli)
	p.line("(that each command warns of a provider under development is left out below)")
	p.line("the host is simulated; %s", d.answeredBy())

	err = d.perform(ctx)
	if err == nil && !o.keep {
		return os.RemoveAll(d.dir)
	}
	if errors.Is(err, errInterrupted) && leftovers(d.host) == nil {
		return errors.Join(err, os.RemoveAll(d.dir))
	}
	p.line("the work folder is left for a look: %s", d.dir)
	return err
}

// findPowerShell gives the absolute path of the PowerShell that is asked for; none is asked for with an empty name.
func findPowerShell(name string) (string, error) {
	switch name {
	case "":
		return "", nil
	case "auto", "1":
		if name = os.Getenv("HYPERVVM_PWSH"); name == "" {
			name = "pwsh"
		}
	}
	found, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("find the PowerShell for the real agent: %w: set HYPERVVM_PWSH to its path", err)
	}
	return filepath.Abs(found)
}

// interrupted puts the cause in the place of what the cause led to.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && !strings.EqualFold(os.Getenv("TERM"), "dumb")
}
