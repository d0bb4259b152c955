// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

func (c *command) validate(ctx context.Context, args []string) (valid bool, err error) {
	files, err := c.parse(c.flags("validate", "[-json] SCHEMA < values.json"), args)
	if err != nil {
		return false, err
	}
	if len(files) != 1 {
		return false, fmt.Errorf("validate: got %d schemas, want one: %w", len(files), errUsage)
	}
	s, err := c.load(ctx, files[0])
	if err != nil {
		return false, err
	}
	values, err := readValues(c.stdin)
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
		fmt.Fprintf(&text, "the values are valid for %s\n", s.Ref())
	}
	return c.print(faults, len(faults), text.String())
}
