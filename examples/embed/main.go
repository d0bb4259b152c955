// SPDX-License-Identifier: MPL-2.0

// Command embed shows what a program needs to provision virtual machines with hvprov: it submits three jobs to a simulated host,
// shows how far each is while they run, and prints what the service has measured.
//
//	go run ./examples/embed
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/hyperv"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	host, err := simhost.Start(simhost.Options{Latency: 20 * time.Millisecond})
	if err != nil {
		return err
	}
	defer func() { _ = host.Close() }()
	// An image of 2 MiB is copied in a second, so that there is something to see.
	err = host.Store().Update(func(s *hyperv.State) error { s.Behaviour.CopyBytesPerSecond = 2 << 20; return nil })
	if err != nil {
		return err
	}

	service, err := hvprov.New(ctx, hvprov.Options{Hosts: map[string]hvprov.Host{"hv01": {WinRM: winrm.Config{
		Address: host.Address(), Port: host.Port(), TLS: true, CACert: host.CACertPEM(),
		Username: host.Username(), Password: host.Password(),
	}}}})
	if err != nil {
		return err
	}
	defer func() { _ = service.Close(context.WithoutCancel(ctx)) }()

	events := service.Subscribe(notify.Filter{Kinds: []notify.Kind{notify.KindJobState, notify.KindJobEvent}})
	defer events.Close()
	shown := board{bars: map[string]*bar{}}
	for _, name := range []string{"web-01", "web-02", "db-01"} {
		j, err := service.Submit(ctx, hvprov.Submission{Host: "hv01", Operation: job.OperationProvision, Values: map[string]any{
			"vm_name": name, "image_name": "ubuntu-24.04", "gb_ram": 2, "guest_la_uid": "ops", "guest_la_pw": "not a real one",
			"data_disks": []any{map[string]any{"name": "data", "size_gb": 10}},
		}})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		shown.add(j.ID(), name)
	}
	for e, err := range events.All(ctx) {
		if err != nil {
			return err // interrupted: Close cancels what waits, and what runs goes on
		}
		if shown.take(e); shown.done() {
			break
		}
	}

	m := service.Metrics()
	fmt.Println("\nstep          times   longest")
	for _, s := range m.Steps {
		if s.Step == "" {
			s.Step = "(whole job)"
		}
		fmt.Printf("%-12s  %5d  %8v\n", s.Step, s.Durations.Count, s.Durations.Max.Round(time.Millisecond))
	}
	h := m.Hosts[0]
	fmt.Printf("\n%s: %d HTTP requests, %d bytes sent, %d received, %d PowerShell process\n",
		h.Host, h.Traffic.Requests, h.Traffic.BytesSent, h.Traffic.BytesReceived, h.Agent.Sessions)
	return nil
}

// board shows a bar for each job.
type board struct {
	ids   []string
	bars  map[string]*bar
	ended int
}

// bar is how far a job is.
type bar struct {
	name     string
	step, of int // from 0
	percent  int
	text     string
}

func (b *board) add(id, name string) {
	b.ids = append(b.ids, id)
	b.bars[id] = &bar{name: name}
}

func (b *board) done() bool { return b.ended == len(b.ids) }

// take shows what an event tells.
func (b *board) take(e notify.Event) {
	r := b.bars[e.Job]
	switch {
	case r == nil:
		return
	case e.Last:
		b.ended++
		r.percent, r.text = 100, strings.TrimSpace(e.State+" "+e.Err)
	case e.Event != nil && e.Event.Kind == job.KindStep:
		r.step, r.of, r.text = e.Event.Number-1, e.Event.Of, e.Event.Step
		r.percent = 100 * r.step / r.of
	case e.Event != nil && e.Event.Kind == job.KindProgress && r.of > 0:
		r.percent = (100*r.step + e.Event.Percent) / r.of
	default:
		return
	}
	if info, err := os.Stdout.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		fmt.Println(r) // into a file: line by line
		return
	}
	for _, id := range b.ids {
		fmt.Printf("\x1b[2K%v\n", b.bars[id])
	}
	if !b.done() {
		fmt.Printf("\x1b[%dA", len(b.ids)) // back to the first
	}
}

func (r *bar) String() string {
	return fmt.Sprintf("%-8s [%-20s] %3d%% %s", r.name, strings.Repeat("#", r.percent/5), r.percent, r.text)
}
