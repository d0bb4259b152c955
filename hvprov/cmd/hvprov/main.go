// SPDX-License-Identifier: MPL-2.0

// Command hvprov helps to prepare Hyper-V hosts for hypervvm, without Terraform.
//
//	hvprov doctor [flags]       check a host over WinRM and print a report
//	hvprov script check         print the script that checks a host, to run it there
//	hvprov script grant         print the script that grants an account the rights on a host, and takes them back
//
// doctor runs the script on the host and installs nothing. Its settings are those of the provider: flags, or else the HYPERVVM_…
// environment variables. The password, the key of a client certificate and the URL of a proxy are read from HYPERVVM_PASSWORD,
// HYPERVVM_CLIENT_KEY and HYPERVVM_PROXY_URL only; -password-stdin reads the password from standard input.
//
// The report contains no names and no secrets, so that it can be pasted into an issue. The exit code is 0 without findings, 1 if a
// check failed or warns, and 2 for an invalid command line and for a host on which the check cannot run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/hypervvm/terraform-provider-hypervvm/agent"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	code := command{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// Exit codes.
const (
	exitOK = iota
	exitFindings
	exitFailed
)

const usage = `Usage:
  hvprov doctor [flags]       check a host over WinRM and print a report
  hvprov script check         print the script that checks a host, to run it there
  hvprov script grant         print the script that grants an account the rights on a host, and takes them back

"hvprov doctor -h" describes the flags.
`

// errHelp ends a command that printed its usage, and errUsage one with an invalid command line.
var (
	errHelp  = errors.New("help")
	errUsage = errors.New("run hvprov -h for help")
)

// scripts are the scripts that can be printed, by name.
var scripts = map[string]func() []byte{
	"check": agent.HostCheckScript,
	"grant": agent.GrantScript,
}

// command is a run of the program.
type command struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
}

func (c command) run(ctx context.Context, args []string) int {
	code, err := c.dispatch(ctx, args)
	switch {
	case errors.Is(err, errHelp):
		return exitOK
	case err != nil:
		_, _ = fmt.Fprintln(c.stderr, "hvprov:", err)
		return exitFailed
	}
	return code
}

func (c command) dispatch(ctx context.Context, args []string) (code int, err error) {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "doctor":
		return c.doctor(ctx, args)
	case "script":
		return exitOK, c.script(args)
	case "-h", "-help", "--help", "help":
		_, err := io.WriteString(c.stdout, usage)
		return exitOK, errors.Join(errHelp, err)
	case "":
		return exitFailed, fmt.Errorf("no command: %w", errUsage)
	}
	return exitFailed, fmt.Errorf("unknown command %q: %w", name, errUsage)
}

// script prints a script.
func (c command) script(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("script expects the name of one script: %w", errUsage)
	}
	text := scripts[args[0]]
	if text == nil {
		return fmt.Errorf("unknown script %q: %w", args[0], errUsage)
	}
	_, err := c.stdout.Write(text())
	return err
}

// parse parses flags, and fails with errHelp after it printed them.
func (c command) parse(flags *flag.FlagSet, args []string) error {
	flags.SetOutput(io.Discard) // run prints errors
	flags.Usage = func() {}
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(c.stdout)
		_, err := fmt.Fprintf(c.stdout, "Usage: hvprov %s [flags]\n\nFlags:\n", flags.Name())
		flags.PrintDefaults()
		return errors.Join(errHelp, err)
	case err != nil:
		return fmt.Errorf("%s: %w: %w", flags.Name(), err, errUsage)
	case flags.NArg() > 0:
		return fmt.Errorf("%s: unknown argument %q: %w", flags.Name(), flags.Arg(0), errUsage)
	}
	return nil
}
