// SPDX-License-Identifier: MPL-2.0

package winrm_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/certtest"
)

func TestEachProblemNamesItsField(t *testing.T) {
	t.Parallel()
	authority := certtest.NewAuthority(t)
	cert, key := authority.Client(t, "u@lab.example", nil)
	_, otherKey := authority.Client(t, "u@lab.example", nil)
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{0x30, 0}})
	kerberos := func(c *winrm.Config) { c.Auth, c.TLS = winrm.AuthKerberos, true }
	certificate := func(cert, key []byte) func(*winrm.Config) {
		return func(c *winrm.Config) {
			c.Auth, c.TLS, c.Username, c.Password, c.ClientCert, c.ClientKey = winrm.AuthCertificate, true, "", "", cert, key
		}
	}
	cases := []struct {
		name   string
		change func(*winrm.Config)
		want   string // empty: the configuration is valid
	}{
		{"the required fields only", func(*winrm.Config) {}, ""},
		{"an IPv6 address", func(c *winrm.Config) { c.Address = "2001:db8::1" }, ""},
		{"an IPv6 address with a zone", func(c *winrm.Config) { c.Address = "fe80::20d:3aff:fe6d:4068%eth7" }, ""},
		{"a computer name with an underscore", func(c *winrm.Config) { c.Address = "HV_01.lab.example." }, ""},
		{"a port in the address", func(c *winrm.Config) { c.Address = "hv01:5986" }, "set the address to hv01 and the port to 5986"},
		{"a query in the address", func(c *winrm.Config) { c.Address = "hv01?x#y" }, "is not a DNS name or IP address"},
		{"a control character in the address", func(c *winrm.Config) { c.Address = "hv01\x00" }, "is not a DNS name or IP address"},
		{"a name that is not ASCII", func(c *winrm.Config) { c.Address = "hv-köln" }, "is not a DNS name or IP address"},
		{"a zone with a control character", func(c *winrm.Config) { c.Address = "fe80::1%eth\r\n" }, "is not a DNS name or IP address"},
		{"no address", func(c *winrm.Config) { c.Address = "" }, "Address: is required"},
		{"a URL as the address", func(c *winrm.Config) { c.Address = "https://hv01" }, `Address: "https://hv01" is not a DNS name`},
		{"a port above 65535", func(c *winrm.Config) { c.Port = 65536 }, "Port: 65536 is not between"},
		{"no user name", func(c *winrm.Config) { c.Username = "" }, "Username: is required"},
		{"no password", func(c *winrm.Config) { c.Password = "" }, "Password: is required"},
		{"an unknown authentication method", func(c *winrm.Config) { c.Auth = "digest" }, `Auth: "digest" is not a supported`},
		{"Basic in clear text", func(c *winrm.Config) { c.Auth = winrm.AuthBasic }, "Auth: basic authentication without TLS sends the password in clear text"},
		{"Basic in clear text, on purpose", func(c *winrm.Config) { c.Auth, c.AllowClearBasic = winrm.AuthBasic, true }, ""},
		{"Basic with a colon in the user name", func(c *winrm.Config) { c.Auth, c.TLS, c.Username = winrm.AuthBasic, true, "a:b" }, "Username: contains a colon"},
		{"an invalid CA certificate", func(c *winrm.Config) { c.CACert = []byte("x") }, "CACert: contains no PEM certificate"},
		{"a negative connect timeout", func(c *winrm.Config) { c.ConnectTimeout = -1 }, "ConnectTimeout: -1ns is negative"},
		{"an operation timeout above the limit", func(c *winrm.Config) { c.OperationTimeout = 61 * time.Second }, "OperationTimeout: 1m1s is not between"},
		{"a negative response margin", func(c *winrm.Config) { c.ResponseMargin = -1 }, "ResponseMargin: -1ns is negative"},
		{"an envelope below the minimum", func(c *winrm.Config) { c.EnvelopeSize = 4096 }, "EnvelopeSize: 4096 is less than 8192"},
		{"Kerberos with a password", kerberos, ""},
		{"Kerberos with a credential cache", func(c *winrm.Config) { kerberos(c); c.Username, c.Password = "", "" }, ""},
		{"Kerberos with a password and a credential cache", func(c *winrm.Config) { kerberos(c); c.Kerberos.CCache = "x" }, "Kerberos.CCache: conflicts with Password"},
		{"Kerberos without TLS", func(c *winrm.Config) { c.Auth = winrm.AuthKerberos }, "Auth: Kerberos authentication requires TLS"},
		{"Kerberos with a password but no user name", func(c *winrm.Config) { kerberos(c); c.Username = "" }, "Username: is required"},
		{"Kerberos with two realms", func(c *winrm.Config) {
			kerberos(c)
			c.Username, c.Kerberos.Realm = "u@lab.example", "OTHER.EXAMPLE"
		}, `Kerberos.Realm: "OTHER.EXAMPLE" conflicts with the realm "lab.example"`},
		{"Kerberos with the same realm twice", func(c *winrm.Config) {
			kerberos(c)
			c.Username, c.Kerberos.Realm = "u@lab.example", "LAB.EXAMPLE"
		}, ""},
		{"a client certificate", certificate(cert, key), ""},
		{"a client certificate without TLS", func(c *winrm.Config) { certificate(cert, key)(c); c.TLS = false }, "Auth: certificate authentication requires TLS"},
		{"no client certificate", certificate(nil, key), "ClientCert: is required"},
		{"no client key", certificate(cert, nil), "ClientKey: is required"},
		{"a client certificate that is not PEM", certificate([]byte("x"), key), "ClientCert: contains no PEM certificate"},
		{"a client key that is not PEM", certificate(cert, []byte("x")), "ClientKey: contains no PEM private key"},
		{"an encrypted client key", certificate(cert, encrypted), "ClientKey: is encrypted"},
		{"the key of another certificate", certificate(cert, otherKey), "ClientKey: tls: private key does not match"},
		{"a proxy", func(c *winrm.Config) { c.Proxy = "http://user:p%40ss@proxy.lab.example:3128" }, ""},
		{"a proxy without a scheme", func(c *winrm.Config) { c.Proxy = "proxy.lab.example:3128" }, "Proxy: is not a valid URL"},
		{"a proxy of an unsupported scheme", func(c *winrm.Config) { c.Proxy = "ftp://proxy.lab.example" }, `Proxy: scheme "ftp" is not supported`},
		{"a proxy with a path", func(c *winrm.Config) { c.Proxy = "http://proxy.lab.example/x" }, "Proxy: contains a path"},
		{"two problems, both reported", func(c *winrm.Config) { c.Port, c.MaxConnections = -1, -1 }, "MaxConnections: -1 is negative"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := winrm.Config{Address: "hv01.lab.example", Username: "u", Password: "p"}
			c.change(&config)
			err := config.Validate()
			if c.want == "" && err != nil || c.want != "" && !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			var problem winrm.Problem
			if err != nil && (!errors.As(err, &problem) || problem != config.Problems()[0]) {
				t.Errorf("the error wraps %+v, want the first of %+v", problem, config.Problems())
			}
		})
	}
}

