// SPDX-License-Identifier: MPL-2.0

package notify_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

func TestAnEventIsToldWithItsNumberAndTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("CET", 3600))
	b := notify.New(notify.Options{Now: func() time.Time { return now }})
	s := b.Subscribe(notify.Filter{})
	first := b.Publish(state("a", "running"))
	if first.Seq != 1 || !first.Time.Equal(now) || first.Time.Location() != time.UTC {
		t.Errorf("got %+v", first)
	}
	given := now.Add(time.Hour)
	second := b.Publish(notify.Event{Kind: notify.KindHostState, Host: "hv01", State: "away", Err: "no route", Time: given})
	if second.Seq != 2 || !second.Time.Equal(given) {
		t.Errorf("got %+v", second)
	}
	got := waiting(t, s)
	if len(got) != 2 || got[0] != first || got[1] != second {
		t.Errorf("got %+v", got)
	}
}

func TestAFilterGetsWhatItAsksFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		filter notify.Filter
		want   string
	}{
		{"everything", notify.Filter{}, "1 2 3 4 5"},
		{"a job", notify.Filter{Job: "a"}, "1 3"},
		{"a host", notify.Filter{Host: "hv02"}, "4 5"},
		{"kinds", notify.Filter{Kinds: []notify.Kind{notify.KindHostState, notify.KindJobState}}, "2 5"},
		{"a kind of a job", notify.Filter{Job: "b", Kinds: []notify.Kind{notify.KindJobState}}, "2"},
		{"a job on another host", notify.Filter{Job: "a", Host: "hv02"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := notify.New(notify.Options{})
			s := b.Subscribe(tt.filter)
			b.Publish(said("a", 1, "x"))
			b.Publish(state("b", "running"))
			b.Publish(said("a", 2, "x"))
			elsewhere := said("c", 1, "x")
			elsewhere.Host = "hv02"
			b.Publish(elsewhere)
			b.Publish(notify.Event{Kind: notify.KindHostState, Host: "hv02", State: "away"})
			wantShort(t, "new", waiting(t, s), tt.want)
			tt.filter.Replay = true
			replayed := waiting(t, b.Subscribe(tt.filter))
			wantShort(t, "replayed", replayed, tt.want)
		})
	}
}

func TestASubscriptionToAJobEndsBehindItsLastEvent(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]notify.Event{
		"the job has ended":   state("a", string(job.StatusEnded)),
		"its publisher knows": {Kind: notify.KindJobState, Job: "a", State: "given up", Last: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := notify.New(notify.Options{})
			s, all := b.Subscribe(notify.Filter{Job: "a"}), b.Subscribe(notify.Filter{})
			states := b.Subscribe(notify.Filter{Job: "a", Kinds: []notify.Kind{notify.KindJobEvent}})
			publish(b, "a", 2)
			b.Publish(last)
			b.Publish(said("b", 1, "x"))
			wantShort(t, "the job's", rest(t, s), "1 2 3")
			wantShort(t, "one that does not ask for the last", rest(t, states), "1 2")
			wantShort(t, "another", waiting(t, all), "1 2 3 4")
			wantShort(t, "one that comes late", rest(t, b.Subscribe(notify.Filter{Job: "a"})), "")
			wantShort(t, "one that comes late and wants all", rest(t, b.Subscribe(notify.Filter{Job: "a", Replay: true})), "1 2 3")
		})
	}
}

func TestAClosedBusGivesWhatWaitsAndNothingMore(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{})
	all, one := b.Subscribe(notify.Filter{}), b.Subscribe(notify.Filter{Job: "a"})
	publish(b, "a", 2)
	b.Close()
	if e := b.Publish(said("a", 3, "x")); e.Seq != 0 {
		t.Errorf("it has published %+v", e)
	}
	wantShort(t, "all", rest(t, all), "1 2")
	wantShort(t, "one", rest(t, one), "1 2")
	wantShort(t, "a late one", rest(t, b.Subscribe(notify.Filter{Replay: true})), "1 2")
}

func TestASubscriptionThatIsClosedGivesNothing(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{})
	s := b.Subscribe(notify.Filter{Job: "a"})
	publish(b, "a", 2)
	s.Close()
	s.Close()
	publish(b, "a", 2)
	wantShort(t, "closed", rest(t, s), "")
}

