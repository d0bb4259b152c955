// SPDX-License-Identifier: MPL-2.0

package kerberos

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// script is a KDC that answers every request with the same bytes, or not at all.
type script struct {
	net.Listener
	asked chan bool // gets one value for each request
}

// scriptedKDC answers with what answer gives, framed; nil closes the connection.
func scriptedKDC(t *testing.T, answer func() []byte) *script {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{listener, make(chan bool, 100)}
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() {
				defer func() { _ = conn.Close() }()
				size := make([]byte, 4)
				if _, err := io.ReadFull(conn, size); err != nil {
					return
				}
				_, _ = io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(size)))
				s.asked <- true
				_, _ = conn.Write(answer())
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		tasks.Wait()
	})
	return s
}

func silentKDC(t *testing.T) *script {
	return scriptedKDC(t, func() []byte {
		<-t.Context().Done()
		return nil
	})
}

func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)
}

// refusing is a KDC that gives an error.
func refusing(t *testing.T, code int32, change func(*messages.KRBError)) *script {
	return scriptedKDC(t, func() []byte {
		e := messages.NewKRBError(types.NewPrincipalName(nametype.KRB_NT_SRV_INST, "krbtgt/LAB.EXAMPLE"), "LAB.EXAMPLE", code, "")
		if change != nil {
			change(&e)
		}
		message, err := e.Marshal()
		if err != nil {
			t.Error(err)
		}
		return framed(message)
	})
}

// configFor writes a krb5.conf that names KDCs.
func configFor(t *testing.T, kdcs ...net.Listener) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("includedir /etc/krb5.conf.d/\n[libdefaults]\n default_realm = LAB.EXAMPLE # the only one\n[realms]\n LAB.EXAMPLE = {\n")
	for _, kdc := range kdcs {
		fmt.Fprintf(&b, "  kdc = %s\n", kdc.Addr())
	}
	b.WriteString(" }\n")
	return writeConfig(t, b.String())
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "krb5.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWhatAKDCRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		code   int32
		change func(*messages.KRBError)
		want   string
	}{
		{"clocks apart", errorcode.KRB_AP_ERR_SKEW, func(e *messages.KRBError) { e.STime = e.STime.Add(7 * time.Minute) }, "behind the other side's"},
		{"clocks apart the other way", errorcode.KRB_AP_ERR_SKEW, func(e *messages.KRBError) { e.STime = e.STime.Add(-7 * time.Minute) }, "ahead of the other side's"},
		{"another realm", errorcode.KDC_ERR_WRONG_REALM, func(e *messages.KRBError) { e.CRealm = "OTHER.EXAMPLE" }, "set the realm to OTHER.EXAMPLE"},
		{"encryption", errorcode.KDC_ERR_ETYPE_NOSUPP, nil, "no encryption type is common"},
		{"an account in revocation", errorcode.KDC_ERR_CLIENT_REVOKED, nil, "locked, disabled or expired"},
		{"something else", errorcode.KDC_ERR_POLICY, func(e *messages.KRBError) { e.EText = "not on Sundays" }, "(not on Sundays)"},
		{"a proof that is unknown", errorcode.KDC_ERR_PREAUTH_REQUIRED, func(e *messages.KRBError) { e.EData = []byte{0x30, 0} }, "a way that is not known"},
		{"a proof that is malformed", errorcode.KDC_ERR_PREAUTH_REQUIRED, func(e *messages.KRBError) { e.EData = []byte{0x30, 0x7f} }, "KDC of realm LAB.EXAMPLE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			kdc := refusing(t, c.code, c.change)
			client := New(Options{Username: "operator", Password: "p", ConfigFile: configFor(t, kdc), SPN: service})
			_, err := client.Token(t.Context(), time.Minute, nil)
			var refused *Error
			if !errors.As(err, &refused) || refused.By != "KDC of realm LAB.EXAMPLE" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if n := len(kdc.asked); n != 1 {
				t.Errorf("the KDC was asked %d times", n)
			}
		})
	}
}

func TestKDCsThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for _, c := range []struct {
		name  string
		kdc   net.Listener
		want  string
		limit time.Duration
	}{
		{"nothing listens", closed, "refused", time.Minute},
		{"it says nothing", silentKDC(t), "no answer within", 50 * time.Millisecond},
		{"it hangs up", scriptedKDC(t, func() []byte { return nil }), "closed the connection", time.Minute},
		{"it breaks off", scriptedKDC(t, func() []byte { return []byte{0, 0, 1, 0, 1} }), "closed the connection", time.Minute},
		{"it speaks HTTP", scriptedKDC(t, func() []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }), "does not speak Kerberos", time.Minute},
		{"it has no capacity", refusing(t, errorcode.KDC_ERR_SVC_UNAVAILABLE, nil), "no capacity", time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			options := Options{Username: "operator", Password: "p", ConfigFile: configFor(t, c.kdc), SPN: service}
			_, err := New(options).Token(t.Context(), c.limit, nil)
			var unreachable *UnreachableError
			if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.kdc.Addr().String()) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			// Another KDC of the realm is asked after it.
			options.ConfigFile = configFor(t, c.kdc, refusing(t, errorcode.KDC_ERR_KEY_EXPIRED, nil))
			_, err = New(options).Token(t.Context(), max(c.limit, time.Second), nil)
			if err == nil || !strings.Contains(err.Error(), "password has expired") {
				t.Errorf("with another KDC: got %v", err)
			}
		})
	}
}

func TestAnAnswerThatIsNoneDoesNoHarm(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string][]byte{
		"not ASN.1":  {0xff},
		"cut off":    {0x6b, 0x82, 0x01, 0x00, 0x30},
		"empty":      {0x6b, 0x02, 0x30, 0x00},
		"of a TGS":   {0x6d, 0x02, 0x30, 0x00},
		"an integer": {0x02, 0x01, 0x05},
	} {
		kdc := scriptedKDC(t, func() []byte { return framed(answer) })
		_, err := New(Options{Username: "operator", Password: "p", ConfigFile: configFor(t, kdc), SPN: service}).Token(t.Context(), time.Minute, nil)
		var refused *Error
		if !errors.As(err, &refused) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestKDCsAreFoundInTheDNSWhereTheConfigurationSaysSo(t *testing.T) {
	t.Parallel()
	kdc := refusing(t, errorcode.KDC_ERR_KEY_EXPIRED, nil)
	port := kdc.Addr().(*net.TCPAddr).Port
	file := writeConfig(t, "[libdefaults]\ndns_lookup_kdc = true\n")
	client := New(Options{Username: "operator@lab.example", Password: "p", ConfigFile: file, SPN: service})
	client.lookup = func(_ context.Context, realm string) ([]*net.SRV, error) {
		if realm != "LAB.EXAMPLE" {
			t.Errorf("asked for %s", realm)
		}
		return []*net.SRV{{Target: "127.0.0.1.", Port: uint16(port)}}, nil
	}
	if _, err := client.Token(t.Context(), time.Minute, nil); err == nil || !strings.Contains(err.Error(), "password has expired") {
		t.Errorf("got %v", err)
	}
	client.lookup = func(context.Context, string) ([]*net.SRV, error) { return nil, nil }
	if _, err := client.Token(t.Context(), time.Minute, nil); err == nil || !strings.Contains(err.Error(), "the DNS knows none") {
		t.Errorf("got %v", err)
	}
}

func TestAnAnswerOfTheServiceThatProvesNothing(t *testing.T) {
	t.Parallel()
	token := &Token{spn: service}
	for name, answer := range map[string][]byte{
		"nothing":      nil,
		"not ASN.1":    {0xff, 0x00},
		"an init":      {0x60, 0x02, 0x06, 0x00},
		"an empty one": {0xa1, 0x07, 0x30, 0x05, 0xa0, 0x03, 0x0a, 0x01, 0x00},
	} {
		var refused *Error
		if err := token.Verify(answer); !errors.As(err, &refused) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestNoTwoAuthenticatorsAreAlike(t *testing.T) {
	t.Parallel()
	client := New(Options{})
	client.last = time.Now().UTC().Truncate(time.Microsecond).Add(time.Hour)
	client.service = &ticket{}
	seen := client.last
	// Without a ticket no token is made, but its time is taken.
	_ = guard(func() error { _, err := client.newToken(nil); return err })
	if !client.last.After(seen) {
		t.Errorf("%v does not follow %v", client.last, seen)
	}
}
