// SPDX-License-Identifier: MPL-2.0

package kerberos

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/krbtest"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tcptest"
)

// fakeKDC is a KDC that sends the same response to every request, or none.
type fakeKDC struct {
	address  net.Addr
	requests chan bool // receives a value for each request
}

// startFakeKDC starts a KDC that sends what respond returns and then closes the connection.
func startFakeKDC(t *testing.T, respond func(ctx context.Context) []byte) *fakeKDC {
	t.Helper()
	kdc := &fakeKDC{requests: make(chan bool, 100)}
	kdc.address = tcptest.Serve(t, func(ctx context.Context, conn net.Conn) {
		size := make([]byte, 4)
		if _, err := io.ReadFull(conn, size); err != nil {
			return
		}
		_, _ = io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(size)))
		kdc.requests <- true
		_, _ = conn.Write(respond(ctx))
	})
	return kdc
}

// sending starts a KDC that responds with data.
func sending(t *testing.T, data []byte) *fakeKDC {
	t.Helper()
	return startFakeKDC(t, func(context.Context) []byte { return data })
}

// silent starts a KDC that does not respond.
func silent(t *testing.T) *fakeKDC {
	t.Helper()
	return startFakeKDC(t, func(ctx context.Context) []byte {
		<-ctx.Done()
		return nil
	})
}

// refusing starts a KDC that responds with an error message.
func refusing(t *testing.T, code int32, change func(*messages.KRBError)) *fakeKDC {
	t.Helper()
	e := messages.NewKRBError(types.NewPrincipalName(nametype.KRB_NT_SRV_INST, "krbtgt/LAB.EXAMPLE"), "LAB.EXAMPLE", code, "")
	if change != nil {
		change(&e)
	}
	message, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return sending(t, framed(message))
}

func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)
}

func TestErrorsOfAKDC(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		code   int32
		change func(*messages.KRBError)
		want   string
	}{
		{"a clock behind", errorcode.KRB_AP_ERR_SKEW, func(e *messages.KRBError) { e.STime = e.STime.Add(7 * time.Minute) }, "behind the other side's"},
		{"a clock ahead", errorcode.KRB_AP_ERR_SKEW, func(e *messages.KRBError) { e.STime = e.STime.Add(-7 * time.Minute) }, "ahead of the other side's"},
		{"a user of another realm", errorcode.KDC_ERR_WRONG_REALM, func(e *messages.KRBError) { e.CRealm = "OTHER.EXAMPLE" }, "set the realm to OTHER.EXAMPLE"},
		{"no common encryption type", errorcode.KDC_ERR_ETYPE_NOSUPP, nil, "have no common encryption type"},
		{"a revoked account", errorcode.KDC_ERR_CLIENT_REVOKED, nil, "locked, disabled or expired"},
		{"another error", errorcode.KDC_ERR_POLICY, func(e *messages.KRBError) { e.EText = "not on Sundays" }, "(not on Sundays)"},
		{"unknown preauthentication", errorcode.KDC_ERR_PREAUTH_REQUIRED, func(e *messages.KRBError) { e.EData = []byte{0x30, 0} }, "method is not supported"},
		{"malformed preauthentication", errorcode.KDC_ERR_PREAUTH_REQUIRED, func(e *messages.KRBError) { e.EData = []byte{0x30, 0x7f} }, "KDC of realm LAB.EXAMPLE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			kdc := refusing(t, c.code, c.change)
			client := New(Options{Username: "operator", Password: "p", ConfigFile: krbtest.ConfigFor(t, kdc.address), SPN: service})
			_, err := client.Token(t.Context(), time.Minute, nil)
			var refused *Error
			if !errors.As(err, &refused) || refused.By != "KDC of realm LAB.EXAMPLE" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if n := len(kdc.requests); n != 1 {
				t.Errorf("the KDC got %d requests, want 1", n)
			}
		})
	}
}

func TestKDCsThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	closed := tcptest.Listen(t)
	_ = closed.Close()
	for _, c := range []struct {
		name  string
		kdc   *fakeKDC
		want  string
		limit time.Duration
	}{
		{"it does not listen", &fakeKDC{address: closed.Addr()}, "refused", time.Minute},
		{"it is silent", silent(t), "no answer within", 50 * time.Millisecond},
		{"it closes the connection", sending(t, nil), "closed the connection", time.Minute},
		{"its reply is incomplete", sending(t, []byte{0, 0, 1, 0, 1}), "closed the connection", time.Minute},
		{"it is an HTTP server", sending(t, []byte("HTTP/1.1 400 Bad Request\r\n\r\n")), "is not Kerberos", time.Minute},
		{"it has no capacity", refusing(t, errorcode.KDC_ERR_SVC_UNAVAILABLE, nil), "no capacity", time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			options := Options{Username: "operator", Password: "p", ConfigFile: krbtest.ConfigFor(t, c.kdc.address), SPN: service}
			_, err := New(options).Token(t.Context(), c.limit, nil)
			var unreachable *UnreachableError
			if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.kdc.address.String()) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			// Another KDC of the realm gets the request next.
			options.ConfigFile = krbtest.ConfigFor(t, c.kdc.address, refusing(t, errorcode.KDC_ERR_KEY_EXPIRED, nil).address)
			_, err = New(options).Token(t.Context(), max(c.limit, 10*time.Second), nil)
			if err == nil || !strings.Contains(err.Error(), "password has expired") {
				t.Errorf("with another KDC: got %v", err)
			}
		})
	}
}

func TestMalformedRepliesOfAKDC(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string][]byte{
		"not ASN.1":   {0xff},
		"truncated":   {0x6b, 0x82, 0x01, 0x00, 0x30},
		"empty":       {0x6b, 0x02, 0x30, 0x00},
		"a TGS reply": {0x6d, 0x02, 0x30, 0x00},
		"an integer":  {0x02, 0x01, 0x05},
	} {
		kdc := sending(t, framed(reply))
		_, err := New(Options{Username: "operator", Password: "p", ConfigFile: krbtest.ConfigFor(t, kdc.address), SPN: service}).Token(t.Context(), time.Minute, nil)
		var refused *Error
		if !errors.As(err, &refused) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestKDCsAreLookedUpInTheDNSIfTheConfigurationPermitsIt(t *testing.T) {
	t.Parallel()
	kdc := refusing(t, errorcode.KDC_ERR_KEY_EXPIRED, nil)
	port := kdc.address.(*net.TCPAddr).Port
	file := krbtest.WriteConfig(t, "[libdefaults]\ndns_lookup_kdc = true\n")
	client := New(Options{Username: "operator@lab.example", Password: "p", ConfigFile: file, SPN: service})
	client.lookupSRV = func(_ context.Context, realm string) ([]*net.SRV, error) {
		if realm != "LAB.EXAMPLE" {
			t.Errorf("realm %s was looked up", realm)
		}
		return []*net.SRV{{Target: "127.0.0.1.", Port: uint16(port)}}, nil
	}
	if _, err := client.Token(t.Context(), time.Minute, nil); err == nil || !strings.Contains(err.Error(), "password has expired") {
		t.Errorf("got %v", err)
	}
	client.lookupSRV = func(context.Context, string) ([]*net.SRV, error) { return nil, nil }
	if _, err := client.Token(t.Context(), time.Minute, nil); err == nil || !strings.Contains(err.Error(), "no SRV records found") {
		t.Errorf("got %v", err)
	}
}

func TestRepliesOfTheServiceThatProveNothing(t *testing.T) {
	t.Parallel()
	token := &Token{spn: service}
	for name, reply := range map[string][]byte{
		"no token":          nil,
		"not ASN.1":         {0xff, 0x00},
		"an initial token":  {0x60, 0x02, 0x06, 0x00},
		"an empty response": {0xa1, 0x07, 0x30, 0x05, 0xa0, 0x03, 0x0a, 0x01, 0x00},
	} {
		var refused *Error
		if err := token.Verify(reply); !errors.As(err, &refused) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestEachAuthenticatorHasADifferentTime(t *testing.T) {
	t.Parallel()
	client := New(Options{})
	client.lastTime = time.Now().UTC().Truncate(time.Microsecond).Add(time.Hour)
	client.service = &ticket{}
	seen := client.lastTime
	// Without a ticket newToken fails, but it records the time.
	_ = recoverPanic(func() error { _, err := client.newToken(nil); return err })
	if !client.lastTime.After(seen) {
		t.Errorf("time %v is not after %v", client.lastTime, seen)
	}
}
