// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// countdown redirects from /5 to /4 and so on, and returns the schema at /0.
func countdown(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if n > 0 {
		http.Redirect(w, r, fmt.Sprintf("/%d", n-1), http.StatusFound)
		return
	}
	responds(http.StatusOK, labSchema)(w, r)
}

func TestRedirectsAreCounted(t *testing.T) {
	t.Parallel()
	h := newHost(t, countdown)
	s := h.source()
	s.URL = h.URL + "/5"
	wantFresh(t, mustLoad(t, s), 1)
	h.wantRequests(t, 6)
	s.URL = h.URL + "/6"
	if _, err := s.Load(t.Context()); !errors.Is(err, errRedirects) {
		t.Errorf("got %v, want errRedirects", err)
	}
	h.wantRequests(t, 12) // not retried
}

func TestHTTPIsRefusedUnlessAllowed(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(responds(http.StatusOK, labSchema))
	t.Cleanup(plain.Close)
	down := newHost(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, plain.URL, http.StatusFound) })
	for name, url := range map[string]string{"a URL": plain.URL, "a redirect": down.URL} {
		t.Run(name, func(t *testing.T) {
			s := down.source()
			s.URL = url
			before := down.requests.Load()
			if _, err := s.Load(t.Context()); !errors.Is(err, errInsecure) {
				t.Errorf("got %v, want errInsecure", err)
			}
			if down.requests.Load() > before+1 {
				t.Error("a refused redirect was retried")
			}
			s.AllowHTTP = true
			wantFresh(t, mustLoad(t, s), 1)
		})
	}
	s := &Source{URL: "ftp://127.0.0.1/lab.yaml", AllowHTTP: true}
	if _, err := s.Load(t.Context()); !errors.Is(err, errInsecure) {
		t.Errorf("got %v, want errInsecure", err)
	}
	s = &Source{URL: plain.URL, AllowHTTP: true} // with the client of retryablehttp
	wantFresh(t, mustLoad(t, s), 1)
}

func TestHeadersAreSentToTheirHostOnly(t *testing.T) {
	t.Parallel()
	secret := func(r *http.Request) string {
		return r.Header.Get("Authorization") + r.Header.Get("Private-Token") + r.Header.Get("Referer")
	}
	var home *host
	away := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		if got := secret(r); got != "" {
			t.Errorf("the other host received %q", got)
		}
		if r.URL.Path == "/back" {
			http.Redirect(w, r, home.URL+"/returned", http.StatusFound)
			return
		}
		responds(http.StatusOK, labSchema)(w, r)
	})
	home = newHost(t, func(w http.ResponseWriter, r *http.Request) {
		if want := "Bearer abcpdq"; r.URL.Path != "/returned" && secret(r) != want {
			t.Errorf("%s received %q, want %q", r.URL.Path, secret(r), want)
		}
		switch r.URL.Path {
		case "/stay":
			http.Redirect(w, r, "/here", http.StatusFound)
		case "/away":
			http.Redirect(w, r, away.URL+"/lab.yaml", http.StatusFound)
		case "/back":
			http.Redirect(w, r, away.URL+"/back", http.StatusFound)
		case "/returned":
			if got := secret(r); got != "" {
				t.Errorf("after another host it received %q", got)
			}
			fallthrough
		default:
			responds(http.StatusOK, labSchema)(w, r)
		}
	})
	for _, path := range []string{"/stay", "/away", "/back"} {
		s := home.source()
		s.URL = home.URL + path + "?token=xyz"
		s.Header = http.Header{"authorization": {"Bearer abc"}, "Private-Token": {"pdq"}}
		wantFresh(t, mustLoad(t, s), 1)
	}
}

func TestTheClientCanRefuseRedirects(t *testing.T) {
	t.Parallel()
	h := newHost(t, countdown)
	s := h.source()
	s.URL = h.URL + "/2"
	no := errors.New("not there")
	s.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return no }
	if _, err := s.Load(t.Context()); !errors.Is(err, no) {
		t.Errorf("got %v, want the client's error", err)
	}
	s.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	var status *StatusError
	if _, err := s.Load(t.Context()); !errors.As(err, &status) || status.Code != http.StatusFound {
		t.Errorf("got %v, want status 302", err)
	}
	h.wantRequests(t, 2)
}
