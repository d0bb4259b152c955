// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// schemaFault is a fault of a schema as programs get it.
type schemaFault struct {
	File   string `json:"file"`
	Line   int    `json:"line"` // 0 where it has no place
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

func (p *printer) check(args []string) (fine bool, err error) {
	flags := p.flags("check", "[-json] [-against OLD] FILE...")
	against := flags.String("against", "", "`file` of an older schema whose place each one has to be fit to take")
	files, err := p.parse(flags, args)
	if err != nil {
		return false, err
	}
	if len(files) == 0 {
		return false, fmt.Errorf("check: no file is given: %w", errUsage)
	}
	hosts, err := jobschema.Load(schemas.JobInputsFile, schemas.JobInputs())
	if err != nil {
		return false, err
	}
	var old *jobschema.Schema
	if *against != "" {
		if old, err = load(*against); err != nil {
			return false, err
		}
	}
	faults := []schemaFault{}
	var text strings.Builder
	for _, file := range files {
		found, err := checkFile(file, old, hosts)
		if err != nil {
			return false, err
		}
		faults = append(faults, found...)
		for _, f := range found {
			fmt.Fprintln(&text, f)
		}
		if len(found) == 0 {
			fmt.Fprintln(&text, file+": it is sound")
		}
	}
	return p.print(faults, len(faults), text.String())
}

// checkFile gives the faults of one schema.
func checkFile(file string, old, hosts *jobschema.Schema) ([]schemaFault, error) {
	s, err := load(file)
	if err != nil {
		return faultsOf(file, err)
	}
	_, err = jobschema.Translate(s, hosts)
	faults, err := faultsOf(file, err)
	if err != nil || old == nil {
		return faults, err
	}
	more, err := faultsOf(file, s.Succeeds(old))
	return append(faults, more...), err
}

// faultsOf gives the faults that an error tells; the error itself where it tells none.
func faultsOf(file string, err error) ([]schemaFault, error) {
	var load *jobschema.LoadError
	var mismatch *jobschema.VersionMismatchError
	switch {
	case errors.As(err, &load):
		faults := make([]schemaFault, len(load.Faults))
		for i, f := range load.Faults {
			faults[i] = schemaFault{file, f.Line, f.Path, f.Reason}
		}
		return faults, nil
	case errors.As(err, &mismatch):
		reason := fmt.Sprintf("it is %s, and hosts know %s: give another schema an id of its own", mismatch.Given, mismatch.Expected)
		return []schemaFault{{File: file, Path: "version", Reason: reason}}, nil
	}
	return nil, err
}

// String gives the fault as a line for people.
func (f schemaFault) String() string {
	one := jobschema.LoadError{File: f.File, Faults: []jobschema.LoadFault{{Line: f.Line, Path: f.Path, Reason: f.Reason}}}
	return one.Error()
}
