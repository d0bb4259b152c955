// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/certtest"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tcptest"
)

func certificateConfig(server *simhost.Server, cert, key []byte) winrm.Config {
	config := configFor(server, winrm.AuthCertificate)
	config.Username, config.Password, config.ClientCert, config.ClientKey = "", "", cert, key
	return config
}

func TestClientCertificates(t *testing.T) {
	t.Parallel()
	authority, other := certtest.NewAuthority(t), certtest.NewAuthority(t)
	served := simhost.Auth{ClientCAs: authority.PEM, ClientAccounts: map[string]string{
		"operator@lab.example": "Operator", "locked@lab.example": "locked", "expired@lab.example": "expired", "gone@lab.example": "gone",
	}}
	cases := []struct {
		name   string
		auth   simhost.Auth
		issuer *certtest.Authority
		upn    string
		change func(*x509.Certificate)
		want   string // empty: success
	}{
		{"a valid certificate", served, authority, "Operator@LAB.example", nil, ""},
		{"of a CA that the host does not trust", served, other, "operator@lab.example", nil, "not accepted (HTTP 403)"},
		{"mapped to no account", served, authority, "stranger@lab.example", nil, "mapped to no account"},
		{"mapped to a deleted account", served, authority, "gone@lab.example", nil, "mapped to no account"},
		{"mapped to a locked account", served, authority, "locked@lab.example", nil, "locked, expired"},
		{"mapped to an expired account", served, authority, "expired@lab.example", nil, "locked, expired"},
		{"without a user principal name", served, authority, "", func(c *x509.Certificate) { c.ExtraExtensions = nil }, "mapped to no account"},
		{"for server authentication", served, authority, "operator@lab.example", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}, "allows client authentication"},
		{"that has expired", served, authority, "operator@lab.example", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, "is valid from"},
		{"that the host does not request", simhost.Auth{}, authority, "operator@lab.example", nil, "did not request the client certificate"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := startHost(t, simhost.Options{Auth: c.auth, Accounts: map[string]simhost.AccountState{
				"locked": {Locked: true}, "expired": {Expired: true},
			}})
			cert, key := c.issuer.Client(t, c.upn, c.change)
			client := newClient(t, certificateConfig(server, cert, key))
			for range 2 {
				shell, err := client.CreateShell(testContext(t))
				var refused *wsman.AuthError
				switch {
				case c.want == "" && err != nil:
					t.Fatal(err)
				case c.want == "":
					if output, _, err := drain(testContext(t), startCommand(t, shell, "echo hello")); err != nil || string(output.Stdout) != "hello\r\n" {
						t.Errorf("got %q, %v", output.Stdout, err)
					}
				case !errors.As(err, &refused) || refused.Remedy == "" || refused.Username != "CN=test client" || !strings.Contains(err.Error(), c.want):
					t.Errorf("got %v, want %q", err, c.want)
				}
			}
			if n := client.Stats(); n.Connections != 1 || c.want != "" && n.Requests != 1 {
				t.Errorf("%d requests on %d connections", n.Requests, n.Connections)
			}
		})
	}
}

func TestATLSAlertThatRejectsTheClientCertificate(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{}) // for its certificate
	authority, other := certtest.NewAuthority(t), certtest.NewAuthority(t)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM)
	pair, ca := serverPair(t)
	tlsConfig := &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots,
	}
	address := tcptest.Serve(t, func(_ context.Context, conn net.Conn) {
		_, _ = tls.Server(conn, tlsConfig).Read(make([]byte, 1))
	})

	cert, key := other.Client(t, "operator@lab.example", nil)
	config := certificateConfig(server, cert, key)
	config.CACert, config.Port = ca, address.(*net.TCPAddr).Port
	client := newClient(t, config)
	for range 2 {
		_, err := client.CreateShell(testContext(t))
		if !errors.Is(err, transport.ErrAuth) || !strings.Contains(err.Error(), "the host rejects the client certificate") {
			t.Errorf("got %v", err)
		}
	}
	if n := client.Stats().Connections; n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// serverPEM returns a server certificate for 127.0.0.1, its key and its CA certificate.
func serverPEM(t *testing.T) (cert, key, ca []byte) {
	t.Helper()
	authority := certtest.NewAuthority(t)
	cert, key = authority.Client(t, "", func(c *x509.Certificate) {
		c.Subject, c.ExtraExtensions, c.IPAddresses = pkix.Name{CommonName: "test server"}, nil, []net.IP{net.IPv4(127, 0, 0, 1)}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	return cert, key, authority.PEM
}

func serverPair(t *testing.T) (pair tls.Certificate, ca []byte) {
	t.Helper()
	cert, key, ca := serverPEM(t)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair, ca
}
