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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/krbtest"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tcptest"
)

const spn = "HTTP/127.0.0.1"

// startDomain starts a KDC with a user, and a host that is one of its services.
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
	kdc.AddService("HTTP/other") // the host does not have its key
	cases := []struct {
		name   string
		change func(*winrm.Config)
		want   string // empty: success
	}{
		{"a password", func(*winrm.Config) {}, ""},
		{"a credential cache", func(c *winrm.Config) { c.Username, c.Password, c.Kerberos.CCache = "", "", cache }, ""},
		{"a separate realm", func(c *winrm.Config) { c.Username, c.Kerberos.Realm = "operator", "LAB.EXAMPLE" }, ""},
		{"a wrong password", func(c *winrm.Config) { c.Password = "wrong-guess" }, "KDC of realm LAB.EXAMPLE: the password is wrong"},
		{"an unknown user", func(c *winrm.Config) { c.Username = "nobody" }, "the user is unknown"},
		{"an unknown SPN", func(c *winrm.Config) { c.Kerberos.SPN = "HTTP/hv99.lab.example" }, "the service HTTP/hv99.lab.example is unknown"},
		{"the SPN of another service", func(c *winrm.Config) { c.Kerberos.SPN = "HTTP/other" }, "issued for another account"},
		{"an account that is locked on the host", func(c *winrm.Config) { c.Username = "locked" }, "host 127.0.0.1"},
		{"an account that has expired on the host", func(c *winrm.Config) { c.Username = "expired" }, "locked, disabled or expired"},
		{"an account that the host does not know", func(c *winrm.Config) { c.Username = "stranger" }, "locked, disabled or expired"},
		{"a missing cache", func(c *winrm.Config) { c.Password, c.Kerberos.CCache = "", cache+"x" }, "run kinit"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := kerberosConfig(kdc, server)
			c.change(&config)
			traffic := &wire{}
			config.Dial = traffic.dial
			client := newClient(t, config)
			for range 2 { // refused credentials are not sent again
				shell, err := client.CreateShell(testContext(t))
				var refused *wsman.AuthError
				switch {
				case c.want == "" && err != nil:
					t.Fatal(err)
				case c.want == "":
					if err := shell.Delete(testContext(t)); err != nil {
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

// TestAHostWithoutNegotiate covers a host whose WinRM service has Negotiate disabled, and so NTLM, and Kerberos enabled
// (https://github.com/jborean93/pypsrp/issues/66).
func TestAHostWithoutNegotiate(t *testing.T) {
	t.Parallel()
	kdc, server := startDomain(t, simhost.Options{
		Auth:     simhost.Auth{RequireChannelBinding: true, NoNegotiate: true},
		Accounts: map[string]simhost.AccountState{"locked": {Locked: true}},
	})
	kdc.AddUser("locked", password)
	client := newClient(t, kerberosConfig(kdc, server))
	for range 2 {
		if err := createShell(t, client).Delete(testContext(t)); err != nil {
			t.Error(err)
		}
	}
	if n := client.Stats(); n.Connections != 1 || n.Requests != 5 {
		t.Errorf("%d requests on %d connections, want 5 on 1: the scheme is tried out once", n.Requests, n.Connections)
	}
	config := kerberosConfig(kdc, server)
	config.Username = "locked"
	if _, err := newClient(t, config).CreateShell(testContext(t)); !strings.Contains(fmt.Sprint(err), "locked, disabled or expired") {
		t.Errorf("a locked account: %v", err)
	}
	if _, err := newClient(t, configFor(server, winrm.AuthNTLM)).CreateShell(testContext(t)); !strings.Contains(fmt.Sprint(err), "does not offer NTLM") {
		t.Errorf("NTLM: %v", err)
	}
}

func TestKerberosUsesTheConfigurationOfTheMachine(t *testing.T) {
	kdc, server := startDomain(t, simhost.Options{})
	t.Setenv("KRB5_CONFIG", kdc.ConfigFile+string(os.PathListSeparator)+"/etc/krb5.conf")
	t.Setenv("KRB5CCNAME", "FILE:"+kdc.Kinit("operator", password))
	config := configFor(server, winrm.AuthKerberos)
	config.Username, config.Password = "", ""
	createShell(t, newClient(t, config))
}

func TestKerberosDoesNotFallBackToNTLM(t *testing.T) {
	t.Parallel()
	kdc := krbtest.Start(t)
	kdc.AddUser("operator", password)
	kdc.AddService(spn)
	server := startHost(t, simhost.Options{}) // no keytab
	client := newClient(t, kerberosConfig(kdc, server))
	if _, err := client.CreateShell(testContext(t)); !errors.Is(err, transport.ErrAuth) {
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
			if output, _, err := drain(testContext(t), command); err != nil || string(output.Stdout) != "hello\r\n" {
				t.Errorf("got %q, %v", output.Stdout, err)
			}
		})
	}
	all.Wait()
	if as, tgs := kdc.Requests(); as != 2 || tgs != 1 {
		t.Errorf("%d AS and %d TGS requests, want 2 (the first without preauthentication) and 1", as, tgs)
	}
	opened := server.Counters().Connections
	if opened == before {
		t.Error("no requests were concurrent")
	}

	for range 5 { // on the existing connections
		if _, _, err := drain(testContext(t), startCommand(t, shell, "echo hello")); err != nil {
			t.Fatal(err)
		}
	}
	if as, tgs := kdc.Requests(); as != 2 || tgs != 1 || server.Counters().Connections != opened {
		t.Errorf("%d AS and %d TGS requests, %d new connections", as, tgs, server.Counters().Connections-opened)
	}
	server.Reboot() // deletes the shell
	if _, err := client.CreateShell(testContext(t)); err != nil && !errors.Is(err, transport.ErrConnectionLost) {
		t.Errorf("after a restart: %v", err)
	}
	if as, tgs := kdc.Requests(); as != 2 || tgs != 1 {
		t.Errorf("after a restart: %d AS and %d TGS requests", as, tgs)
	}
}

func TestAReceiveIsNotSentWithUnverifiedCredentials(t *testing.T) {
	t.Parallel()
	kdc, server := startDomain(t, simhost.Options{
		Faults: simhost.FaultsOn(simhost.ActionReceive, simhost.FaultUnauthorized, 1),
	})
	client := newClient(t, kerberosConfig(kdc, server))
	command := startCommand(t, createShell(t, client), "echo hello")
	// The host drops the authentication. The Receive is sent on a new connection after a request with an empty body.
	if output, _, err := drain(testContext(t), command); err != nil || string(output.Stdout) != "hello\r\n" {
		t.Errorf("got %q, %v", output.Stdout, err)
	}
}

// silentKDC starts a KDC that does not respond and returns its address and the path of a configuration. onConnect is called for
// each connection.
func silentKDC(t *testing.T, onConnect func()) (configFile, address string) {
	t.Helper()
	kdc := tcptest.Serve(t, func(ctx context.Context, _ net.Conn) {
		onConnect()
		<-ctx.Done()
	})
	return krbtest.ConfigFor(t, kdc), kdc.String()
}

func TestASilentKDCIsUnreachable(t *testing.T) {
	t.Parallel()
	config := configFor(startHost(t, simhost.Options{}), winrm.AuthKerberos)
	file, address := silentKDC(t, func() {})
	config.Username, config.Kerberos.ConfigFile, config.ConnectTimeout = "operator", file, 5*time.Second
	_, err := newClient(t, config).CreateShell(testContext(t))
	var failed *wsman.TransportError
	if !errors.As(err, &failed) || !errors.Is(err, transport.ErrUnreachable) || !errors.Is(err, transport.ErrTimeout) || errors.Is(err, transport.ErrAuth) ||
		!strings.Contains(err.Error(), "no KDC of realm LAB.EXAMPLE answered: "+address) {
		t.Errorf("got %v", err)
	}
}

func TestCancellationInterruptsThePendingKDCRequest(t *testing.T) {
	t.Parallel()
	config := configFor(startHost(t, simhost.Options{}), winrm.AuthKerberos)
	ctx, cancel := context.WithCancel(t.Context())
	file, _ := silentKDC(t, cancel)
	config.Username, config.Kerberos.ConfigFile, config.ConnectTimeout = "operator", file, time.Hour
	_, err := newClient(t, config).CreateShell(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAHostThatCannotDecryptTheTicketIsRejected(t *testing.T) {
	t.Parallel()
	kdc, server := startDomain(t, simhost.Options{})
	for name, header := range map[string]string{
		"no token":                "",
		"a token without a reply": "Negotiate oQcwBaADCgEA", // SPNEGO accept-completed without a response token
		"an invalid token":        "Negotiate YQ==",
		"an NTLM message":         "Negotiate TlRMTVNTUAACAAAA",
	} {
		impostor := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if header != "" {
				w.Header().Set("WWW-Authenticate", header)
			}
			_, _ = io.WriteString(w, `<s:Envelope xmlns:s="x"><s:Body><rsp:Shell><rsp:ShellId>FORGED</rsp:ShellId></rsp:Shell></s:Body></s:Envelope>`)
		}))
		config := kerberosConfig(kdc, server)
		config.CACert, config.Insecure = nil, true
		config.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, impostor.Listener.Addr().String())
		}
		client := newClient(t, config)
		_, err := client.CreateShell(testContext(t))
		if err == nil || !strings.Contains(err.Error(), "did not prove its identity") || errors.Is(err, transport.ErrAuth) {
			t.Errorf("%s: got %v", name, err)
		}
		client.Close()
		impostor.Close()
	}
}
