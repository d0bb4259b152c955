// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/certtest"
)

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	authority, other := certtest.NewAuthority(t), certtest.NewAuthority(t)
	accounts := map[string]string{"operator@lab.example": "operator", "locked@lab.example": "locked", "expired@lab.example": "expired"}
	for _, c := range []struct {
		name   string
		opts   Options
		issuer *certtest.Authority // nil: no certificate
		upn    string
		status int
		note   string
	}{
		{"a mapped certificate", Options{}, authority, "OPERATOR@lab.example", http.StatusOK, ""},
		{"no certificate", Options{}, nil, "", http.StatusForbidden, "no client certificate was sent"},
		{"a certificate of another authority", Options{}, other, "operator@lab.example", http.StatusForbidden, "unknown authority"},
		{"a certificate that is not mapped", Options{}, authority, "unknown@lab.example", http.StatusUnauthorized, "is not mapped to an account"},
		{"a locked account", Options{}, authority, "locked@lab.example", http.StatusUnauthorized, "locked"},
		{"an expired account", Options{}, authority, "expired@lab.example", http.StatusUnauthorized, "expired"},
		{"certificates are not enabled", Options{Auth: Auth{AllowBasic: true}}, authority, "operator@lab.example", http.StatusUnauthorized, "not enabled"},
		{"plain HTTP", Options{PlainHTTP: true}, nil, "", http.StatusUnauthorized, "not enabled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.opts.Accounts = map[string]AccountState{"operator": {}, "locked": {Locked: true}, "expired": {Expired: true}}
			if !c.opts.Auth.AllowBasic {
				c.opts.Auth.ClientCAs, c.opts.Auth.ClientAccounts = authority.PEM, accounts
			}
			s := start(t, c.opts)
			config := &tls.Config{RootCAs: x509.NewCertPool()}
			config.RootCAs.AppendCertsFromPEM(s.CACertPEM())
			if c.issuer != nil {
				pair, err := tls.X509KeyPair(c.issuer.Client(t, c.upn, nil))
				if err != nil {
					t.Fatal(err)
				}
				config.Certificates = []tls.Certificate{pair}
			}
			transport := &http.Transport{TLSClientConfig: config}
			defer transport.CloseIdleConnections()
			envelope := wireRequest{action: nsTransfer + "/Create", body: createBody}.envelope(s.URL())
			request, err := http.NewRequestWithContext(limited(t), http.MethodPost, s.URL(), strings.NewReader(envelope))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", soapType)
			request.Header.Set("Authorization", certificateScheme)
			response, err := transport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			last := s.Log()[0]
			if response.StatusCode != c.status || !strings.Contains(last.Note, c.note) {
				t.Errorf("got %d %q", response.StatusCode, last.Note)
			}
			if c.status == http.StatusOK && last.User != "operator" {
				t.Errorf("the user is %q", last.User)
			}
		})
	}
}

func TestInvalidAuthenticationOptionsAreRejected(t *testing.T) {
	t.Parallel()
	for want, auth := range map[string]Auth{"keytab": {Keytab: []byte("x")}, "PEM": {ClientCAs: []byte("x")}} {
		if s, err := Start(Options{Auth: auth}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, %v, want %q", s, err, want)
		}
	}
}
