// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/krbtest"
)

const spn = "HTTP/127.0.0.1"

// startDomain starts a KDC with a user and a host that is one of its services.
func startDomain(t *testing.T, options simhost.Options) (*krbtest.KDC, *simhost.Server) {
	t.Helper()
	kdc := krbtest.Start(t)
	kdc.AddUser("operator", password)
	options.Auth.Keytab = kdc.AddService(spn)
	return kdc, startHost(t, options)
}

func kerberosConfig(kdc *krbtest.KDC, server *simhost.Server) winrm.Config {
	config := configFor(server, winrm.AuthKerberos)
	config.Username, config.Kerberos.ConfigFile = "operator@LAB.EXAMPLE", kdc.ConfigFile
	return config
}

func TestKerberos(t *testing.T) {
	t.Parallel()
	kdc, server := startDomain(t, simhost.Options{
		Auth:     simhost.Auth{RequireChannelBinding: true},
		Accounts: map[string]simhost.AccountState{"locked": {Locked: true}, "expired@lab.example": {Expired: true}},
	})
	kdc.AddUser("locked", password)
	kdc.AddUser("expired", password)
	kdc.AddUser("stranger", password)
	cache := kdc.Kinit("operator", password)
	kdc.AddService("HTTP/other") // whose key the host does not have
	cases := []struct {
		name   string
		change func(*winrm.Config)
		want   string // empty: it works
	}{
		{"a password", func(*winrm.Config) {}, ""},
		{"a credential cache", func(c *winrm.Config) { c.Username, c.Password, c.Kerberos.CCache = "", "", cache }, ""},
		{"a realm of its own", func(c *winrm.Config) { c.Username, c.Kerberos.Realm = "operator", "LAB.EXAMPLE" }, ""},
		{"a wrong password", func(c *winrm.Config) { c.Password = "wrong-guess" }, "KDC of realm LAB.EXAMPLE: the password is wrong"},
		{"an unknown user", func(c *winrm.Config) { c.Username = "nobody" }, "it does not know the user"},
		{"an unknown SPN", func(c *winrm.Config) { c.Kerberos.SPN = "HTTP/hv99.lab.example" }, "does not know the service HTTP/hv99.lab.example"},
		{"the SPN of another service", func(c *winrm.Config) { c.Kerberos.SPN = "HTTP/other" }, "made for another account"},
		{"an account that the host has locked", func(c *winrm.Config) { c.Username = "locked" }, "host 127.0.0.1"},
		{"an account that has expired on the host", func(c *winrm.Config) { c.Username = "expired" }, "locked, disabled or expired"},
		{"an account that the host does not know", func(c *winrm.Config) { c.Username = "stranger" }, "locked, disabled or expired"},
		{"a cache that is not there", func(c *winrm.Config) { c.Password, c.Kerberos.CCache = "", cache+"x" }, "run kinit"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := kerberosConfig(kdc, server)
			c.change(&config)
			traffic := &wire{}
			config.Dial = traffic.dial
			client := newClient(t, config)
			for range 2 { // a refused credential is not tried again
				shell, err := client.CreateShell(within(t), wsman.ShellOptions{})
				var refused *wsman.AuthError
				switch {
				case c.want == "" && err != nil:
					t.Fatal(err)
				case c.want == "":
					if err := shell.Delete(within(t)); err != nil {
						t.Error(err)
					}
				case !errors.As(err, &refused) || refused.Auth != winrm.AuthKerberos || refused.Remedy == "" || !strings.Contains(err.Error(), c.want):
					t.Errorf("got %v, want %q", err, c.want)
				case strings.Contains(err.Error(), "wrong-guess"):
					t.Errorf("the password is in %q", err)
				}
			}
			if n := client.Stats(); c.want != "" && (n.Requests > 1 || n.Connections > 1) {
				t.Errorf("%d requests on %d connections", n.Requests, n.Connections)
			}
		})
	}
}

func TestKerberosAsTheMachineIsSetUpForIt(t *testing.T) {
	kdc, server := startDomain(t, simhost.Options{})
	t.Setenv("KRB5_CONFIG", kdc.ConfigFile+string(os.PathListSeparator)+"/etc/krb5.conf")
	t.Setenv("KRB5CCNAME", "FILE:"+kdc.Kinit("operator", password))
	config := configFor(server, winrm.AuthKerberos)
	config.Username, config.Password = "", ""
	createShell(t, newClient(t, config))
}

