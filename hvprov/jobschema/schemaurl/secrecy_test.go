// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestCredentialsAreNotShown(t *testing.T) {
	t.Parallel()
	other := newHost(t, responds(http.StatusNotFound, ""))
	to := func(location string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		}
	}
	for name, test := range map[string]struct {
		handle http.HandlerFunc // nil: the connection is refused
		change func(*Source)
	}{
		"a valid response":             {handle: responds(http.StatusOK, labSchema)},
		"a status":                     {handle: responds(http.StatusNotFound, "")},
		"an invalid schema":            {handle: responds(http.StatusOK, noSchema)},
		"a schema that is too large":   {handle: responds(http.StatusOK, labSchema), change: func(s *Source) { s.MaxSize = 1 }},
		"another schema":               {handle: responds(http.StatusOK, labSchema), change: func(s *Source) { s.SHA256 = digest(nil) }},
		"a broken connection":          {handle: aborts},
		"a truncated body":             {handle: truncated},
		"a redirect to http":           {handle: to("http://us3r:pa55word@127.0.0.1/?sig=s1gnature")},
		"a redirect to a status":       {handle: to(other.URL + "/?sig=s1gnature")},
		"a redirect to an invalid URL": {handle: to("https://us3r:pa55word@127.0.0.1:s1gnature/")},
		"endless redirects":            {handle: to("?sig=s1gnature")},
		"a refused connection":         {},
		"a URL that is http":           {change: func(s *Source) { s.URL = strings.Replace(s.URL, "https", "http", 1) }},
		"an invalid URL":               {change: func(s *Source) { s.URL = "https://us3r:pa55word/@127.0.0.1/" }},
		"an invalid SHA256":            {change: func(s *Source) { s.SHA256 = "abc" }},
		"a transport whose error has the URL": {change: func(s *Source) {
			s.Client = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				return nil, errors.New("unable to ask " + r.URL.String())
			})}
		}},
		"an invalid proxy": {change: func(s *Source) {
			s.Client = &http.Client{Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
				return nil, errors.New(`invalid proxy address "http://us3r:pa55word@:%zz"`)
			}}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, responds(http.StatusOK, labSchema))
			if test.handle != nil {
				h = newHost(t, test.handle)
			} else {
				h.Close()
			}
			var logs bytes.Buffer
			s := h.source()
			s.URL = strings.Replace(s.URL, "://", "://us3r:pa55word@", 1) + "?token=t0ken"
			s.CacheFile = cacheFile(t)
			s.Logger = slog.New(slog.NewTextHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
			if test.change != nil {
				test.change(s)
			}
			text := ""
			if _, err := s.Load(t.Context()); err != nil {
				text = err.Error()
				for ; err != nil; err = errors.Unwrap(err) {
					text += "\n" + err.Error()
				}
			} else {
				text = read(t, s.CacheFile) + read(t, s.metadataFile())
			}
			text += "\n" + logs.String()
			for _, secret := range []string{"us3r", "pa55word", "t0ken", "s1gnature"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s is shown:\n%s", secret, text)
				}
			}
		})
	}
}

func TestUserinfoIsSent(t *testing.T) {
	t.Parallel()
	h := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "us3r" || password != "pa55word" || r.URL.RawQuery != "token=t0ken" {
			t.Errorf("got %s, %s, %s", user, password, r.URL.RawQuery)
		}
		responds(http.StatusOK, labSchema)(w, r)
	})
	s := h.source()
	s.URL = strings.Replace(s.URL, "://", "://us3r:pa55word@", 1) + "?token=t0ken"
	wantFresh(t, mustLoad(t, s), 1)
}

func TestProxyIsTheTransports(t *testing.T) {
	t.Parallel()
	proxy := newHost(t, responds(http.StatusOK, labSchema))
	at, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := proxy.source()
	s.URL, s.AllowHTTP = "http://schemas.invalid/lab.yaml", true
	s.Client.Transport.(*http.Transport).Proxy = http.ProxyURL(at)
	wantFresh(t, mustLoad(t, s), 1)
	proxy.wantRequests(t, 1)
}
