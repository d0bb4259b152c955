// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"time"
)

// interruptTimeout limits how long an interrupted command may take to exit.
const interruptTimeout = 90 * time.Second

// terraform runs a command in the work folder and prints its output, and the job logs meanwhile, line by line. When ctx ends, it interrupts the command,
// as Ctrl-C does, and waits for it.
func (d *demo) terraform(ctx context.Context, args ...string) error {
	if d.plain {
		args = append([]string{args[0], "-no-color"}, args[1:]...)
	}
	cmd := exec.CommandContext(ctx, d.cli.Path, args...)
	cmd.Dir, cmd.Env = d.work, d.env
	cmd.Cancel = func() error { return interrupt(cmd.Process) }
	cmd.WaitDelay = interruptTimeout
	ownProcessGroup(cmd)
	defer d.followJobLogs()()

	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		lines := bufio.NewScanner(reader)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			d.printf("%s", lines.Text())
		}
		_, _ = io.Copy(io.Discard, reader) // after a line that is too long: the command must not block
	}()
	err := cmd.Run()
	_ = writer.Close() // never fails
	<-printed
	return err
}
