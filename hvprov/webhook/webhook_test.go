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

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/webhook"
)

func TestEventsArriveInOrderSignedAndWhole(t *testing.T) {
	t.Parallel()
	r := receive(t, ok)
	bus := notify.New(notify.Options{})
	s := start(t, bus, r.options())
	want := []notify.Event{
		bus.Publish(host("there")),
		bus.Publish(notify.Event{Kind: notify.KindJobEvent, Host: "hv01", Job: "a", Event: &job.Event{
			Job: "a", Seq: 1, Time: time.Unix(1, 0).UTC(), Kind: job.KindResult, Message: "done", Result: &job.Result{Outcome: job.Succeeded},
		}}),
		bus.Publish(notify.Event{Kind: notify.KindJobState, Host: "hv01", Job: "a", State: "ended"}),
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, _ := r.messages()
	if len(got) != len(want) {
		t.Fatalf("got %d messages", len(got))
	}
	for i, m := range got {
		if !reflect.DeepEqual(m.Event, want[i]) || m.Bus != bus.ID() || m.ID != bus.ID()+"-"+strconv.Itoa(i+1) || m.Lost != 0 {
			t.Errorf("at %d: %+v", i, m)
		}
	}
	if stats := s.Stats(); stats != (webhook.Stats{Delivered: 3}) {
		t.Errorf("stats: %+v", stats)
	}
}

func TestAnEventIsTriedAgainWhereThatHelps(t *testing.T) {
	t.Parallel()
	hangUp := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for _, tt := range []struct {
		name    string
		answers []http.HandlerFunc
		retries int
		tries   int
		stats   webhook.Stats
	}{
		{"a server in trouble", []http.HandlerFunc{code(500), code(503), ok}, 0, 4, webhook.Stats{Delivered: 2}},
		{"a server that wants less", []http.HandlerFunc{code(429), code(425), code(408), ok}, 0, 5, webhook.Stats{Delivered: 2}},
		{"one that hangs up", []http.HandlerFunc{hangUp, ok}, 0, 3, webhook.Stats{Delivered: 2}},
		{"one in trouble for too long", []http.HandlerFunc{code(500), code(500), code(500), ok}, 2, 4, webhook.Stats{Delivered: 1, Lost: 1}},
		{"one that is tried only once", []http.HandlerFunc{code(500), ok}, -1, 2, webhook.Stats{Delivered: 1, Lost: 1}},
		{"one that refuses", []http.HandlerFunc{code(400), ok}, 0, 2, webhook.Stats{Delivered: 1, Lost: 1}},
		{"one that cannot do it", []http.HandlerFunc{code(501), ok}, 0, 2, webhook.Stats{Delivered: 1, Lost: 1}},
		{"one that is gone", []http.HandlerFunc{code(410)}, 0, 2, webhook.Stats{Lost: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := receive(t, tt.answers...)
			r.Config.ErrorLog = nil
			bus := notify.New(notify.Options{})
			opts := r.options()
			opts.Retries = tt.retries
			s := start(t, bus, opts)
			bus.Publish(host("there"))
			bus.Publish(host("away"))
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, accepted := r.messages()
			if len(got) != tt.tries || s.Stats() != tt.stats {
				t.Errorf("%d tries, %+v", len(got), s.Stats())
			}
			lost := int64(0)
			for _, m := range accepted {
				lost += m.Lost
			}
			if int64(len(accepted)) != tt.stats.Delivered || len(accepted) > 0 && lost != tt.stats.Lost {
				t.Errorf("accepted were %d, which say that %d are lost", len(accepted), lost)
			}
			if tt.stats.Lost == 0 && got[0].ID != got[1].ID {
				t.Errorf("tried again, it is %s and not %s", got[1].ID, got[0].ID)
			}
		})
	}
}

func TestATryIsSignedAnew(t *testing.T) {
	t.Parallel()
	r := receive(t, code(500), ok)
	bus := notify.New(notify.Options{})
	opts := r.options()
	now := time.Now()
	opts.Now = func() time.Time {
		now = now.Add(time.Minute)
		return now
	}
	s := start(t, bus, opts)
	bus.Publish(host("there"))
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.times) != 2 || r.times[0] == r.times[1] {
		t.Errorf("the times are %v", r.times)
	}
}

