// SPDX-License-Identifier: MPL-2.0

package httpclient_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpapi"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/httpclient"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simtest"
)

// statusRecorder records the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (w *statusRecorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func TestRequestsOfAnOverloadedServerAreRepeatedUntilItServesThem(t *testing.T) {
	t.Parallel()
	var refused atomic.Int32
	often := make(chan struct{})
	l := newLabWith(t, httpapi.Options{MaxRequests: 1}, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		recorder := &statusRecorder{ResponseWriter: w}
		next.ServeHTTP(recorder, r)
		if recorder.status == http.StatusServiceUnavailable && recorder.Header().Get("Retry-After") == "1" {
			if refused.Add(1) == 10 { // more than the attempts for a server that is not reached
				close(often)
			}
		}
	})
	gate := simtest.Hold(t, l.host, "Get-VMSwitch")
	results := make(chan error, 2)
	for range 2 { // one of them occupies the server
		go func() {
			_, err := l.client.HostSwitches(t.Context(), "hv01")
			results <- err
		}()
	}
	<-often
	limited, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := l.client.HostInfo(limited, "hv01"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "too many requests are served") {
		t.Errorf("a request that ends before the overload: %v", err)
	}
	gate.Release()
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestALostAndAnOverloadedAnswerToASubmissionMakeOneJob(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	l := newLab(t, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost && posts.Add(1) == 1: // it has run, and the answer is lost
			next.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case r.Method == http.MethodPost && posts.Load() == 2:
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"status": 503, "code": "overloaded", "detail": "too many requests"}`)
		default:
			next.ServeHTTP(w, r)
		}
	})
	j, err := l.client.Submit(t.Context(), provision("web-01"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Wait(t.Context()); err != nil || posts.Load() != 3 {
		t.Errorf("%d submissions, %v", posts.Load(), err)
	}
	if state, err := l.host.Store().Read(); err != nil || len(state.VMs) != 1 {
		t.Errorf("the host has %+v, %v", state, err)
	}
}

func TestAServerSaysWhenARequestIsRepeated(t *testing.T) {
	t.Parallel()
	for after, want := range map[string]time.Duration{"": 500 * time.Millisecond, "0": 500 * time.Millisecond, "20": 20 * time.Second, "86400": time.Minute} {
		resp := &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{}}
		if after != "" {
			resp.Header.Set("Retry-After", after)
		}
		if got := httpclient.Backoff(resp); got != want {
			t.Errorf("Retry-After %q: the client waits %s, want %s", after, got, want)
		}
	}
}