func TestAHostWithoutKerberosIsNotOfferedNTLM(t *testing.T) {
	t.Parallel()
	kdc := krbtest.Start(t)
	kdc.AddUser("operator", password)
	kdc.AddService(spn)
	server := startHost(t, simhost.Options{}) // no keytab
	client := newClient(t, kerberosConfig(kdc, server))
	if _, err := client.CreateShell(within(t), wsman.ShellOptions{}); !errors.Is(err, transport.ErrAuth) {
		t.Errorf("got %v", err)
	}
	if n := client.Stats().Requests; n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestOneLoginServesManyConnections(t *testing.T) {
	t.Parallel()
	kdc, server := startDomain(t, simhost.Options{})
	config := kerberosConfig(kdc, server)
	config.MaxConnections = 20
	client := newClient(t, config)
	shell := createShell(t, client)

	before := server.Counters().Connections
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			command := startCommand(t, shell, "echo hello")
			if output, _, err := drain(within(t), command); err != nil || string(output.Stdout) != "hello\r\n" {
				t.Errorf("got %q, %v", output.Stdout, err)
			}
		})
	}
	all.Wait()
	if as, tgs := kdc.Requests(); as != 2 || tgs != 1 {
		t.Errorf("%d AS and %d TGS requests, want 2 (one asks what proof is wanted) and 1", as, tgs)
	}
	opened := server.Counters().Connections
	if opened == before {
		t.Error("nothing ran at the same time")
	}

	for range 5 { // steady state
		if _, _, err := drain(within(t), startCommand(t, shell, "echo hello")); err != nil {
			t.Fatal(err)
		}
	}
	if as, tgs := kdc.Requests(); as != 2 || tgs != 1 || server.Counters().Connections != opened {
		t.Errorf("%d AS and %d TGS requests, %d connections more", as, tgs, server.Counters().Connections-opened)
	}
	server.Reboot() // which the shell does not survive
	if _, err := client.CreateShell(within(t), wsman.ShellOptions{}); err != nil && !errors.Is(err, transport.ErrConnectionLost) {
		t.Errorf("after a restart: %v", err)
	}
	if as, tgs := kdc.Requests(); as != 2 || tgs != 1 {
		t.Errorf("after a restart: %d AS and %d TGS requests", as, tgs)
	}
}

func TestAReceiveBeginsNoConnectionUnproven(t *testing.T) {
	t.Parallel()
	kdc, server := startDomain(t, simhost.Options{
		Faults: simhost.FaultsOn(simhost.ActionReceive, simhost.FaultUnauthorized, 1),
	})
	client := newClient(t, kerberosConfig(kdc, server))
	command := startCommand(t, createShell(t, client), "echo hello")
	// The host forgets the connection, which begins anew with a Receive: after a proof with an empty body.
	if output, _, err := drain(within(t), command); err != nil || string(output.Stdout) != "hello\r\n" {
		t.Errorf("got %q, %v", output.Stdout, err)
	}
}

// silentKDC gives a configuration whose KDC takes connections and says nothing on them; asked is called for each.
func silentKDC(t *testing.T, asked func()) (file, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var task sync.WaitGroup
	task.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			asked()
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		task.Wait()
	})
	file, address = filepath.Join(t.TempDir(), "krb5.conf"), listener.Addr().String()
	text := fmt.Sprintf("[libdefaults]\ndefault_realm = LAB.EXAMPLE\n[realms]\nLAB.EXAMPLE = {\nkdc = %s\n}\n", address)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, address
}

func TestAKDCThatDoesNotAnswerIsNoRefusal(t *testing.T) {
	t.Parallel()
	config := configFor(startHost(t, simhost.Options{}), winrm.AuthKerberos)
	file, address := silentKDC(t, func() {})
	config.Username, config.Kerberos.ConfigFile, config.ConnectTimeout = "operator", file, time.Second
	_, err := newClient(t, config).CreateShell(within(t), wsman.ShellOptions{})
	var failed *wsman.TransportError
	if !errors.As(err, &failed) || !errors.Is(err, transport.ErrUnreachable) || !errors.Is(err, transport.ErrTimeout) || errors.Is(err, transport.ErrAuth) ||
		!strings.Contains(err.Error(), "no KDC of realm LAB.EXAMPLE answered: "+address) {
		t.Errorf("got %v", err)
	}
}

func TestAContextEndsTheWaitForAKDC(t *testing.T) {
	t.Parallel()
	config := configFor(startHost(t, simhost.Options{}), winrm.AuthKerberos)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan time.Time, 1)
	file, _ := silentKDC(t, func() {
		ended <- time.Now()
		cancel()
	})
	config.Username, config.Kerberos.ConfigFile, config.ConnectTimeout = "operator", file, time.Minute
	_, err := newClient(t, config).CreateShell(ctx, wsman.ShellOptions{})
	if late := time.Since(<-ended); !errors.Is(err, context.Canceled) || late > atOnce {
		t.Errorf("%v after the end of the context: %v", late, err)
	}
}

func TestAHostThatCannotReadTheTicketIsNotTrusted(t *testing.T) {
	t.Parallel()
	kdc, server := startDomain(t, simhost.Options{})
	for name, answer := range map[string]string{
		"no proof":         "",
		"a proof of less":  "Negotiate oQcwBaADCgEA", // SPNEGO's "completed", with nothing in it
		"what is no token": "Negotiate YQ==",
		"NTLM":             "Negotiate TlRMTVNTUAACAAAA",
	} {
		impostor := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if answer != "" {
				w.Header().Set("WWW-Authenticate", answer)
			}
			_, _ = io.WriteString(w, `<s:Envelope xmlns:s="x"><s:Body><rsp:Shell><rsp:ShellId>FORGED</rsp:ShellId></rsp:Shell></s:Body></s:Envelope>`)
		}))
		config := kerberosConfig(kdc, server)
		config.CACert, config.Insecure = nil, true
		config.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, impostor.Listener.Addr().String())
		}
		client := newClient(t, config)
		_, err := client.CreateShell(within(t), wsman.ShellOptions{})
		if err == nil || !strings.Contains(err.Error(), "did not prove its identity") || errors.Is(err, transport.ErrAuth) {
			t.Errorf("%s: got %v", name, err)
		}
		client.Close()
		impostor.Close()
	}
}