func TestASubscriptionThatIsFinishedGivesWhatWaits(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{})
	s := b.Subscribe(notify.Filter{})
	publish(b, "a", 2)
	s.Finish()
	publish(b, "a", 2)
	wantShort(t, "finished", rest(t, s), "1 2")
}

func TestNextWaitsForAnEventOrItsContext(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{})
	s := b.Subscribe(notify.Filter{})
	if _, err := s.Next(ended(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.Publish(said("a", 1, "x"))
	if _, err := s.Next(ended(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("with an event: %v", err)
	}
	wantShort(t, "the event is not lost", waiting(t, s), "1")

	got := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := s.Next(t.Context())
			got <- err
		}()
	}
	b.Publish(said("a", 2, "x"))
	if err := <-got; err != nil {
		t.Error(err)
	}
	s.Close()
	if err := <-got; !errors.Is(err, io.EOF) {
		t.Errorf("the other got %v", err)
	}
}

func TestAllEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{})
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
		t.Errorf("got %d, the last with %v", count, last)
	}
	wantShort(t, "what it left", waiting(t, s), "2 3")
}

func TestWhatIsToldIsNotThePublishers(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{})
	s := b.Subscribe(notify.Filter{})
	e := said("a", 1, "before")
	e.Event.Kind, e.Event.Result = job.KindResult, &job.Result{
		Outcome: job.Failed, Error: &job.Failure{Message: "before"}, Left: []string{"before"}, VM: &job.VM{Notes: "before"},
	}
	b.Publish(e)
	e.Event.Message, e.Event.Left[0], e.Event.Error.Message, e.Event.VM.Notes = "after", "after", "after", "after"
	got := waiting(t, s)[0].Event
	if got.Message != "before" || got.Left[0] != "before" || got.Error.Message != "before" || got.VM.Notes != "before" {
		t.Errorf("got %+v, %+v", got, got.Result)
	}
}

func TestEveryFreeTextIsCleaned(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{Clean: func(s string) string { return strings.ReplaceAll(s, "secret", "***") }})
	s := b.Subscribe(notify.Filter{})
	b.Publish(notify.Event{Kind: notify.KindJobEvent, State: "secret", Err: "secret", Event: &job.Event{
		Step: "secret", Message: "secret", Result: &job.Result{
			Error:  &job.Failure{Step: "secret", Message: "secret", Remedy: "secret"},
			Undone: []string{"secret"}, Left: []string{"secret"}, VM: &job.VM{Notes: "secret"},
		},
	}})
	e := waiting(t, s)[0]
	r := e.Event.Result
	for _, text := range []string{
		e.State, e.Err, e.Event.Step, e.Event.Message, r.Error.Step, r.Error.Message, r.Error.Remedy, r.Undone[0], r.Left[0], r.VM.Notes,
	} {
		if text != "***" {
			t.Errorf("got %q", text)
		}
	}
}

func TestWhatIsTooLargeIsCutAndSaysSo(t *testing.T) {
	t.Parallel()
	b := notify.New(notify.Options{})
	s := b.Subscribe(notify.Filter{})
	large := strings.Repeat("ü", 1<<20)
	b.Publish(said("a", 1, large))
	e := said("a", 2, "x")
	e.Event.Result = &job.Result{VM: &job.VM{ID: "guid", Name: "web", Disks: []string{large}}, Left: make([]string, 1000)}
	b.Publish(e)
	got := waiting(t, s)
	if text := got[0].Event.Message; len(text) > 65<<10 || !utf8.ValidString(text) || !strings.HasSuffix(text, "bytes are left out)") {
		t.Errorf("a text of %d bytes: %.20q", len(text), text[len(text)-40:])
	}
	r := got[1].Event.Result
	if r.VM.ID != "guid" || r.VM.Name != "web" || r.VM.Disks != nil {
		t.Errorf("the machine has %d disks", len(r.VM.Disks))
	}
	if len(r.Left) != 101 || r.Left[100] != "… and 900 more" {
		t.Errorf("%d are left", len(r.Left))
	}
}

func TestBusesAreToldApart(t *testing.T) {
	t.Parallel()
	one, two := notify.New(notify.Options{}).ID(), notify.New(notify.Options{}).ID()
	if one == two || len(one) != 16 {
		t.Errorf("got %q and %q", one, two)
	}
}
