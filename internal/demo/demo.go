// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

// demo is one run of an example.
type demo struct {
	options
	out  *lineWriter
	cli  tfcli.CLI
	host *simhost.Server

	dir, work, logs string           // the run's folder, and in it the copy of the example and the job logs
	env             []string         // of the commands
	offsets         map[string]int64 // bytes printed, by job log
	jobLines        int
	summary         []string
}

// cleanupTimeout limits the destroy after Ctrl-C or a failure.
const cleanupTimeout = 2 * time.Minute

// perform runs the commands and prints the summary. After a failure or Ctrl-C it destroys what is left.
func (d *demo) perform(ctx context.Context) error {
	if err := interrupted(ctx, d.commands(ctx)); err != nil {
		return errors.Join(err, d.cleanUp(ctx))
	}
	d.heading("summary")
	for _, line := range d.summary {
		d.printf("%s", line)
	}
	d.printf("jobs       %d lines", d.jobLines)
	d.printf("left       nothing: no virtual machine, no file of one")
	return nil
}

func (d *demo) commands(ctx context.Context) error {
	for _, c := range []struct {
		name  string
		args  []string
		check func() error
	}{
		{name: "init", args: []string{"init", "-input=false", "-plugin-dir=" + d.plugins()}},
		{name: "validate", args: []string{"validate"}},
		{name: "plan", args: []string{"plan", "-input=false", "-out=demo.tfplan"}},
		{name: "apply", args: []string{"apply", "-input=false", "demo.tfplan"}, check: d.summarizeVMs},
		{name: "plan again", args: []string{"plan", "-input=false", "-detailed-exitcode"}},
		{name: "destroy", args: []string{"destroy", "-auto-approve", "-input=false"}, check: d.leftovers},
	} {
		d.heading(c.name)
		started, before := time.Now(), d.host.Counters()
		err := d.terraform(ctx, c.args...)
		after := d.host.Counters()
		d.summary = append(d.summary, fmt.Sprintf("%-10s %.1f s, %d processes on the host, %d POSTs",
			c.name, time.Since(started).Seconds(), after.Processes-before.Processes, after.POSTs-before.POSTs))
		var exit *exec.ExitError
		switch {
		case errors.As(err, &exit) && exit.ExitCode() == 2 && c.name == "plan again":
			return errors.New("the second plan is not empty")
		case err != nil:
			return fmt.Errorf("%s: %w", c.name, err)
		case c.check != nil:
			if err := c.check(); err != nil {
				return fmt.Errorf("after %s: %w", c.name, err)
			}
		}
	}
	return nil
}

// cleanUp destroys what a failed or interrupted run left. It runs even if ctx has ended.
func (d *demo) cleanUp(ctx context.Context) error {
	if d.leftovers() == nil {
		d.printf("the host is empty: nothing to clean up")
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	d.heading("clean-up: destroy")
	if err := d.terraform(ctx, "destroy", "-auto-approve", "-input=false"); err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	return d.leftovers()
}

func (d *demo) printf(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) heading(text string) {
	line := fmt.Sprintf("== %s %s", text, strings.Repeat("=", max(0, 70-len(text))))
	if !d.plain {
		line = "\x1b[1;36m" + line + "\x1b[0m"
	}
	d.printf("\n%s", line)
}

// lineWriter serialises writes of whole lines.
type lineWriter struct {
	mu  sync.Mutex
	out io.Writer
}

// Write writes whole lines.
func (w *lineWriter) Write(lines []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(lines)
}
