// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/bodgit/ntlmssp"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

func TestAWrongPasswordIsSentOnce(t *testing.T) {
	t.Parallel()
	for _, setup := range setups {
		t.Run(setup.name, func(t *testing.T) {
			t.Parallel()
			server := startHost(t, setup.host)
			traffic := &wire{}
			config := configFor(server, setup.auth)
			config.Password, config.Dial = "wrong-guess", traffic.dial
			client := newClient(t, config)
			ctx := testContext(t)

			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() {
					_, err := client.CreateShell(ctx)
					var refused *wsman.AuthError
					if !errors.As(err, &refused) || !errors.Is(err, transport.ErrAuth) || errors.Is(err, transport.ErrConnectionLost) {
						t.Errorf("got %v", err)
						return
					}
					if refused.Username != `LAB\Operator` || len(refused.Offered) == 0 || !strings.Contains(err.Error(), "password is wrong") {
						t.Errorf("got %+v", refused)
					}
					if strings.Contains(err.Error(), "wrong-guess") {
						t.Errorf("the password is in %q", err)
					}
				})
			}
			wg.Wait()
			if n := client.Stats().Requests; n > 2 {
				t.Errorf("%d requests were sent", n)
			}
			if setup.auth == winrm.AuthNTLM && traffic.contains("Envelope") {
				t.Error("an envelope was sent in clear text")
			}
		})
	}
}

func TestNoEnvelopeIsSentToAHostThatRefusesTheCredentials(t *testing.T) {
	t.Parallel()
	// Over TLS the request with the credentials carries the envelope, so this needs HTTP.
	server := startHost(t, simhost.Options{PlainHTTP: true})
	config := configFor(server, winrm.AuthNTLM)
	config.Password = "wrong-guess"
	client := newClient(t, config)
	_, _ = client.CreateShell(testContext(t))
	for _, entry := range server.Log() {
		if entry.BodyIn != 0 {
			t.Errorf("a body of %d bytes was sent", entry.BodyIn)
		}
	}
}

func TestTheReasonOfARefusal(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		host simhost.Options
		auth winrm.Auth
		user string
		want string
	}{
		{"a locked account", simhost.Options{}, winrm.AuthNTLM, "locked", "locked, expired or not allowed"},
		{"Basic where only NTLM is offered", simhost.Options{}, winrm.AuthBasic, "Operator", "does not offer Basic (the host offers Negotiate)"},
		{"an unknown account", simhost.Options{PlainHTTP: true}, winrm.AuthNTLM, "nobody", "user name or password is wrong"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.host.Accounts = map[string]simhost.AccountState{"locked": {Password: password, Locked: true}}
			config := configFor(startHost(t, c.host), c.auth)
			config.Username = c.user
			_, err := newClient(t, config).CreateShell(testContext(t))
			if !errors.Is(err, transport.ErrAuth) || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestAllFormsOfUserNamesAreAccepted(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{Accounts: map[string]simhost.AccountState{"op@lab.example": {Password: password}}})
	for _, name := range []string{"Operator", "OPERATOR", `.\operator`, `LAB\operator`, "op@lab.example"} {
		config := configFor(server, winrm.AuthNTLM)
		config.Username = name
		if _, err := newClient(t, config).CreateShell(testContext(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheCertificateOfTheHostIsVerified(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	cases := []struct {
		name   string
		change func(*winrm.Config)
		ok     bool
	}{
		{"by a CA that did not issue it", func(c *winrm.Config) { c.CACert = nil }, false},
		{"for a name that it does not contain", func(c *winrm.Config) { c.TLSServerName = "other.lab.example" }, false},
		{"not if verification is disabled", func(c *winrm.Config) { c.CACert, c.Insecure = nil, true }, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := configFor(server, winrm.AuthNTLM)
			c.change(&config)
			client := newClient(t, config)
			_, err := client.CreateShell(testContext(t))
			var refused *tls.CertificateVerificationError
			if c.ok != (err == nil) || !c.ok && !(errors.As(err, &refused) && errors.Is(err, transport.ErrUnreachable)) {
				t.Errorf("got %v", err)
			}
			if !c.ok && client.Stats().Requests != 0 {
				t.Error("a request was sent")
			}
		})
	}
}

func TestAResponseInClearTextToASealedMessageIsRejected(t *testing.T) {
	t.Parallel()
	const forged = `<s:Envelope xmlns:s="x"><s:Header><a:Action>http://schemas.xmlsoap.org/ws/2004/09/transfer/CreateResponse</a:Action></s:Header>` +
		`<s:Body><rsp:Shell><rsp:ShellId>FORGED</rsp:ShellId></rsp:Shell></s:Body></s:Envelope>`
	for _, status := range []string{"200 OK", "500 Internal Server Error"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			server := startHost(t, simhost.Options{PlainHTTP: true})
			// The first two writes of a connection are the authentication.
			traffic := &wire{replies: map[int]string{2: fmt.Sprintf(
				"HTTP/1.1 %s\r\nContent-Type: application/soap+xml;charset=UTF-8\r\nContent-Length: %d\r\n\r\n%s", status, len(forged), forged)}}
			config := configFor(server, winrm.AuthNTLM)
			config.Dial = traffic.dial
			client := newClient(t, config)
			_, err := client.CreateShell(testContext(t))
			if err == nil || !strings.Contains(err.Error(), "sealed message in clear text") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestInvalidChallengesAreRejected(t *testing.T) {
	t.Parallel()
	valid := challenge(0xe28a8235, "\x02\x00\x02\x00L\x00\x00\x00\x00\x00")
	if err := wsman.CheckChallenge(valid, true); err != nil {
		t.Fatalf("a valid challenge: %v", err)
	}
	for name, bad := range map[string][]byte{
		"that is empty":                 nil,
		"that is too short":             valid[:47],
		"of another message type":       append([]byte("NTLMSSP\x00\x03"), valid[9:]...),
		"without target information":    challenge(0xe28a8235&^0x00800000, ""),
		"with empty target information": challenge(0xe28a8235, "\x00\x00\x00\x00"),
		"without sealing":               challenge(0xe28a8235&^0x20, "\x02\x00\x02\x00L\x00\x00\x00\x00\x00"),
		"without 128-bit keys":          challenge(0xe28a8235&^0x20000000, "\x02\x00\x02\x00L\x00\x00\x00\x00\x00"),
	} {
		if err := wsman.CheckChallenge(bad, true); err == nil {
			t.Errorf("a challenge %s was accepted", name)
		}
	}
	// A flags attribute of two bytes instead of four makes the library read past its end.
	client, err := ntlmssp.NewClient(ntlmssp.SetUserInfo("u", "p"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Authenticate(nil, nil); err != nil {
		t.Fatal(err)
	}
	malicious := challenge(0xe28a8235, "\x06\x00\x02\x00\x00\x00\x07\x00\x08\x0012345678\x00\x00\x00\x00")
	if _, err := wsman.Authenticate(client, malicious, nil); err == nil {
		t.Error("a malicious challenge was accepted")
	}
}

// challenge returns a challenge message (MS-NLMP 2.2.1.2).
func challenge(flags uint32, info string) []byte {
	m := append([]byte("NTLMSSP\x00\x02\x00\x00\x00"), make([]byte, 44)...)
	binary.LittleEndian.PutUint32(m[20:], flags)
	binary.LittleEndian.PutUint16(m[40:], uint16(len(info)))
	binary.LittleEndian.PutUint16(m[42:], uint16(len(info)))
	binary.LittleEndian.PutUint32(m[44:], 56)
	return append(m, info...)
}
