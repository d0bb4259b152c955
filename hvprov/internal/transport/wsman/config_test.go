// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

func TestAConfigurationIsCheckedBeforehand(t *testing.T) {
	t.Parallel()
	good := winrm.Config{Address: "hv01.lab.example", Username: "u", Password: "p"}
	cases := []struct {
		name   string
		change func(*winrm.Config)
		want   string // empty: it is good
	}{
		{"the least that is needed", func(*winrm.Config) {}, ""},
		{"an IPv6 address", func(c *winrm.Config) { c.Address = "2001:db8::1" }, ""},
		{"no address", func(c *winrm.Config) { c.Address = "" }, "address is empty"},
		{"a URL for an address", func(c *winrm.Config) { c.Address = "https://hv01" }, "without scheme"},
		{"a port that is none", func(c *winrm.Config) { c.Port = 65536 }, "port 65536"},
		{"no user", func(c *winrm.Config) { c.Username = "" }, "username is empty"},
		{"an unknown way of authenticating", func(c *winrm.Config) { c.Auth = "digest" }, `auth "digest" is not known`},
		{"Basic in clear", func(c *winrm.Config) { c.Auth = winrm.AuthBasic }, "send the password in clear"},
		{"Basic in clear, on purpose", func(c *winrm.Config) { c.Auth, c.AllowClearBasic = winrm.AuthBasic, true }, ""},
		{"a colon in a user name for Basic", func(c *winrm.Config) { c.Auth, c.TLS, c.Username = winrm.AuthBasic, true, "a:b" }, "colon"},
		{"a CA certificate that is none", func(c *winrm.Config) { c.CACert = []byte("x") }, "PEM"},
		{"an operation timeout that hosts refuse", func(c *winrm.Config) { c.OperationTimeout = 61 * time.Second }, "operation timeout 1m1s"},
		{"an envelope that is too small", func(c *winrm.Config) { c.EnvelopeSize = 4096 }, "envelope size 4096"},
		{"Kerberos with a password", func(c *winrm.Config) { c.Auth, c.TLS = winrm.AuthKerberos, true }, ""},
		{"Kerberos with a credential cache", func(c *winrm.Config) { c.Auth, c.TLS, c.Username, c.Password = winrm.AuthKerberos, true, "", "" }, ""},
		{"Kerberos without TLS", func(c *winrm.Config) { c.Auth = winrm.AuthKerberos }, "sealing of messages over HTTP is implemented for NTLM only"},
		{"Kerberos with a password of nobody", func(c *winrm.Config) { c.Auth, c.TLS, c.Username = winrm.AuthKerberos, true, "" }, "username is empty"},
		{"two realms", func(c *winrm.Config) {
			c.Auth, c.TLS, c.Username, c.Kerberos.Realm = winrm.AuthKerberos, true, "u@lab.example", "OTHER.EXAMPLE"
		}, "another realm than OTHER.EXAMPLE"},
		{"one realm twice", func(c *winrm.Config) {
			c.Auth, c.TLS, c.Username, c.Kerberos.Realm = winrm.AuthKerberos, true, "u@lab.example", "LAB.EXAMPLE"
		}, ""},
		{"no client certificate", func(c *winrm.Config) { c.Auth, c.TLS = winrm.AuthCertificate, true }, "client certificate and key"},
		{"a client certificate without TLS", func(c *winrm.Config) { c.Auth = winrm.AuthCertificate }, "by certificate needs TLS"},
		{"a proxy", func(c *winrm.Config) { c.Proxy = "http://user:p%40ss@proxy.lab.example:3128" }, ""},
		{"a proxy that is no URL", func(c *winrm.Config) { c.Proxy = "proxy.lab.example:3128" }, "proxy"},
		{"a proxy of another type", func(c *winrm.Config) { c.Proxy = "ftp://proxy.lab.example" }, `type "ftp"`},
		{"a proxy with a path", func(c *winrm.Config) { c.Proxy = "http://proxy.lab.example/x" }, "path"},
		{"two mistakes, both told", func(c *winrm.Config) { c.Port, c.MaxConnections = -1, -1 }, "number of connections -1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := good
			c.change(&config)
			_, err := wsman.NewClient(config)
			if c.want == "" && err != nil || c.want != "" && !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
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
		_, err := wsman.NewClient(bad)
		_, _ = fmt.Fprint(&b, bad, err)
		if err == nil {
			t.Errorf("%s was taken", proxy)
		}
	}
	for _, text := range []string{"hunter2", fmt.Sprintf("%x", "hunter2")} {
		if strings.Contains(b.String(), text) {
			t.Errorf("a secret is in %s", b.String())
		}
	}
	if !strings.Contains(b.String(), "hv01.lab.example") {
		t.Error("the address is not printed")
	}
}

func TestDurationsAsXML(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		20 * time.Second: "PT20S", 15 * time.Minute: "PT900S", 1500 * time.Millisecond: "PT1.5S",
	} {
		if got := wsman.XMLDuration(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
