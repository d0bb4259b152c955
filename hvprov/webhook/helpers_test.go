// SPDX-License-Identifier: MPL-2.0

package webhook_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/eventbus"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/webhook"
)

const secret = "a secret of 24 bytes or more"

// receiver verifies requests and handles each with the next handler; the last one handles all others.
type receiver struct {
	*httptest.Server
	t        *testing.T
	handlers []http.HandlerFunc

	mu       sync.Mutex
	got      []webhook.Message
	accepted []webhook.Message
	times    []string
	received chan struct{}
}

func receive(t *testing.T, handlers ...http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{t: t, handlers: handlers, received: make(chan struct{}, 1000)}
	r.Server = httptest.NewTLSServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.t.Error(err)
	}
	id, err := webhook.Verify(secret, req.Header, body, time.Now())
	if err != nil {
		r.t.Error(err)
	}
	var m webhook.Message
	if err := json.Unmarshal(body, &m); err != nil || m.ID != id {
		r.t.Errorf("%s is %s: %v", id, body, err)
	}
	if req.Method != http.MethodPost || req.Header.Get("Content-Type") != "application/json" {
		r.t.Errorf("%s with %s", req.Method, req.Header.Get("Content-Type"))
	}
	r.mu.Lock()
	handle := r.handlers[min(len(r.got), len(r.handlers)-1)]
	r.got = append(r.got, m)
	r.times = append(r.times, req.Header.Get("Webhook-Timestamp"))
	r.mu.Unlock()
	recorder := &statusRecorder{ResponseWriter: w, code: http.StatusOK}
	handle(recorder, req)
	r.mu.Lock()
	if recorder.code < 300 {
		r.accepted = append(r.accepted, m)
	}
	r.mu.Unlock()
	r.received <- struct{}{}
}

type statusRecorder struct {
	http.ResponseWriter
	code int
}

func (s *statusRecorder) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

func (r *receiver) messages() (got, accepted []webhook.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got, r.accepted
}

func (r *receiver) options() webhook.Options {
	return webhook.Options{URL: r.URL + "/hook?token=t0ken", Secret: secret, Client: r.Client(), FirstWait: time.Millisecond, LongestWait: 2 * time.Millisecond}
}

func code(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(n) }
}

var ok = code(http.StatusNoContent)

func start(t *testing.T, bus *eventbus.Bus, opts webhook.Options) *webhook.Sender {
	t.Helper()
	s, err := webhook.Start(bus, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Close(ctx)
	})
	return s
}

func host(state string) notify.Event {
	return notify.Event{Kind: notify.KindHostState, Host: "hv01", State: state}
}

func seqs(messages []webhook.Message) []int64 {
	all := make([]int64, len(messages))
	for i, m := range messages {
		all[i] = m.Seq
	}
	return all
}
