// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/certtest"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/krbtest"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

func TestInvalidAuthenticationSettingsAreReportedOnTheirAttribute(t *testing.T) {
	t.Parallel()
	authority := certtest.NewAuthority(t)
	cert, key := authority.Client(t, "u@lab.example", nil)
	_, otherKey := authority.Client(t, "u@lab.example", nil)
	file := filepath.Join(t.TempDir(), "krb5.conf")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	kerberos := attrs{"address": "hv01.lab.example", "auth": "kerberos", "username": "u@lab.example", "password": "p", "krb5_conf": file}
	certificate := attrs{"address": "hv01.lab.example", "auth": "certificate", "client_cert": string(cert), "client_key": string(key)}
	encrypted := string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{0x30, 0}}))
	for name, c := range map[string]struct {
		host      attrs
		attribute string // empty if the settings are valid
		text      string
	}{
		"kerberos with a password":             {kerberos, "", ""},
		"kerberos with the default cache":      {kerberos.with(attrs{"username": nil, "password": nil}), "", ""},
		"kerberos with a cache":                {kerberos.with(attrs{"username": nil, "password": nil, "krb5_ccache": "FILE:" + file}), "", ""},
		"kerberos without TLS":                 {kerberos.with(attrs{"use_tls": false}), "host.auth", "use_tls = true"},
		"kerberos without a user":              {kerberos.with(attrs{"username": nil}), "host.username", "HYPERVVM_USERNAME"},
		"kerberos with two realms":             {kerberos.with(attrs{"krb5_realm": "OTHER.EXAMPLE"}), "host.krb5_realm", `the realm "lab.example"`},
		"kerberos with a password and a cache": {kerberos.with(attrs{"krb5_ccache": file}), "host.krb5_ccache", "Set one of them"},
		"no krb5.conf":                         {kerberos.with(attrs{"krb5_conf": file + "x"}), "host.krb5_conf", "no such file"},
		"no cache":                             {kerberos.with(attrs{"password": nil, "krb5_ccache": file + "x"}), "host.krb5_ccache", "no such file"},
		"a certificate":                        {certificate, "", ""},
		"a certificate without TLS":            {certificate.with(attrs{"use_tls": false}), "host.auth", "requires TLS"},
		"no certificate":                       {certificate.with(attrs{"client_cert": nil}), "host.client_cert", "HYPERVVM_CLIENT_CERT"},
		"no key":                               {certificate.with(attrs{"client_key": nil}), "host.client_key", "HYPERVVM_CLIENT_KEY"},
		"a certificate file name":              {certificate.with(attrs{"client_cert": "client.pem"}), "host.client_cert", `file("client.pem")`},
		"a key file name":                      {certificate.with(attrs{"client_key": "client.pem"}), "host.client_key", `file("client.pem")`},
		"an encrypted key":                     {certificate.with(attrs{"client_key": encrypted}), "host.client_key", "openssl pkey"},
		"a key that does not match":            {certificate.with(attrs{"client_key": string(otherKey)}), "host.client_key", "does not match"},
		"an invalid proxy URL":                 {certificate.with(attrs{"proxy_url": "u:hunter2@proxy:3128"}), "host.proxy_url", "is not a valid URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			diags := h.configure(attrs{"host": c.host})
			if c.attribute == "" {
				h.mustSucceed("configure", diags)
				return
			}
			h.mustFail(diags, c.attribute, c.text)
			for _, d := range diags {
				if strings.Contains(d.Summary+d.Detail, "hunter2") || strings.Contains(d.Detail, "PRIVATE KEY") {
					t.Errorf("the message contains a secret: %q", d.Detail)
				}
			}
		})
	}
}

