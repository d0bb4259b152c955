// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
)

func TestAServerThatIsNotWinRMIsNamedAsSuch(t *testing.T) {
	t.Parallel()
	page := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!DOCTYPE html><html><body>Welcome</body></html>"))
	}
	for name, c := range map[string]struct {
		serve    http.HandlerFunc
		plain    bool  // the server serves HTTP
		settings attrs // of the host
		texts    []string
	}{
		"a web page":        {serve: page, texts: []string{"does not serve WinRM", "port"}},
		"a web page, basic": {serve: page, settings: attrs{"auth": "basic"}, texts: []string{"does not serve WinRM", "port"}},
		"an empty answer":   {serve: func(http.ResponseWriter, *http.Request) {}, texts: []string{"does not serve WinRM"}},
		"an empty answer, basic": {
			serve: func(http.ResponseWriter, *http.Request) {}, settings: attrs{"auth": "basic"}, texts: []string{"does not serve WinRM"},
		},
		"a redirect": {
			serve: http.RedirectHandler("https://portal.lab.example/login", http.StatusFound).ServeHTTP,
			texts: []string{"302 Found", "https://portal.lab.example/login", "not followed"},
		},
		"a redirect, basic": {
			serve: http.RedirectHandler("https://portal.lab.example/login", http.StatusFound).ServeHTTP, settings: attrs{"auth": "basic"},
			texts: []string{"302 Found", "https://portal.lab.example/login", "not followed"},
		},
		"a missing page": {serve: http.NotFound, texts: []string{"404", "does not serve WinRM"}},
		"HTTP on a port with TLS": {
			serve: page, settings: attrs{"use_tls": false}, texts: []string{"400", "may require TLS", "use_tls in the provider configuration"},
		},
		"TLS on a port with HTTP": {
			serve: page, plain: true, texts: []string{"this port does not use TLS", "use_tls in the provider configuration"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(c.serve)
			server.EnableHTTP2 = false
			if c.plain {
				server.Start()
			} else {
				server.StartTLS()
			}
			t.Cleanup(server.Close)
			at, err := url.Parse(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			port, _ := strconv.Atoi(at.Port())
			host := attrs{"address": at.Hostname(), "port": port, "username": "svc-terraform", "password": password}
			if cert := server.Certificate(); cert != nil && c.settings["use_tls"] == nil {
				host["ca_cert"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
			}
			h := newHarness(t)
			h.mustSucceed("configure", h.configure(attrs{"host": host.with(c.settings)}))
			h.mustWarn(h.planOnce(h.none(), linux("web-01")).diags, "host", append(c.texts, "Plans were not checked on host 127.0.0.1")...)
		})
	}
}
