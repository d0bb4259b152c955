// SPDX-License-Identifier: MPL-2.0

// Command jobschema checks schemas of a job's inputs, and validates values against them.
//
//	jobschema check [-json] [-against OLD] SCHEMA...
//	jobschema validate [-json] SCHEMA < values.json
//
// A SCHEMA is a file, in YAML or JSON, or an https URL. check reports every error of each schema with its line. A schema that hosts
// cannot serve, because its fields do not stand for those of the schema that agents know, is an error as well. With -against, each
// schema must also be able to replace an older one: the same version may differ in texts only, and the migrations of a later one
// must cover every value.
//
// validate reads a JSON object of values by field id from standard input, and reports everything that is wrong with them.
//
// Errors are lines of text or, with -json, one object for programs:
//
//	{"valid": false, "faults": [{"file": …, "line": …, "path": …, "reason": …}]}                     of check
//	{"valid": false, "faults": [{"path": …, "rule": …, "given": …, "message": …, "remedy": …}]}      of validate
//
// Neither contains the value of a secret. The exit code is 0 if there are no errors, 1 if there are, and 2 for an invalid command
// line and for input that cannot be read; for validate, that includes an invalid schema.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema/schemaurl"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := command{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// Exit codes.
const (
	exitOK = iota
	exitFaults
	exitUsage
)

const usage = `Usage:
  jobschema check [-json] [-against OLD] SCHEMA...     check schemas
  jobschema validate [-json] SCHEMA < values.json      validate values against a schema

A schema is a file or an https URL. "jobschema check -h" and "jobschema validate -h" describe the flags.
`

// errHelp ends a command that printed its usage, and errUsage one with an invalid command line.
var (
	errHelp  = errors.New("help")
	errUsage = errors.New("run jobschema -h for help")
)

// command is a run of the program.
type command struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	source         schemaurl.Source // for schemas from URLs

	json bool
}

func (c command) run(ctx context.Context, args []string) int {
	valid, err := c.dispatch(ctx, args)
	switch {
	case errors.Is(err, errHelp):
		return exitOK
	case err != nil:
		_, _ = fmt.Fprintln(c.stderr, "jobschema:", err)
		return exitUsage
	case !valid:
		return exitFaults
	}
	return exitOK
}

func (c *command) dispatch(ctx context.Context, args []string) (valid bool, err error) {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "check":
		return c.check(ctx, args)
	case "validate":
		return c.validate(ctx, args)
	case "-h", "-help", "--help", "help":
		_, err := io.WriteString(c.stdout, usage)
		return true, errors.Join(errHelp, err)
	case "":
		return false, fmt.Errorf("no command: %w", errUsage)
	}
	return false, fmt.Errorf("unknown command %q: %w", name, errUsage)
}

// flags returns the flags that all commands have.
func (c *command) flags(name, synopsis string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run prints errors
	flags.BoolVar(&c.json, "json", false, "print a JSON object for programs")
	flags.Usage = func() { _, _ = fmt.Fprintf(flags.Output(), "Usage: jobschema %s %s\n\nFlags:\n", name, synopsis) }
	return flags
}

// parse reads flags before, between and after other arguments, and returns these.
func (c *command) parse(flags *flag.FlagSet, args []string) (rest []string, err error) {
	for len(args) > 0 {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(c.stdout)
			flags.Usage()
			flags.PrintDefaults()
			return nil, errHelp
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", flags.Name(), err, errUsage)
		}
		left := flags.Args()
		if n := len(args) - len(left); n > 0 && args[n-1] == "--" {
			return append(rest, left...), nil
		}
		if args = left; len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return rest, nil
}

// print writes the text, or with -json the faults, and reports whether there are none.
func (c *command) print(faults any, count int, text string) (valid bool, err error) {
	if c.json {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(struct {
			Valid  bool `json:"valid"`
			Faults any  `json:"faults"`
		}{count == 0, faults}); err != nil {
			return false, err
		}
		text = b.String()
	}
	_, err = io.WriteString(c.stdout, text)
	return count == 0, err
}

// load reads a schema from a file or a URL. The error is a [*jobschema.LoadError] if the schema is invalid.
func (c *command) load(ctx context.Context, schema string) (*jobschema.Schema, error) {
	if !strings.Contains(schema, "://") {
		data, err := os.ReadFile(schema)
		if err != nil {
			return nil, err
		}
		return jobschema.Load(schema, data)
	}
	source := c.source
	source.URL = schema
	result, err := source.Load(ctx)
	if err != nil {
		return nil, err
	}
	return result.Schema, nil
}
