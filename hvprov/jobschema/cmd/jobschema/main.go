// SPDX-License-Identifier: MPL-2.0

// Command jobschema tells whether a schema of a job's inputs holds together, and whether values keep to it.
//
//	jobschema check [-json] [-against OLD] FILE...
//	jobschema validate [-json] FILE < values.json
//
// check reads schemas, in YAML or JSON, and tells every fault of each with its line. A schema that hosts cannot serve,
// because its fields do not stand for those of the schema that their agents know, has a fault as well. With -against it
// also has to be fit to take the place of an older one: the same version may differ in texts only, and the migrations of
// a later one have to say what becomes of every value.
//
// validate reads a JSON object of values by field id from standard input, and tells everything that is wrong with them.
//
// Faults are lines for people, or with -json one object for programs:
//
//	{"valid": false, "faults": [{"file": …, "line": …, "path": …, "reason": …}]}                     of check
//	{"valid": false, "faults": [{"path": …, "rule": …, "given": …, "message": …, "remedy": …}]}      of validate
//
// The value of a secret is in neither. The exit code is 0 where all is well, 1 where there are faults, and 2 for a
// mistaken command line and for what cannot be read; for validate, that includes a schema with faults.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// Exit codes.
const (
	exitFine = iota
	exitFaults
	exitTrouble
)

const usage = `Usage:
  jobschema check [-json] [-against OLD] FILE...     tell whether schemas hold together
  jobschema validate [-json] FILE < values.json      tell whether values keep to a schema

"jobschema check -h" and "jobschema validate -h" tell of the flags.
`

// errHelp ends a command that was only asked how it is used, and errUsage one that was called wrongly.
var (
	errHelp  = errors.New("help")
	errUsage = errors.New("try jobschema -h")
)

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := printer{stdout: stdout}
	fine, err := p.command(args, stdin)
	switch {
	case errors.Is(err, errHelp):
		return exitFine
	case err != nil:
		_, _ = fmt.Fprintln(stderr, "jobschema:", err)
		return exitTrouble
	case !fine:
		return exitFaults
	}
	return exitFine
}

func (p *printer) command(args []string, stdin io.Reader) (fine bool, err error) {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "check":
		return p.check(args)
	case "validate":
		return p.validate(args, stdin)
	case "-h", "-help", "--help", "help":
		_, err := io.WriteString(p.stdout, usage)
		return true, errors.Join(errHelp, err)
	case "":
		return false, fmt.Errorf("no command is given: %w", errUsage)
	}
	return false, fmt.Errorf("there is no command %q: %w", name, errUsage)
}

// printer writes what a command finds.
type printer struct {
	stdout io.Writer
	json   bool
}

// flags gives the flags that every command has.
func (p *printer) flags(command, synopsis string) *flag.FlagSet {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run tells of errors
	flags.BoolVar(&p.json, "json", false, "print one JSON object for programs")
	flags.Usage = func() { _, _ = fmt.Fprintf(flags.Output(), "Usage: jobschema %s %s\n\nFlags:\n", command, synopsis) }
	return flags
}

// parse reads flags, which may stand before, between and after files.
func (p *printer) parse(flags *flag.FlagSet, args []string) (files []string, err error) {
	for len(args) > 0 {
		if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(p.stdout)
			flags.Usage()
			flags.PrintDefaults()
			return nil, errHelp
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w: %w", flags.Name(), err, errUsage)
		}
		rest := flags.Args()
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			return append(files, rest...), nil
		}
		if args = rest; len(args) > 0 {
			files, args = append(files, args[0]), args[1:]
		}
	}
	return files, nil
}

// print writes faults: each as a line of text, or all as JSON.
func (p *printer) print(faults any, count int, text string) (fine bool, err error) {
	if p.json {
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
	_, err = io.WriteString(p.stdout, text)
	return count == 0, err
}

// load reads a schema. The error is a [*jobschema.LoadError] if it is there but does not hold together.
func load(file string) (*jobschema.Schema, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return jobschema.Load(file, data)
}