func TestKerberosAuthentication(t *testing.T) {
	t.Parallel()
	kdc := krbtest.Start(t)
	kdc.AddUser("svc-terraform", password)
	server := startHost(t, func(o *simhost.Options) { o.Auth.Keytab = kdc.AddService("HTTP/127.0.0.1") })
	kerberos := settings(server).with(attrs{"auth": "kerberos", "krb5_conf": kdc.ConfigFile})
	for name, change := range map[string]attrs{
		"a password": {},
		"a cache":    {"username": nil, "password": nil, "krb5_ccache": kdc.Kinit("svc-terraform", password)},
	} {
		h := newHarness(t)
		h.mustSucceed("configure", h.configure(attrs{"host": kerberos.with(change)}))
		h.mustSucceed("plan with "+name, h.plan(h.none(), linux("web-01")).diags)
	}
	h := newHarness(t)
	h.mustSucceed("configure", h.configure(attrs{"host": kerberos.with(attrs{"password": "wrong"})}))
	h.mustWarn(h.plan(h.none(), linux("web-01")).diags, "host", "KDC of realm LAB.EXAMPLE: the password is wrong", "tried only once")
	h = newHarness(t)
	h.mustSucceed("configure", h.configure(attrs{"host": kerberos.with(attrs{"krb5_spn": "HTTP/hv99"})}))
	h.mustWarn(h.plan(h.none(), linux("web-01")).diags, "host", "the service HTTP/hv99 is unknown")
}

func TestClientCertificateAuthentication(t *testing.T) {
	t.Parallel()
	authority := certtest.NewAuthority(t)
	server := startHost(t, func(o *simhost.Options) {
		o.Auth.ClientCAs, o.Auth.ClientAccounts = authority.PEM, map[string]string{"svc@lab.example": "svc-terraform"}
	})
	for upn, refused := range map[string]bool{"svc@lab.example": false, "other@lab.example": true} {
		cert, key := authority.Client(t, upn, nil)
		h := newHarness(t)
		h.mustSucceed("configure", h.configure(attrs{"host": settings(server).with(attrs{
			"auth": "certificate", "username": nil, "password": nil, "client_cert": string(cert), "client_key": string(key),
		})}))
		diags := h.plan(h.none(), linux("web-01")).diags
		if refused {
			h.mustWarn(diags, "host", "mapped to no account")
		} else {
			h.mustSucceed("plan", diags)
		}
	}
}

func TestAHostIsReachedThroughAProxy(t *testing.T) {
	t.Parallel()
	server := startHost(t, nil)
	var connections atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, pass, _ := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth(); user != "u" || pass != "p" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		host, err := net.Dial("tcp", r.RequestURI)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = host.Close() }()
		connections.Add(1)
		client, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = client.Close() }()
		_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			_, _ = io.Copy(host, client)
			_ = host.Close()
		}()
		_, _ = io.Copy(client, host)
	}))
	t.Cleanup(proxy.Close)
	h := newHarness(t)
	h.mustSucceed("configure", h.configure(attrs{"host": settings(server).with(attrs{"proxy_url": strings.Replace(proxy.URL, "://", "://u:p@", 1)})}))
	h.mustSucceed("plan", h.plan(h.none(), linux("web-01")).diags)
	if connections.Load() == 0 {
		t.Error("the proxy was not used")
	}
}

func TestAConfiguredCacheOverridesThePasswordOfTheEnvironment(t *testing.T) {
	kdc := krbtest.Start(t)
	kdc.AddUser("svc-terraform", password)
	server := startHost(t, func(o *simhost.Options) { o.Auth.Keytab = kdc.AddService("HTTP/127.0.0.1") })
	t.Setenv("HYPERVVM_PASSWORD", "wrong")
	t.Setenv("HYPERVVM_AUTH", "kerberos")
	t.Setenv("HYPERVVM_KRB5_CONF", kdc.ConfigFile)
	t.Setenv("HYPERVVM_KRB5_REALM", krbtest.Realm)
	t.Setenv("HYPERVVM_KRB5_SPN", "HTTP/127.0.0.1")
	h := newHarness(t)
	h.mustSucceed("configure", h.configure(attrs{"host": settings(server).with(attrs{
		"address": "localhost", "password": nil, "krb5_ccache": kdc.Kinit("svc-terraform", password),
	})}))
	h.mustSucceed("plan", h.plan(h.none(), linux("web-01")).diags)
}
