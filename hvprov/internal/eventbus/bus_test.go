// SPDX-License-Identifier: MPL-2.0

package eventbus_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/eventbus"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

func TestAnEventHasASequenceNumberAndATime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("CET", 3600))
	b := eventbus.New(eventbus.Options{Now: func() time.Time { return now }})
	s := b.Subscribe(notify.Filter{})
	first := b.Publish(state("a", "running"))
	if first.Seq != 1 || first.Bus == "" || !first.Time.Equal(now) || first.Time.Location() != time.UTC {
		t.Errorf("got %+v", first)
	}
	at := now.Add(time.Hour)
	second := b.Publish(notify.Event{Kind: notify.KindHostState, Host: "hv01", State: "disconnected", Err: "no route", Time: at})
	if second.Seq != 2 || second.Bus != first.Bus || !second.Time.Equal(at) {
		t.Errorf("got %+v", second)
	}
	got := eventbus.Waiting(s)
	if len(got) != 2 || got[0] != first || got[1] != second {
		t.Errorf("got %+v", got)
	}
}

func TestAFilterSelectsEvents(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		filter notify.Filter
		want   string
	}{
		{"everything", notify.Filter{}, "1 2 3 4 5"},
		{"a job", notify.Filter{Job: "a"}, "1 3"},
		{"a job in another letter case", notify.Filter{Job: "A"}, "1 3"},
		{"a host in another letter case", notify.Filter{Host: "HV02"}, "4 5"},
		{"kinds", notify.Filter{Kinds: []notify.Kind{notify.KindHostState, notify.KindJobState}}, "2 5"},
		{"a kind of a job", notify.Filter{Job: "b", Kinds: []notify.Kind{notify.KindJobState}}, "2"},
		{"a job on another host", notify.Filter{Job: "a", Host: "hv02"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := eventbus.New(eventbus.Options{})
			s := b.Subscribe(tt.filter)
			b.Publish(jobEvent("a", 1, "x"))
			b.Publish(state("b", "running"))
			b.Publish(jobEvent("a", 2, "x"))
			other := jobEvent("c", 1, "x")
			other.Host = "hv02"
			b.Publish(other)
			b.Publish(notify.Event{Kind: notify.KindHostState, Host: "hv02", State: "disconnected"})
			wantSeqs(t, "new", eventbus.Waiting(s), tt.want)
			tt.filter.Replay = true
			replayed := eventbus.Waiting(b.Subscribe(tt.filter))
			wantSeqs(t, "replayed", replayed, tt.want)
		})
	}
}

func TestASubscriptionToAJobEndsAfterItsLastEvent(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{})
	s, all := b.Subscribe(notify.Filter{Job: "A"}), b.Subscribe(notify.Filter{})
	events := b.Subscribe(notify.Filter{Job: "a", Kinds: []notify.Kind{notify.KindJobEvent}})
	publish(b, "a", 2)
	b.Publish(state("a", "succeeded"))
	b.Publish(jobEvent("b", 1, "x"))
	wantSeqs(t, "the job's", untilEOF(t, s), "1 2 3")
	wantSeqs(t, "one whose filter excludes the last event", untilEOF(t, events), "1 2")
	wantSeqs(t, "one to all events", eventbus.Waiting(all), "1 2 3 4")
	wantSeqs(t, "a late one", untilEOF(t, b.Subscribe(notify.Filter{Job: "a"})), "")
	wantSeqs(t, "a late one with a replay", untilEOF(t, b.Subscribe(notify.Filter{Job: "a", Replay: true})), "1 2 3")
}

func TestAJobOfUnknownOutcomeCanBeFollowedAgain(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{})
	lost := state("a", "unknown")
	lost.Last = true
	b.Publish(lost)
	b.Publish(state("a", "running"))
	s := b.Subscribe(notify.Filter{Job: "a"})
	b.Publish(jobEvent("a", 1, "x"))
	b.Publish(state("a", "succeeded"))
	wantSeqs(t, "it", untilEOF(t, s), "3 4")
}

func TestAClosedBusDeliversWhatWaitsAndNothingMore(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{})
	all, one := b.Subscribe(notify.Filter{}), b.Subscribe(notify.Filter{Job: "a"})
	publish(b, "a", 2)
	b.Close()
	if e := b.Publish(jobEvent("a", 3, "x")); e.Seq != 0 {
		t.Errorf("published %+v", e)
	}
	wantSeqs(t, "all", untilEOF(t, all), "1 2")
	wantSeqs(t, "one", untilEOF(t, one), "1 2")
	wantSeqs(t, "a late one", untilEOF(t, b.Subscribe(notify.Filter{Replay: true})), "1 2")
}

