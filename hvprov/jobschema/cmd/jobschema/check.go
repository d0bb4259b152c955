// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
	"github.com/hypervvm/terraform-provider-hypervvm/schemas"
)

// schemaFault is an error of a schema in the output.
type schemaFault struct {
	File   string `json:"file"`
	Line   int    `json:"line"` // 0 if it has no line
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

func (c *command) check(ctx context.Context, args []string) (valid bool, err error) {
	flags := c.flags("check", "[-json] [-against OLD] SCHEMA...")
	against := flags.String("against", "", "older `schema` that each schema must be able to replace")
	files, err := c.parse(flags, args)
	if err != nil {
		return false, err
	}
	if len(files) == 0 {
		return false, fmt.Errorf("check: no schema: %w", errUsage)
	}
	hosts, err := schemas.Load()
	if err != nil {
		return false, err
	}
	var old *jobschema.Schema
	if *against != "" {
		if old, err = c.load(ctx, *against); err != nil {
			return false, err
		}
	}
	faults := []schemaFault{}
	var text strings.Builder
	for _, file := range files {
		found, err := c.checkSchema(ctx, file, old, hosts)
		if err != nil {
			return false, err
		}
		faults = append(faults, found...)
		for _, f := range found {
			fmt.Fprintln(&text, f)
		}
		if len(found) == 0 {
			fmt.Fprintln(&text, file+": valid")
		}
	}
	return c.print(faults, len(faults), text.String())
}

// checkSchema returns the errors of a schema.
func (c *command) checkSchema(ctx context.Context, file string, old, hosts *jobschema.Schema) ([]schemaFault, error) {
	s, err := c.load(ctx, file)
	if err != nil {
		return faultsOf(file, err)
	}
	_, err = jobschema.Translate(s, hosts)
	faults, err := faultsOf(file, err)
	if err != nil || old == nil {
		return faults, err
	}
	more, err := faultsOf(file, s.CheckCompatible(old))
	return append(faults, more...), err
}

// faultsOf returns the faults in an error, or the error if it is of another kind.
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
		reason := fmt.Sprintf("the schema is %s, but agents know %s: use another id for a custom schema", mismatch.Given, mismatch.Expected)
		return []schemaFault{{File: file, Path: "version", Reason: reason}}, nil
	}
	return nil, err
}

// String returns the fault as a line of text.
func (f schemaFault) String() string {
	one := jobschema.LoadError{File: f.File, Faults: []jobschema.LoadFault{{Line: f.Line, Path: f.Path, Reason: f.Reason}}}
	return one.Error()
}
