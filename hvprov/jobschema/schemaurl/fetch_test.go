// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobschema"
)

func truncated(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, labSchema)
}

func retryAfter(code int, wait string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", wait)
		w.WriteHeader(code)
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	good := responds(http.StatusOK, labSchema)
	for name, test := range map[string]struct {
		handle   http.HandlerFunc
		retries  int
		requests int64
		code     int // of the error; 0: there is none
	}{
		"a valid response is requested once":           {handle: good, requests: 1},
		"a 500 is retried":                             {handle: inTurn(responds(500, ""), good), requests: 2},
		"a 501 is not retried":                         {handle: responds(501, ""), requests: 1, code: 501},
		"a 408 is retried":                             {handle: inTurn(responds(408, ""), good), requests: 2},
		"a 429 is retried":                             {handle: inTurn(retryAfter(429, "0"), good), requests: 2},
		"a broken connection is retried":               {handle: inTurn(aborts, aborts, good), requests: 3},
		"a truncated body is retried":                  {handle: inTurn(truncated, good), requests: 2},
		"three retries by default":                     {handle: responds(503, ""), requests: 4, code: 503},
		"the number of retries that is set":            {handle: responds(502, ""), retries: 1, requests: 2, code: 502},
		"no retries":                                   {handle: responds(502, ""), retries: -1, requests: 1, code: 502},
		"a 400 is not retried":                         {handle: responds(400, ""), requests: 1, code: 400},
		"a 401 is not retried":                         {handle: responds(401, ""), requests: 1, code: 401},
		"a 404 is not retried":                         {handle: responds(404, labSchema), requests: 1, code: 404},
		"a 204 is an error":                            {handle: responds(204, ""), requests: 1, code: 204},
		"a 304 without a condition is an error":        {handle: responds(304, ""), requests: 1, code: 304},
		"no retry if its delay exceeds the time limit": {handle: retryAfter(429, "3600"), requests: 1, code: 429},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, test.handle)
			s := h.source()
			s.Retries = test.retries
			result, err := s.Load(t.Context())
			h.wantRequests(t, test.requests)
			if test.code == 0 {
				if err != nil {
					t.Fatal(err)
				}
				wantFresh(t, result, 1)
				return
			}
			var status *StatusError
			if !errors.As(err, &status) || status.Code != test.code || status.URL != s.URL {
				t.Errorf("got %v, want status %d of %s", err, test.code, s.URL)
			}
		})
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	zipped := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, strings.Repeat("#", maxSize+1))
		_ = z.Close()
	}
	good := responds(http.StatusOK, labSchema)
	var fault *jobschema.LoadError
	for name, test := range map[string]struct {
		handle http.HandlerFunc
		change func(*Source)
		is     error
		as     any
	}{
		"the maximum size":                  {handle: good, change: func(s *Source) { s.MaxSize = int64(len(labSchema)) }},
		"a byte too large":                  {handle: good, change: func(s *Source) { s.MaxSize = int64(len(labSchema)) - 1 }, is: errTooLarge},
		"more than a schema can have":       {handle: zipped, change: func(s *Source) { s.MaxSize = 1 << 40 }, is: errTooLarge},
		"the content of SHA256":             {handle: good, change: func(s *Source) { s.SHA256 = strings.ToUpper(digest([]byte(labSchema))) }},
		"content other than that of SHA256": {handle: good, change: func(s *Source) { s.SHA256 = digest(nil) }, is: errDigest},
		"an invalid schema":                 {handle: responds(http.StatusOK, noSchema), as: &fault},
		"nothing":                           {handle: responds(http.StatusOK, ""), as: &fault},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, test.handle)
			s := h.source()
			if test.change != nil {
				test.change(s)
			}
			_, err := s.Load(t.Context())
			h.wantRequests(t, 1)
			if test.is == nil && test.as == nil && err != nil {
				t.Error(err)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("got %v, want %v", err, test.is)
			}
			if test.as != nil {
				var fault *jobschema.LoadError
				if !errors.As(err, &fault) || fault.File != s.URL {
					t.Errorf("got %v, want a LoadError of %s", err, s.URL)
				}
			}
		})
	}
}

func TestTheTimeLimit(t *testing.T) {
	t.Parallel()
	t.Run("is for all attempts", func(t *testing.T) {
		t.Parallel()
		s := newHost(t, inTurn(responds(500, ""), neverResponds)).source()
		s.Timeout = 100 * time.Millisecond
		_, err := s.Load(t.Context())
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "100ms") {
			t.Errorf("got %v, want the time limit", err)
		}
	})
	t.Run("ends when the caller cancels", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		h := newHost(t, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		})
		if _, err := h.source().Load(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		h.wantRequests(t, 1)
	})
}

func TestARefusedConnection(t *testing.T) {
	t.Parallel()
	h := newHost(t, responds(http.StatusOK, labSchema))
	h.Close()
	_, err := h.source().Load(t.Context())
	var network *net.OpError
	if !errors.As(err, &network) || !strings.Contains(err.Error(), "attempts: 4") {
		t.Errorf("got %v, want a network error after 4 attempts", err)
	}
}

func TestAnUntrustedCertificate(t *testing.T) {
	t.Parallel()
	h := newHost(t, responds(http.StatusOK, labSchema))
	s := h.source()
	s.Client = nil
	_, err := s.Load(t.Context())
	var authority x509.UnknownAuthorityError
	if !errors.As(err, &authority) || !strings.Contains(err.Error(), "attempts: 1") {
		t.Errorf("got %v, want an unknown authority, and no retry", err)
	}
	h.wantRequests(t, 0)
}

func TestTheClientOfTheCallerIsNotChanged(t *testing.T) {
	t.Parallel()
	h := newHost(t, responds(http.StatusOK, labSchema))
	s := h.source()
	var sent atomic.Int64
	transport := s.Client.Transport
	s.Client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		sent.Add(1)
		return transport.RoundTrip(r)
	})
	wantFresh(t, mustLoad(t, s), 1)
	if sent.Load() != 1 || s.Client.CheckRedirect != nil {
		t.Error("the client was changed, or not used")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
