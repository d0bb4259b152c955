// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tfcli"
)

// demo is one run of an example.
type demo struct {
	dir, work, cliConfig, logs string
	ownSchema                  bool // the example has a job schema of its own
	host                       *hyperv.Store

	printer *printer
	cli     tfcli.CLI
	pwsh    string

	steps []step
	made  []hyperv.VM
	jobs  shown
}

// step is a command that was run.
type step struct {
	name string
	took time.Duration
}

// cleanupTime is how long the clean-up after Ctrl-C may take.
const cleanupTime = 2 * time.Minute

// perform runs the commands and looks at what they did. After a failure or Ctrl-C it removes what is there.
func (d *demo) perform(ctx context.Context) error {
	follower := follow(d.logs, d.printer)
	err := d.commands(ctx)
	if err != nil {
		err = interrupted(ctx, err)
		err = errors.Join(err, d.cleanUp(ctx))
	}
	d.jobs = follower.stop()
	if err != nil {
		return err
	}
	d.summary()
	return nil
}

func (d *demo) commands(ctx context.Context) error {
	for _, c := range []struct {
		heading string
		args    []string
		after   func() error
	}{
		{heading: "validate", args: []string{"validate"}},
		{heading: "plan", args: []string{"plan", "-input=false", "-out=demo.tfplan"}},
		{heading: "apply", args: []string{"apply", "-input=false", "demo.tfplan"}, after: d.lookAtMachines},
		{heading: "plan again", args: []string{"plan", "-input=false", "-detailed-exitcode"}},
		{heading: "destroy", args: []string{"destroy", "-auto-approve", "-input=false"}, after: func() error { return leftovers(d.host) }},
	} {
		d.printer.heading(c.heading)
		started := time.Now()
		err := d.terraform(ctx, c.args...)
		d.steps = append(d.steps, step{c.heading, time.Since(started)})
		var exit *exitError
		switch {
		case errors.As(err, &exit) && exit.code == 2 && c.heading == "plan again":
			return errors.New("the second plan found something to do: after apply it has to be empty")
		case err != nil:
			return fmt.Errorf("%s: %w", c.heading, err)
		case c.after != nil:
			if err := c.after(); err != nil {
				return fmt.Errorf("after %s: %w", c.heading, err)
			}
		}
	}
	return nil
}

// lookAtMachines keeps what the host holds for the summary.
func (d *demo) lookAtMachines() error {
	state, err := d.host.Read()
	if err != nil {
		return err
	}
	if len(state.VMs) == 0 {
		return errors.New("the host holds no virtual machine")
	}
	d.made = state.VMs
	return nil
}

// cleanUp destroys what a failed or interrupted run has left. ctx may have ended already.
func (d *demo) cleanUp(ctx context.Context) error {
	if leftovers(d.host) == nil {
		d.printer.line("the host holds nothing: nothing to clean up")
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	d.printer.heading("clean-up: destroy")
	if err := d.terraform(ctx, "destroy", "-auto-approve", "-input=false"); err != nil {
		return fmt.Errorf("clean up: %w", err)
	}
	return leftovers(d.host)
}

// answeredBy says who answers the agent's session.
func (d *demo) answeredBy() string {
	if d.pwsh == "" {
		return "the simulator gives its own answers"
	}
	return "the real agent runs there in a PowerShell: " + d.pwsh
}

func (d *demo) summary() {
	p := d.printer
	p.heading("summary")
	p.line("command    %s", d.cli)
	p.line("host       simulated; %s", d.answeredBy())
	for _, s := range d.steps {
		p.line("%-10s %.1f s", s.name, s.took.Seconds())
	}
	for _, vm := range d.made {
		p.line("made       %s", describe(vm))
	}
	p.line("jobs       %d lines, shown as they came: at most %.2f s after the host said them", d.jobs.lines, d.jobs.delay.Seconds())
	p.line("left       nothing: no virtual machine, no file of one")
}
