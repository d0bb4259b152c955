// SPDX-License-Identifier: MPL-2.0

package notify_test

import (
	"context"
	"errors"
	"io"
	"strconv"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// said is an event of a job.
func said(id string, n int, text string) notify.Event {
	return notify.Event{Kind: notify.KindJobEvent, Host: "hv01", Job: id, Event: &job.Event{
		Job: id, Seq: int64(n), Kind: job.KindLog, Message: text,
	}}
}

func state(id, to string) notify.Event {
	return notify.Event{Kind: notify.KindJobState, Host: "hv01", Job: id, State: to}
}

func publish(b *notify.Bus, id string, n int) {
	for i := range n {
		b.Publish(said(id, i+1, "line "+strconv.Itoa(i+1)))
	}
}

// waiting gives what a subscription has now, without waiting.
func waiting(t *testing.T, s *notify.Subscription) []notify.Event {
	t.Helper()
	var events []notify.Event
	for range s.Waiting() {
		e, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// rest gives everything up to the end.
func rest(t *testing.T, s *notify.Subscription) []notify.Event {
	t.Helper()
	var events []notify.Event
	for e, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %v", err)
	}
	return events
}

// short writes events as their numbers, and gaps as gap(missed)number.
func short(events []notify.Event) string {
	text := ""
	for i, e := range events {
		if i > 0 {
			text += " "
		}
		if e.Kind == notify.KindGap {
			text += "gap(" + strconv.FormatInt(e.Missed, 10) + ")"
		}
		text += strconv.FormatInt(e.Seq, 10)
	}
	return text
}

func wantShort(t *testing.T, what string, got []notify.Event, want string) {
	t.Helper()
	if s := short(got); s != want {
		t.Errorf("%s: got %s, want %s", what, s, want)
	}
}

// ended is a context that has ended, to see that nothing waits.
func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
