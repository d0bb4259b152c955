// SPDX-License-Identifier: MPL-2.0

package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/eventbus"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/webhook"
)

func TestEventsArriveSignedAndInOrder(t *testing.T) {
	t.Parallel()
	r := receive(t, ok)
	bus := eventbus.New(eventbus.Options{})
	s := start(t, bus, r.options())
	want := []notify.Event{
		bus.Publish(host("connected")),
		bus.Publish(notify.Event{Kind: notify.KindJobEvent, Host: "hv01", Job: "a", Event: &job.Event{
			Job: "a", Seq: 1, Time: time.Unix(1, 0).UTC(), Kind: job.KindResult, Message: "done", Result: &job.Result{Outcome: job.Succeeded},
		}}),
		bus.Publish(notify.Event{Kind: notify.KindJobState, Host: "hv01", Job: "a", State: "succeeded", Last: true}),
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, _ := r.messages()
	if len(got) != len(want) {
		t.Fatalf("got %d messages", len(got))
	}
	for i, m := range got {
		if !reflect.DeepEqual(m.Event, want[i]) || m.ID != want[i].Bus+"-"+strconv.Itoa(i+1) || m.Lost != 0 {
			t.Errorf("message %d: %+v", i, m)
		}
	}
	if stats := s.Stats(); stats != (webhook.Stats{Delivered: 3}) {
		t.Errorf("stats: %+v", stats)
	}
}

func TestTransientFailuresAreRetried(t *testing.T) {
	t.Parallel()
	hangUp := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for _, tt := range []struct {
		name     string
		answers  []http.HandlerFunc
		retries  int
		attempts int
		stats    webhook.Stats
	}{
		{"server errors", []http.HandlerFunc{code(500), code(503), ok}, 0, 4, webhook.Stats{Delivered: 2}},
		{"rate limits", []http.HandlerFunc{code(429), code(425), code(408), ok}, 0, 5, webhook.Stats{Delivered: 2}},
		{"a closed connection", []http.HandlerFunc{hangUp, ok}, 0, 3, webhook.Stats{Delivered: 2}},
		{"more errors than retries", []http.HandlerFunc{code(500), code(500), code(500), ok}, 2, 4, webhook.Stats{Delivered: 1, Lost: 1}},
		{"no retries", []http.HandlerFunc{code(500), ok}, -1, 2, webhook.Stats{Delivered: 1, Lost: 1}},
		{"a rejected event", []http.HandlerFunc{code(400), ok}, 0, 2, webhook.Stats{Delivered: 1, Lost: 1}},
		{"status 501", []http.HandlerFunc{code(501), ok}, 0, 2, webhook.Stats{Delivered: 1, Lost: 1}},
		{"status 410", []http.HandlerFunc{code(410)}, 0, 2, webhook.Stats{Lost: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := receive(t, tt.answers...)
			r.Config.ErrorLog = nil
			bus := eventbus.New(eventbus.Options{})
			opts := r.options()
			opts.Retries = tt.retries
			s := start(t, bus, opts)
			bus.Publish(host("connected"))
			bus.Publish(host("disconnected"))
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, accepted := r.messages()
			if len(got) != tt.attempts || s.Stats() != tt.stats {
				t.Errorf("%d attempts, %+v", len(got), s.Stats())
			}
			lost := int64(0)
			for _, m := range accepted {
				lost += m.Lost
			}
			if int64(len(accepted)) != tt.stats.Delivered || len(accepted) > 0 && lost != tt.stats.Lost {
				t.Errorf("%d events were accepted, which report %d lost ones", len(accepted), lost)
			}
			if tt.stats.Lost == 0 && got[0].ID != got[1].ID {
				t.Errorf("the retry has ID %s, not %s", got[1].ID, got[0].ID)
			}
		})
	}
}

func TestEachAttemptHasANewSignature(t *testing.T) {
	t.Parallel()
	r := receive(t, code(500), ok)
	bus := eventbus.New(eventbus.Options{})
	opts := r.options()
	now := time.Now()
	opts.Now = func() time.Time {
		now = now.Add(time.Minute)
		return now
	}
	s := start(t, bus, opts)
	bus.Publish(host("connected"))
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.times) != 2 || r.times[0] == r.times[1] {
		t.Errorf("the timestamps are %v", r.times)
	}
}