func TestAClosedSubscriptionReturnsWhatWaitsAndNothingMore(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{})
	for _, f := range []notify.Filter{{}, {Job: "a"}} {
		s := b.Subscribe(f)
		e := b.Publish(jobEvent("a", 1, "x"))
		s.Close()
		s.Close()
		publish(b, "a", 2)
		if got := untilEOF(t, s); len(got) != 1 || got[0].Seq != e.Seq {
			t.Errorf("%+v: got %s, want %d", f, seqs(got), e.Seq)
		}
	}
}

func TestNextWaitsForAnEventOrItsContext(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{})
	s := b.Subscribe(notify.Filter{})
	if _, err := s.Next(cancelled(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.Publish(jobEvent("a", 1, "x"))
	if _, err := s.Next(cancelled(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("with an event: %v", err)
	}
	wantSeqs(t, "the event after a cancelled wait", eventbus.Waiting(s), "1")

	got := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := s.Next(t.Context())
			got <- err
		}()
	}
	b.Publish(jobEvent("a", 2, "x"))
	if err := <-got; err != nil {
		t.Error(err)
	}
	s.Close()
	if err := <-got; !errors.Is(err, io.EOF) {
		t.Errorf("the second caller got %v", err)
	}
}

func TestAllEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{})
	s := b.Subscribe(notify.Filter{})
	publish(b, "a", 3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	count := 0
	var last error
	for _, err := range s.All(ctx) {
		count++
		last = err
		cancel()
	}
	if count != 2 || !errors.Is(last, context.Canceled) {
		t.Errorf("got %d values, the last with %v", count, last)
	}
	wantSeqs(t, "the remaining events", eventbus.Waiting(s), "2 3")
}

func TestAnEventIsACopy(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{})
	s := b.Subscribe(notify.Filter{})
	e := jobEvent("a", 1, "before")
	e.Event.Kind, e.Event.Result = job.KindResult, &job.Result{
		Outcome: job.Failed, Error: &job.Failure{Message: "before"}, Left: []string{"before"}, VM: &job.VM{Notes: "before"},
	}
	b.Publish(e)
	e.Event.Message, e.Event.Left[0], e.Event.Error.Message, e.Event.VM.Notes = "after", "after", "after", "after"
	got := eventbus.Waiting(s)[0].Event
	if got.Message != "before" || got.Left[0] != "before" || got.Error.Message != "before" || got.VM.Notes != "before" {
		t.Errorf("got %+v, %+v", got, got.Result)
	}
}

func TestEveryFreeTextIsCleaned(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{Clean: func(s string) string { return strings.ReplaceAll(s, "secret", "***") }})
	s := b.Subscribe(notify.Filter{})
	b.Publish(notify.Event{Kind: notify.KindJobEvent, State: "secret", Err: "secret", Event: &job.Event{
		Step: "secret", Message: "secret", Result: &job.Result{
			Error:  &job.Failure{Step: "secret", Message: "secret", Remedy: "secret"},
			Undone: []string{"secret"}, Left: []string{"secret"}, VM: &job.VM{Notes: "secret"},
		},
	}})
	e := eventbus.Waiting(s)[0]
	r := e.Event.Result
	for _, text := range []string{
		e.State, e.Err, e.Event.Step, e.Event.Message, r.Error.Step, r.Error.Message, r.Error.Remedy, r.Undone[0], r.Left[0], r.VM.Notes,
	} {
		if text != "***" {
			t.Errorf("got %q", text)
		}
	}
}

func TestLargeEventsAreTruncated(t *testing.T) {
	t.Parallel()
	b := eventbus.New(eventbus.Options{})
	s := b.Subscribe(notify.Filter{})
	large := strings.Repeat("ü", 1<<20)
	b.Publish(jobEvent("a", 1, large))
	e := jobEvent("a", 2, "x")
	e.Event.Result = &job.Result{VM: &job.VM{ID: "guid", Name: "web", Disks: []string{large}}, Left: make([]string, 1000)}
	b.Publish(e)
	got := eventbus.Waiting(s)
	if text := got[0].Event.Message; len(text) > 65<<10 || !utf8.ValidString(text) || !strings.HasSuffix(text, "bytes omitted)") {
		t.Errorf("a text of %d bytes: %.20q", len(text), text[len(text)-40:])
	}
	r := got[1].Event.Result
	if r.VM.ID != "guid" || r.VM.Name != "web" || r.VM.Disks != nil {
		t.Errorf("the virtual machine has %d disks", len(r.VM.Disks))
	}
	if len(r.Left) != 101 || r.Left[100] != "… and 900 more" {
		t.Errorf("got %d items", len(r.Left))
	}
}

func TestBusesHaveDifferentIDs(t *testing.T) {
	t.Parallel()
	one, two := eventbus.New(eventbus.Options{}).Publish(state("a", "running")).Bus, eventbus.New(eventbus.Options{}).Publish(state("a", "running")).Bus
	if one == two || len(one) != 16 {
		t.Errorf("got %q and %q", one, two)
	}
}
