// SPDX-License-Identifier: MPL-2.0

// Command embed shows how a program provisions virtual machines with hvprov: it submits three jobs to a simulated host, shows their
// progress, and prints some metrics of the service.
//
//	go run ./examples/embed
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	info, err := os.Stdout.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	if err := run(ctx, os.Stdout, terminal); err != nil {
		log.Fatal(err)
	}
}

// run provisions three virtual machines. On a terminal it redraws the progress bars in place.
func run(ctx context.Context, out io.Writer, terminal bool) error {
	host, err := simhost.Start(simhost.Options{Latency: 50 * time.Millisecond})
	if err != nil {
		return err
	}
	defer func() { _ = host.Close() }()

	service, err := hvprov.New(ctx, hvprov.Options{Hosts: map[string]hvprov.Host{"hv01": {WinRM: host.WinRM()}}})
	if err != nil {
		return err
	}
	defer func() { _ = service.Close(context.WithoutCancel(ctx)) }()

	events := service.Subscribe(notify.Filter{Kinds: []notify.Kind{notify.KindJobState, notify.KindJobEvent}})
	defer events.Close()
	progress := display{out: out, terminal: terminal, bars: map[string]*bar{}}
	for _, name := range []string{"web-01", "web-02", "db-01"} {
		job, err := service.Submit(ctx, hvprov.Submission{Host: "hv01", Operation: "provision", Values: map[string]any{
			"vm_name": name, "image_name": "ubuntu-24.04", "gb_ram": 2, "guest_la_uid": "ops", "guest_la_pw": "not a real one",
			"notes": "created by examples/embed",
		}})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		progress.add(job.ID(), name)
	}
	for e, err := range events.All(ctx) {
		if err != nil {
			return err // interrupted: Close cancels the jobs that wait, and waits for those that run
		}
		if progress.update(e); progress.complete() {
			break
		}
	}
	printMetrics(out, service.Metrics())
	return nil
}

// printf writes to out. An example has no use for the error.
func printf(out io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }

func printMetrics(out io.Writer, m hvprov.Metrics) {
	printf(out, "\nstep          count   longest\n")
	for _, s := range m.Steps {
		if s.Step == "" {
			s.Step = "(whole job)"
		}
		printf(out, "%-12s  %5d  %8v\n", s.Step, s.Durations.Count, s.Durations.Max.Round(time.Millisecond))
	}
	h := m.Hosts[0]
	printf(out, "\n%s: %d HTTP requests, %d bytes sent, %d bytes received, %d PowerShell process\n",
		h.Host, h.Traffic.Requests, h.Traffic.BytesSent, h.Traffic.BytesReceived, h.Agent.Sessions)
}

// display shows a progress bar for each job.
type display struct {
	out      io.Writer
	terminal bool
	ids      []string
	bars     map[string]*bar
	ended    int
}

// bar is the progress of one job.
type bar struct {
	name        string
	step, steps int // from 0
	percent     int
	text        string
}

func (d *display) add(id, name string) {
	d.ids = append(d.ids, id)
	d.bars[id] = &bar{name: name}
}

func (d *display) complete() bool { return d.ended == len(d.ids) }

// update shows the progress that an event reports.
func (d *display) update(e notify.Event) {
	b := d.bars[e.Job]
	switch {
	case b == nil:
		return
	case e.Last:
		d.ended++
		b.percent, b.text = 100, strings.TrimSpace(e.State+" "+e.Err)
	case e.Event != nil && e.Event.Kind == "step":
		b.step, b.steps, b.text = e.Event.Number-1, e.Event.Of, e.Event.Step
		b.percent = 100 * b.step / b.steps
	case e.Event != nil && e.Event.Kind == "progress" && b.steps > 0:
		b.percent = (100*b.step + e.Event.Percent) / b.steps
	default:
		return
	}
	if !d.terminal {
		printf(d.out, "%v\n", b)
		return
	}
	for _, id := range d.ids {
		printf(d.out, "\x1b[2K%v\n", d.bars[id]) // clear the line
	}
	if !d.complete() {
		printf(d.out, "\x1b[%dA", len(d.ids)) // cursor to the first line
	}
}

func (b *bar) String() string {
	return fmt.Sprintf("%-8s [%-20s] %3d%% %s", b.name, strings.Repeat("#", b.percent/5), b.percent, b.text)
}