func TestTheURLContainsTheDefaultPort(t *testing.T) {
	t.Parallel()
	for want, config := range map[string]winrm.Config{
		"http://hv01:5985/wsman":           {Address: "hv01"},
		"https://hv01:5986/wsman":          {Address: "hv01", TLS: true},
		"https://[2001:db8::1]:5986/wsman": {Address: "2001:db8::1", TLS: true},
		"http://[2001:db8::1]:80/wsman":    {Address: "[2001:db8::1]", Port: 80},
		"http://[fe80::1]:5985/wsman":      {Address: "fe80::1%eth7"},
	} {
		if got := config.URL(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	config := winrm.Config{
		Address: "hv01.lab.example", Username: "u", Password: "hunter2hunter2",
		ClientKey: []byte("hunter2hunter2"), Proxy: "http://u:hunter2hunter2@proxy.lab.example",
	}
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		_, _ = fmt.Fprintf(&b, verb+verb, config, &config)
		_, _ = fmt.Fprintf(&b, verb, struct{ C winrm.Config }{config})
	}
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "config", config)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "config", config, "pointer", &config)
	encoded, err := json.Marshal(config)
	b.Write(encoded)
	_, _ = fmt.Fprint(&b, err)
	for _, proxy := range []string{"http://u:hunter2 hunter2@x", "http://u:hunter2@x:y", "u:hunter2@x", "ftp://u:hunter2@x", "http://u:hunter2@x/p"} {
		bad := config
		bad.Proxy, bad.Auth, bad.TLS, bad.ClientCert = proxy, winrm.AuthCertificate, true, []byte("hunter2")
		err := bad.Validate()
		_, _ = fmt.Fprint(&b, bad, err)
		if err == nil {
			t.Errorf("proxy %s was accepted", proxy)
		}
	}
	for _, text := range []string{"hunter2", fmt.Sprintf("%x", "hunter2")} {
		if strings.Contains(b.String(), text) {
			t.Errorf("a secret is in %s", b.String())
		}
	}
	if !strings.Contains(b.String(), "hv01.lab.example") {
		t.Error("the address was not printed")
	}
}
