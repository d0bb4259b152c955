// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

// interruptTime is how long a command that was told of Ctrl-C may take to end by itself.
const interruptTime = 90 * time.Second

// exitError is a command that ended with an exit code other than 0.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// terraform runs the command in the work folder and prints its lines as they come. When ctx ends it is interrupted, as by
// Ctrl-C, and waited for.
func (d *demo) terraform(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, d.cli.Path, args...)
	cmd.Dir = d.work
	cmd.Env = append(tfcli.Environ(d.cliConfig), "HYPERVVM_SCHEMA_FILE="+d.schema())
	if d.pwsh != "" {
		cmd.Env = append(cmd.Env, "HYPERVVM_PWSH="+d.pwsh)
	}
	cmd.Cancel = func() error { return interrupt(cmd.Process) }
	cmd.WaitDelay = interruptTime
	separate(cmd)

	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		d.print(reader)
	}()
	err := cmd.Run()
	_ = writer.Close() // a pipe in memory: it has no error to give
	<-printed
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return &exitError{exit.ExitCode()}
	}
	return err
}

// schema gives the file of the example's own job schema; empty for the provider's.
func (d *demo) schema() string {
	if !d.ownSchema {
		return ""
	}
	return filepath.Join(d.work, schemaFile)
}

// print shows the command's lines but the one warning that is there on purpose, for development overrides, and is the
// same at each command.
func (d *demo) print(in io.Reader) {
	var first string // the line that begins a box, until it is known what box it is
	inside := false  // a box that is left out
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		bare := withoutColours(line)
		switch {
		case inside:
			inside = !strings.HasPrefix(bare, "╵")
		case strings.HasPrefix(bare, "╷"):
			first = line
		case first != "" && strings.Contains(bare, "Provider development overrides are in effect"):
			first, inside = "", true
		default:
			if first != "" {
				d.printer.line("%s", first)
				first = ""
			}
			d.printer.line("%s", line)
		}
	}
	// What comes after a line beyond all measure must still be taken, or the command would wait for ever.
	_, _ = io.Copy(io.Discard, in)
}
