// SPDX-License-Identifier: MPL-2.0

package eventbus_test

import (
	"context"
	"errors"
	"io"
	"strconv"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/eventbus"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// jobEvent returns an event that a job reports.
func jobEvent(id string, n int, text string) notify.Event {
	return notify.Event{Kind: notify.KindJobEvent, Host: "hv01", Job: id, Event: &job.Event{
		Job: id, Seq: int64(n), Kind: job.KindLog, Message: text,
	}}
}

func state(id, to string) notify.Event {
	return notify.Event{Kind: notify.KindJobState, Host: "hv01", Job: id, State: to, Last: to == "succeeded"}
}

func publish(b *eventbus.Bus, id string, n int) {
	for i := range n {
		b.Publish(jobEvent(id, i+1, "line "+strconv.Itoa(i+1)))
	}
}

// untilEOF returns all events to the end of the subscription.
func untilEOF(t *testing.T, s notify.Subscription) []notify.Event {
	t.Helper()
	var events []notify.Event
	for e, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if _, err := s.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
	return events
}

// seqs formats events as their sequence numbers, and gaps as gap(missed)number.
func seqs(events []notify.Event) string {
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

func wantSeqs(t *testing.T, what string, got []notify.Event, want string) {
	t.Helper()
	if s := seqs(got); s != want {
		t.Errorf("%s: got %s, want %s", what, s, want)
	}
}

// cancelled returns a cancelled context.
func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