// The receiver asks for a long wait, which Close interrupts.
func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3000")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	bus := eventbus.New(eventbus.Options{})
	s := start(t, bus, r.options())
	bus.Publish(host("connected"))
	bus.Publish(host("disconnected"))
	<-r.received
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Close(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "2 events were not sent") {
		t.Errorf("got %v", err)
	}
	if got, _ := r.messages(); len(got) != 1 || s.Stats().Lost != 1 {
		t.Errorf("%d requests; %+v", len(got), s.Stats())
	}
}

func TestASlowReceiverIsSentAGap(t *testing.T) {
	t.Parallel()
	started, block := make(chan struct{}), make(chan struct{})
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		close(started)
		<-block
		w.WriteHeader(http.StatusOK)
	}, ok)
	bus := eventbus.New(eventbus.Options{})
	opts := r.options()
	opts.Filter = notify.Filter{Buffer: 2}
	s := start(t, bus, opts)
	bus.Publish(host("connected"))
	<-started
	for range 10 { // the blocked request does not block the bus
		bus.Publish(host("disconnected"))
	}
	close(block)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, _ := r.messages()
	if want := []int64{1, 9, 10, 11}; !reflect.DeepEqual(seqs(got), want) {
		t.Fatalf("got %v, want %v", seqs(got), want)
	}
	if gap := got[1]; gap.Kind != notify.KindGap || gap.Missed != 8 || gap.ID != gap.Bus+"-9-gap" || s.Stats().Missed != 8 {
		t.Errorf("got %+v; %+v", gap, s.Stats())
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := receive(t, ok)
	r := receive(t, func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	var log bytes.Buffer
	bus := eventbus.New(eventbus.Options{})
	opts := r.options()
	opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s := start(t, bus, opts)
	bus.Publish(host("connected"))
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := elsewhere.messages(); len(got) != 0 {
		t.Errorf("the redirect target received %v", got)
	}
	if !strings.Contains(log.String(), "redirects are not followed") {
		t.Errorf("the log is %s", log.String())
	}
}

func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	bus := eventbus.New(eventbus.Options{})
	r := receive(t, ok)
	opts := r.options()
	opts.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	opts.Client = nil // the default client does not trust the certificate
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	s := start(t, bus, opts)
	bus.Publish(host("connected"))
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{secret, "t0ken", "/hook"} {
		if strings.Contains(log.String(), text) {
			t.Errorf("%q is in %s", text, log.String())
		}
	}
	if !strings.Contains(log.String(), "certificate") || s.Stats().Lost != 1 {
		t.Errorf("%+v: %s", s.Stats(), log.String())
	}
}

func TestStartRefusesInvalidOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, url, secret, want string }{
		{"no URL", "", secret, "use the form https://host/path"},
		{"no host", "https:///x", secret, "use the form https://host/path"},
		{"an invalid URL", "https://h/%zz-t0ken", secret, "use the form https://host/path"},
		{"http", "http://h/t0ken", secret, "use https://"},
		{"another scheme", "ftp://h/t0ken", secret, "neither https nor http"},
		{"a user name", "https://me:t0ken@h/", secret, "remove it"},
		{"no secret", "https://h/", "", "use 24 or more"},
		{"a short secret", "https://h/", "t0ken", "use 24 or more"},
		{"a short secret in base64", "https://h/", "whsec_dDBrZW4=", "use 24 or more"},
		{"invalid base64", "https://h/", "whsec_t0ken!", "copy it again"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := webhook.Start(eventbus.New(eventbus.Options{}), webhook.Options{URL: tt.url, Secret: tt.secret})
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "t0ken") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestASenderEndsWithItsSource(t *testing.T) {
	t.Parallel()
	r := receive(t, ok)
	bus := eventbus.New(eventbus.Options{})
	s := start(t, bus, r.options())
	bus.Publish(host("connected"))
	bus.Close()
	<-r.received
	if err := s.Close(t.Context()); err != nil || s.Stats().Delivered != 1 {
		t.Errorf("got %v, %+v", err, s.Stats())
	}
}
