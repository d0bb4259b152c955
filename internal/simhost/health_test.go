// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"time"
)

func (w *wire) identify(ctx context.Context) error {
	got, err := w.post(ctx, `<s:Envelope xmlns:s="`+nsSOAP+`"><s:Header/><s:Body><i:Identify xmlns:i="`+nsIdentity+`"/></s:Body></s:Envelope>`)
	if err == nil && got.status != http.StatusOK {
		err = fmt.Errorf("status %d", got.status)
	}
	return err
}

func setHealth(t *testing.T, s *Server, h Health) {
	t.Helper()
	if err := s.SetHealth(h); err != nil {
		t.Fatal(err)
	}
}

func TestARefusingHostDoesNotListen(t *testing.T) {
	t.Parallel()
	s := start(t, basicAuth(Options{Health: Refusing}))
	w := dial(t, s)
	refused := func() {
		t.Helper()
		before := s.Counters().Connections
		if err := w.identify(t.Context()); err == nil || s.Counters().Connections != before {
			t.Errorf("got %v, with %d connections", err, s.Counters().Connections-before)
		}
	}
	refused()
	setHealth(t, s, Healthy)
	if err := w.identify(t.Context()); err != nil {
		t.Errorf("got %v", err)
	}
	setHealth(t, s, Refusing)
	if n := s.Counters().OpenConnections; n > 0 {
		t.Errorf("%d connections are open", n)
	}
	refused()
	setHealth(t, s, Healthy)
	if err := w.identify(t.Context()); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestASilentHostDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		plain bool
		end   func(*testing.T, *Server)
		fails bool
	}{
		{"until it is healthy again", true, func(t *testing.T, s *Server) { setHealth(t, s, Healthy) }, false},
		{"until it is healthy again, over TLS", false, func(t *testing.T, s *Server) { setHealth(t, s, Healthy) }, false},
		{"until it refuses", true, func(t *testing.T, s *Server) { setHealth(t, s, Refusing) }, true},
		{"until it is closed", true, func(t *testing.T, s *Server) {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			opts := basicAuth(Options{Health: Silent})
			opts.PlainHTTP = c.plain
			s := start(t, opts)
			w := dial(t, s)
			answered := make(chan error, 1)
			go func() { answered <- w.identify(t.Context()) }()
			for s.Counters().BytesIn == 0 {
				runtime.Gosched()
			}
			select {
			case err := <-answered:
				t.Errorf("got an answer: %v", err)
			default:
			}
			if n := s.Counters().POSTs; n > 0 {
				t.Errorf("%d requests served", n)
			}
			c.end(t, s)
			if err := <-answered; (err != nil) != c.fails {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestASilentHostWithAnOpenConnectionCanBeClosed(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Auth: Auth{AllowBasic: true}})
	if err := dial(t, s).identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	setHealth(t, s, Silent)
	if err := s.Close(); err != nil { // TLS close_notify must not block
		t.Error(err)
	}
}

func TestASlowHostTakesLonger(t *testing.T) {
	t.Parallel()
	s := start(t, basicAuth(Options{Health: Slow, Latency: time.Second, SlowBy: 3 * time.Second}))
	if got := s.delay(); got != 4*time.Second {
		t.Errorf("delay of a slow host: %v", got)
	}
	setHealth(t, s, Healthy)
	if got := s.delay(); got != time.Second {
		t.Errorf("delay of a healthy host: %v", got)
	}
	if got := start(t, basicAuth(Options{Health: Slow})).delay(); got != 2*time.Second {
		t.Errorf("default delay of a slow host: %v", got)
	}
}

func TestAFlappingHostCutsConnections(t *testing.T) {
	t.Parallel()
	s := start(t, basicAuth(Options{Health: Flapping, CutOneIn: 1}))
	w := dial(t, s)
	for range 20 {
		if err := w.identify(t.Context()); err == nil {
			t.Fatal("a request was answered")
		}
	}
	setHealth(t, s, Healthy)
	if err := w.identify(t.Context()); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestCutsAreReproducibleByTheSeed(t *testing.T) {
	t.Parallel()
	draw := func(opts Options) (faults []Fault) {
		if err := opts.withDefaults(); err != nil {
			t.Fatal(err)
		}
		c := newHealthState(opts)
		for range 1000 {
			faults = append(faults, c.cut())
		}
		return faults
	}
	one := draw(Options{Health: Flapping, Seed: 1})
	if !slices.Equal(one, draw(Options{Health: Flapping, Seed: 1})) {
		t.Error("the same seed results in other cuts")
	}
	if slices.Equal(one, draw(Options{Health: Flapping, Seed: 2})) {
		t.Error("another seed results in the same cuts")
	}
	count := map[Fault]int{}
	for _, f := range one {
		count[f]++
	}
	if len(count) != 5 || count[FaultNone] < 800 || count[FaultNone] > 950 {
		t.Errorf("faults of 1,000 requests: %v", count)
	}
	if slices.ContainsFunc(draw(Options{Health: Slow}), func(f Fault) bool { return f != FaultNone }) {
		t.Error("a healthy host cuts connections")
	}
}

func TestHealthNamesCanBeParsed(t *testing.T) {
	t.Parallel()
	for _, h := range []Health{Healthy, Slow, Refusing, Silent, Flapping} {
		if got, err := ParseHealth(h.String()); err != nil || got != h || h.String() == "" {
			t.Errorf("%v parsed as %v, %v", h, got, err)
		}
	}
	if _, err := ParseHealth("dead"); err == nil {
		t.Error("dead was accepted")
	}
}
