// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

func (p *printer) validate(args []string, stdin io.Reader) (fine bool, err error) {
	files, err := p.parse(p.flags("validate", "[-json] FILE < values.json"), args)
	if err != nil {
		return false, err
	}
	if len(files) != 1 {
		return false, fmt.Errorf("validate: %d files are given, and one is needed: %w", len(files), errUsage)
	}
	s, err := load(files[0])
	if err != nil {
		return false, err
	}
	values, err := readValues(stdin)
	if err != nil {
		return false, fmt.Errorf("standard input: %w", err)
	}
	faults := []jobschema.Fault{}
	if _, err := s.Validate(values); err != nil {
		var invalid *jobschema.ValidationError
		if !errors.As(err, &invalid) {
			return false, err
		}
		faults = invalid.Faults
	}
	var text strings.Builder
	for _, f := range faults {
		fmt.Fprintln(&text, strings.TrimSpace(fmt.Sprintf("%s (%s): %s", f.Path, f.Rule, f)))
	}
	if len(faults) == 0 {
		fmt.Fprintf(&text, "the values keep to %s\n", s.Ref())
	}
	return p.print(faults, len(faults), text.String())
}
