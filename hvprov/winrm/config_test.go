// SPDX-License-Identifier: MPL-2.0

package winrm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

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
		{"two mistakes, both told", func(c *winrm.Config) { c.Port, c.MaxConnections = -1, -1 }, "number of connections -1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := good
			c.change(&config)
			_, err := winrm.NewClient(config)
			if c.want == "" && err != nil || c.want != "" && !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestAPasswordIsNeverPrinted(t *testing.T) {
	t.Parallel()
	config := winrm.Config{Address: "hv01.lab.example", Username: "u", Password: "hunter2hunter2"}
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
	for _, text := range []string{"hunter2", fmt.Sprintf("%x", "hunter2")} {
		if strings.Contains(b.String(), text) {
			t.Errorf("the password is in %s", b.String())
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
		if got := winrm.XMLDuration(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