// TestAReceiverThatAsksToWaitIsLeftAlone has it ask for a longer time than the test has: nothing comes, and Close ends the wait.
func TestAReceiverThatAsksToWaitIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3000")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	bus := notify.New(notify.Options{})
	s := start(t, bus, r.options())
	bus.Publish(host("there"))
	bus.Publish(host("away"))
	<-r.came
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Close(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "2 events were not sent") {
		t.Errorf("got %v", err)
	}
	if got, _ := r.messages(); len(got) != 1 || s.Stats().Lost != 1 {
		t.Errorf("it was asked %d times; %+v", len(got), s.Stats())
	}
}

func TestAReceiverThatIsTooSlowIsToldWhatItMissed(t *testing.T) {
	t.Parallel()
	begun, block := make(chan struct{}), make(chan struct{})
	r := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-block
		w.WriteHeader(http.StatusOK)
	}, ok)
	bus := notify.New(notify.Options{})
	opts := r.options()
	opts.Filter = notify.Filter{Buffer: 2}
	s := start(t, bus, opts)
	bus.Publish(host("there"))
	<-begun
	for range 10 { // which the one that hangs does not stall
		bus.Publish(host("away"))
	}
	close(block)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, _ := r.messages()
	if want := []int64{1, 9, 10, 11}; !reflect.DeepEqual(seqs(got), want) {
		t.Fatalf("got %v, want %v", seqs(got), want)
	}
	if gap := got[1]; gap.Kind != notify.KindGap || gap.Missed != 8 || gap.ID != bus.ID()+"-9-gap" || s.Stats().Missed != 8 {
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
	bus := notify.New(notify.Options{})
	opts := r.options()
	opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	s := start(t, bus, opts)
	bus.Publish(host("there"))
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := elsewhere.messages(); len(got) != 0 {
		t.Errorf("elsewhere came %v", got)
	}
	if !strings.Contains(log.String(), "redirects are not followed") {
		t.Errorf("the log has %s", log.String())
	}
}

func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	bus := notify.New(notify.Options{})
	r := receive(t, ok)
	opts := r.options()
	opts.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	opts.Client = nil // which does not trust the certificate
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	s := start(t, bus, opts)
	bus.Publish(host("there"))
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

func TestStartRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, url, secret, says string }{
		{"no URL", "", secret, "write it as https://host/path"},
		{"no host", "https:///x", secret, "write it as https://host/path"},
		{"broken", "https://h/%zz-t0ken", secret, "write it as https://host/path"},
		{"http", "http://h/t0ken", secret, "write https://"},
		{"another scheme", "ftp://h/t0ken", secret, "neither https nor http"},
		{"a user", "https://me:t0ken@h/", secret, "leave it out"},
		{"no secret", "https://h/", "", "use 24 or more"},
		{"a short secret", "https://h/", "t0ken", "use 24 or more"},
		{"a short secret in base64", "https://h/", "whsec_dDBrZW4=", "use 24 or more"},
		{"no base64", "https://h/", "whsec_t0ken!", "copy it again"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := webhook.Start(notify.New(notify.Options{}), webhook.Options{URL: tt.url, Secret: tt.secret})
			if err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "t0ken") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestASenderEndsWithItsBus(t *testing.T) {
	t.Parallel()
	r := receive(t, ok)
	bus := notify.New(notify.Options{})
	s := start(t, bus, r.options())
	bus.Publish(host("there"))
	bus.Close()
	<-r.came
	if err := s.Close(t.Context()); err != nil || s.Stats().Delivered != 1 {
		t.Errorf("got %v, %+v", err, s.Stats())
	}
}
