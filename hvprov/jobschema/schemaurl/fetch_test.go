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

func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, labSchema)
}

func busyFor(code int, wait string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", wait)
		w.WriteHeader(code)
	}
}

func TestTries(t *testing.T) {
	t.Parallel()
	good := answers(http.StatusOK, labSchema)
	for name, test := range map[string]struct {
		handle  http.HandlerFunc
		retries int
		asked   int64
		code    int // of the error; 0: there is none
	}{
		"a good answer is asked for once":        {handle: good, asked: 1},
		"a 500 is tried again":                   {handle: inTurn(answers(500, ""), good), asked: 2},
		"a 501 is tried again":                   {handle: inTurn(answers(501, ""), good), asked: 2},
		"a 408 is tried again":                   {handle: inTurn(answers(408, ""), good), asked: 2},
		"a 429 is tried again":                   {handle: inTurn(busyFor(429, "0"), good), asked: 2},
		"a broken connection is tried again":     {handle: inTurn(hangsUp, hangsUp, good), asked: 3},
		"a body that is cut off is tried again":  {handle: inTurn(cutOff, good), asked: 2},
		"three retries, if nothing else is said": {handle: answers(503, ""), asked: 4, code: 503},
		"as many retries as are asked for":       {handle: answers(502, ""), retries: 1, asked: 2, code: 502},
		"no retries":                             {handle: answers(502, ""), retries: -1, asked: 1, code: 502},
		"a 400 is not tried again":               {handle: answers(400, ""), asked: 1, code: 400},
		"a 401 is not tried again":               {handle: answers(401, ""), asked: 1, code: 401},
		"a 404 is not tried again":               {handle: answers(404, labSchema), asked: 1, code: 404},
		"a 204 is no schema":                     {handle: answers(204, ""), asked: 1, code: 204},
		"a 304 that was not asked for":           {handle: answers(304, ""), asked: 1, code: 304},
		"a wait longer than the time limit":      {handle: busyFor(429, "3600"), asked: 1, code: 429},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, test.handle)
			s := h.source()
			s.Retries = test.retries
			result, err := s.Load(t.Context())
			h.wantAsked(t, test.asked)
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
		_, _ = io.WriteString(z, strings.Repeat("#", jobschema.MaxSize+1))
		_ = z.Close()
	}
	good := answers(http.StatusOK, labSchema)
	var fault *jobschema.LoadError
	for name, test := range map[string]struct {
		handle http.HandlerFunc
		change func(*Source)
		is     error
		as     any
	}{
		"as large as is allowed":      {handle: good, change: func(s *Source) { s.MaxSize = int64(len(labSchema)) }},
		"a byte too large":            {handle: good, change: func(s *Source) { s.MaxSize = int64(len(labSchema)) - 1 }, is: ErrTooLarge},
		"more than jobschema reads":   {handle: zipped, change: func(s *Source) { s.MaxSize = 1 << 40 }, is: ErrTooLarge},
		"what SHA256 names":           {handle: good, change: func(s *Source) { s.SHA256 = strings.ToUpper(digest([]byte(labSchema))) }},
		"not what SHA256 names":       {handle: good, change: func(s *Source) { s.SHA256 = digest(nil) }, is: ErrDigest},
		"what does not hold together": {handle: answers(http.StatusOK, noSchema), as: &fault},
		"nothing":                     {handle: answers(http.StatusOK, ""), as: &fault},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, test.handle)
			s := h.source()
			if test.change != nil {
				test.change(s)
			}
			_, err := s.Load(t.Context())
			h.wantAsked(t, 1)
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

func TestTimeIsLimited(t *testing.T) {
	t.Parallel()
	t.Run("over all tries", func(t *testing.T) {
		t.Parallel()
		s := newHost(t, inTurn(answers(500, ""), neverAnswers)).source()
		s.Timeout = 100 * time.Millisecond
		began := time.Now()
		_, err := s.Load(t.Context())
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "100ms") {
			t.Errorf("got %v, want the time limit", err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
	})
	t.Run("by the caller", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		h := newHost(t, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		})
		if _, err := h.source().Load(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		h.wantAsked(t, 1)
	})
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	h := newHost(t, answers(http.StatusOK, labSchema))
	h.Close()
	_, err := h.source().Load(t.Context())
	var network *net.OpError
	if !errors.As(err, &network) || !strings.Contains(err.Error(), "tries: 4") {
		t.Errorf("got %v, want a network's error after 4 tries", err)
	}
}

func TestCertificateIsChecked(t *testing.T) {
	t.Parallel()
	h := newHost(t, answers(http.StatusOK, labSchema))
	s := h.source()
	s.Client = nil
	_, err := s.Load(t.Context())
	var authority x509.UnknownAuthorityError
	if !errors.As(err, &authority) || !strings.Contains(err.Error(), "tries: 1") {
		t.Errorf("got %v, want an unknown authority, and no retry", err)
	}
	h.wantAsked(t, 0)
}

func TestClientIsNotChanged(t *testing.T) {
	t.Parallel()
	h := newHost(t, answers(http.StatusOK, labSchema))
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
