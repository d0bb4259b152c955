// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

const (
	labSchema  = "id: lab\nversion: 1\nfields:\n  - {id: name, type: string}\n"
	nextSchema = "id: lab\nversion: 2\nfields:\n  - {id: name, type: string}\n"
	noSchema   = "id: lab\nversion: none\n"
)

// host serves over TLS and counts requests.
type host struct {
	*httptest.Server
	requests atomic.Int64
}

func newHost(t *testing.T, handle http.HandlerFunc) *host {
	t.Helper()
	h := &host{}
	h.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.requests.Add(1)
		handle(w, r)
	}))
	h.Config.ErrorLog = log.New(io.Discard, "", 0)
	h.StartTLS()
	t.Cleanup(h.Close)
	return h
}

// source returns a Source for lab.yaml of the host with almost no delay between attempts.
func (h *host) source() *Source {
	return &Source{URL: h.URL + "/lab.yaml", Client: h.Client(), waitMin: time.Nanosecond}
}

func (h *host) wantRequests(t *testing.T, want int64) {
	t.Helper()
	if got := h.requests.Load(); got != want {
		t.Errorf("the server received %d requests, want %d", got, want)
	}
}

func responds(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// inTurn calls one handler after the other, and the last one for all further requests.
func inTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		handlers[min(int(n.Add(1)), len(handlers))-1](w, r)
	}
}

func aborts(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func neverResponds(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func mustLoad(t *testing.T, s *Source) *Result {
	t.Helper()
	result, err := s.Load(t.Context())
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return result
}

// wantFresh checks that a schema has a version, is not stale, and was cached.
func wantFresh(t *testing.T, r *Result, version int) {
	t.Helper()
	if r.Schema.Version != version || r.Stale != nil || r.NotCached != nil {
		t.Errorf("got version %d, stale: %v, not cached: %v; want version %d, fresh", r.Schema.Version, r.Stale, r.NotCached, version)
	}
}

func cacheFile(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "lab.yaml")
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
