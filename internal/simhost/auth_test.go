// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/masterzen/winrm"
)

// masterzenClient is the client of another project.
func masterzenClient(t *testing.T, s *Server, transport func() winrm.Transporter, user, password string) *winrm.Client {
	t.Helper()
	endpoint := winrm.NewEndpoint(s.Address(), s.Port(), s.CACertPEM() != nil, false, s.CACertPEM(), nil, nil, 30*time.Second)
	params := *winrm.DefaultParameters
	params.Timeout, params.TransportDecorator = "PT20S", transport
	c, err := winrm.NewClientWithParameters(endpoint, user, password, &params)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ntlmClear() winrm.Transporter { return &winrm.ClientNTLM{} }

func ntlmSealed() winrm.Transporter {
	e, err := winrm.NewEncryption("ntlm")
	if err != nil {
		panic(err)
	}
	return e
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	plain := func(auth Auth) Options { return Options{PlainHTTP: true, Auth: auth} }
	for _, c := range []struct {
		name      string
		opts      Options
		transport func() winrm.Transporter
		user      string
		password  string
		sealed    bool
		refused   string // note in the log
	}{
		{name: "basic over TLS is accepted if allowed", opts: Options{Auth: Auth{AllowBasic: true}}},
		{name: "basic over TLS is rejected by default", refused: "Basic is not allowed"},
		{name: "basic over HTTP is rejected", opts: plain(Auth{AllowBasic: true}), refused: "Basic over HTTP"},
		{name: "basic over HTTP is accepted if unencrypted messages are allowed", opts: plain(Auth{AllowBasic: true, AllowUnencrypted: true})},
		{name: "basic with a wrong password is rejected", opts: Options{Auth: Auth{AllowBasic: true}}, password: "wrong", refused: "wrong user name"},
		{name: "basic of an unknown user is rejected", opts: Options{Auth: Auth{AllowBasic: true}}, user: "unknown", refused: "wrong user name"},
		{name: "NTLM over TLS is accepted", transport: ntlmClear},
		{name: "NTLM with a domain is accepted", transport: ntlmClear, user: `SIMHOST\administrator`},
		{name: "NTLM over TLS with a wrong password is rejected", transport: ntlmClear, password: "wrong", refused: "wrong password"},
		{name: "NTLM of an unknown user is rejected", transport: ntlmClear, user: "unknown", refused: "no such user"},
		{name: "NTLM of a locked account is rejected", transport: ntlmClear, user: "locked", password: "pw", refused: "locked"},
		{name: "NTLM of an expired account is rejected", transport: ntlmClear, user: "expired", password: "pw", refused: "expired"},
		{name: "NTLM of a second account is accepted", transport: ntlmClear, user: "operator", password: "pw"},
		{name: "NTLM over HTTP with unencrypted messages is rejected", opts: plain(Auth{}), transport: ntlmClear, refused: "unencrypted messages"},
		{name: "NTLM over HTTP with unencrypted messages is accepted if allowed", opts: plain(Auth{AllowUnencrypted: true}), transport: ntlmClear},
		{name: "NTLM over HTTP with sealed messages is accepted", opts: plain(Auth{}), transport: ntlmSealed, sealed: true},
		{name: "NTLM over HTTP of a locked account is rejected", opts: plain(Auth{}), transport: ntlmSealed, user: "locked", password: "pw", refused: "locked"},
		{
			name: "NTLM over TLS without a channel binding is rejected when one is required",
			opts: Options{Auth: Auth{RequireChannelBinding: true}}, transport: ntlmClear, refused: "channel binding",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.opts.Accounts = map[string]AccountState{
				"locked": {Password: "pw", Locked: true}, "expired": {Password: "pw", Expired: true}, "operator": {Password: "pw"},
			}
			s := start(t, c.opts)
			user, password := s.Username(), s.Password()
			if c.user != "" {
				user = c.user
			}
			if c.password != "" {
				password = c.password
			}
			client := masterzenClient(t, s, c.transport, user, password)
			var stdout, stderr bytes.Buffer
			exit, err := client.RunWithContext(limited(t), "echo one two", &stdout, &stderr)
			if c.refused == "" {
				if err != nil || exit != 0 || stdout.String() != "one two\r\n" {
					t.Fatalf("got %q, %d, %v", stdout.String(), exit, err)
				}
				checkSealed(t, s, c.sealed)
				return
			}
			if err == nil {
				t.Fatalf("got %q, want a rejection", stdout.String())
			}
			log := s.Log()
			if last := log[len(log)-1]; last.Status != http.StatusUnauthorized || !strings.Contains(last.Note, c.refused) {
				t.Errorf("last answer %d %q, want 401 for %q", last.Status, last.Note, c.refused)
			}
			if n := s.Counters(); n.Shells != 0 || len(n.ByAction) != 0 {
				t.Errorf("the rejected client reached %v", n)
			}
		})
	}
}

func checkSealed(t *testing.T, s *Server, want bool) {
	t.Helper()
	for _, e := range s.Log() {
		if e.Action != "" && e.Sealed != want {
			t.Errorf("%s sealed: %t", e.Action, e.Sealed)
		}
	}
}

func TestRejectionsHaveNoBody(t *testing.T) {
	t.Parallel()
	for _, basic := range []bool{false, true} {
		s := start(t, Options{Auth: Auth{AllowBasic: basic}})
		w := dial(t, s)
		w.pass = "wrong"
		got := w.do(wireRequest{action: nsTransfer + "/Create", body: createBody})
		if got.status != http.StatusUnauthorized || got.raw != "" {
			t.Errorf("got %d %q", got.status, got.raw)
		}
		want := []string{"Negotiate"}
		if basic {
			want = append(want, `Basic realm="WSMAN"`)
		}
		if have := got.header.Values("Www-Authenticate"); fmt.Sprint(have) != fmt.Sprint(want) {
			t.Errorf("offers %q, want %q", have, want)
		}
	}
}

func TestSealedMessagesNeedAnAuthenticatedConnection(t *testing.T) {
	t.Parallel()
	s := start(t, Options{PlainHTTP: true})
	req, err := http.NewRequestWithContext(limited(t), http.MethodPost, s.URL(), strings.NewReader(boundary+"\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", sealedType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestIdentifyNeedsNoAuthentication(t *testing.T) {
	t.Parallel()
	s := start(t, Options{PlainHTTP: true})
	post := func(body string) (int, string) {
		req, err := http.NewRequestWithContext(limited(t), http.MethodPost, s.URL(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("WSMANIDENTIFY", "unauthenticated")
		req.Header.Set("Content-Type", soapType)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		raw, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(raw)
	}
	status, body := post(`<s:Envelope xmlns:s="` + nsSOAP + `"><s:Header/><s:Body><i:Identify xmlns:i="` + nsIdentity + `"/></s:Body></s:Envelope>`)
	if status != http.StatusOK || !strings.Contains(body, "OS: 0.0.0 SP: 0.0 Stack: 3.0") {
		t.Errorf("got %d %s", status, body)
	}
	if status, _ := post((wireRequest{action: nsTransfer + "/Create", body: createBody}).envelope(s.URL())); status != http.StatusUnauthorized {
		t.Errorf("Create without authentication: status %d", status)
	}
}
