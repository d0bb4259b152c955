// SPDX-License-Identifier: MPL-2.0

package ntlm

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/bodgit/ntlmssp"
)

// handshake answers a challenge with the client of another project.
func handshake(t *testing.T, user, password, domain string, binding *ntlmssp.ChannelBindings) (*ntlmssp.Client, *Challenge, []byte) {
	t.Helper()
	client, err := ntlmssp.NewClient(ntlmssp.SetUserInfo(user, password), ntlmssp.SetDomain(domain), ntlmssp.SetVersion(ntlmssp.DefaultVersion()))
	if err != nil {
		t.Fatal(err)
	}
	first, err := client.Authenticate(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	challenge, err := NewChallenge(first, "HV01", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	last, err := client.Authenticate(challenge.Message(), binding)
	if err != nil {
		t.Fatal(err)
	}
	return client, challenge, last
}

func TestVerify(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, user, password, domain string
		verify                       string
		change                       func(message []byte)
		want                         error
	}{
		{name: "the right password", user: "Administrator", password: "Pässword1", verify: "Pässword1"},
		{name: "a domain", user: "Administrator", password: "pw", domain: "LAB", verify: "pw"},
		{name: "a wrong password", user: "Administrator", password: "pw", verify: "PW", want: ErrRefused},
		{name: "no password", user: "Administrator", password: "pw", verify: "", want: ErrRefused},
		{
			name: "a changed flag", user: "a", password: "pw", verify: "pw", want: ErrRefused,
			change: func(m []byte) { m[60] ^= 2 },
		},
		{
			name: "a changed integrity code", user: "a", password: "pw", verify: "pw", want: ErrRefused,
			change: func(m []byte) { m[72] ^= 1 },
		},
	} {
		_, challenge, last := handshake(t, c.user, c.password, c.domain, nil)
		if c.change != nil {
			c.change(last)
		}
		id, err := ParseAuthenticate(last)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if id.User != c.user || id.Domain != c.domain || id.ChannelBinding != nil {
			t.Errorf("%s: claims %q %q", c.name, id.Domain, id.User)
		}
		session, err := challenge.Verify(id, c.verify)
		if !errors.Is(err, c.want) || (session == nil) != (c.want != nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestChallengeIsForOneHandshake(t *testing.T) {
	t.Parallel()
	_, _, last := handshake(t, "a", "pw", "", nil)
	_, other, _ := handshake(t, "a", "pw", "", nil)
	id, err := ParseAuthenticate(last)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Verify(id, "pw"); !errors.Is(err, ErrRefused) {
		t.Errorf("an answer to another challenge: %v", err)
	}
}

func TestChannelBindingIsFound(t *testing.T) {
	t.Parallel()
	_, _, last := handshake(t, "a", "pw", "", &ntlmssp.ChannelBindings{ApplicationData: []byte("tls-server-end-point:x")})
	id, err := ParseAuthenticate(last)
	if err != nil || len(id.ChannelBinding) != 16 {
		t.Errorf("got %x, %v", id.ChannelBinding, err)
	}
}

func TestSession(t *testing.T) {
	t.Parallel()
	client, challenge, last := handshake(t, "a", "pw", "", nil)
	id, err := ParseAuthenticate(last)
	if err != nil {
		t.Fatal(err)
	}
	session, err := challenge.Verify(id, "pw")
	if err != nil || !session.Seals() {
		t.Fatalf("got %v, %v", session, err)
	}
	theirs := client.SecuritySession()
	for i := range 3 {
		text := bytes.Repeat([]byte{byte(i)}, 1000*i)
		sealed, signature, err := theirs.Wrap(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := session.Open(append(signature, sealed...)); err != nil || !bytes.Equal(got, text) {
			t.Errorf("message %d to the server: %v", i, err)
		}
		ours := session.Seal(text)
		if got, err := theirs.Unwrap(ours[SignatureSize:], ours[:SignatureSize]); err != nil || !bytes.Equal(got, text) {
			t.Errorf("message %d to the client: %v", i, err)
		}
	}
	sealed, signature, err := theirs.Wrap([]byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	sealed[0] ^= 1
	for name, message := range map[string][]byte{"a changed message": append(signature, sealed...), "a message that is too short": {1, 0, 0}} {
		if _, err := session.Open(message); !errors.Is(err, ErrSealing) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMalformedMessages(t *testing.T) {
	t.Parallel()
	_, _, last := handshake(t, "a", "pw", "", nil)
	for n := range last {
		if id, err := ParseAuthenticate(last[:n]); err == nil && n < 64 {
			t.Errorf("%d bytes were accepted as %+v", n, id)
		}
	}
	outside := bytes.Clone(last)
	outside[40], outside[41], outside[42], outside[43] = 0xff, 0xff, 0xff, 0xff
	for name, b := range map[string][]byte{"nothing": nil, "a challenge": append([]byte("NTLMSSP\x00"), 2, 0, 0, 0), "a field outside": outside} {
		if _, err := ParseAuthenticate(b); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	oem := append([]byte("NTLMSSP\x00"), 1, 0, 0, 0, 2, 2, 0, 0)
	for name, b := range map[string][]byte{"nothing": nil, "an authenticate message": last, "a client without Unicode": oem} {
		if _, err := NewChallenge(b, "HV01", time.Time{}); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnwrapRejectsMalformedTokens(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"nothing": nil, "text": []byte("hello"), "another mechanism": {0x60, 5, 6, 3, 42, 3, 4}, "a cut token": {0x60, 0x20, 6},
		"an empty answer": {0xa1, 0},
	} {
		if m, _, err := Unwrap(b); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %x, %v", name, m, err)
		}
	}
}

func FuzzUnwrapAndParse(f *testing.F) {
	f.Add([]byte("NTLMSSP\x00\x03\x00\x00\x00"))
	f.Add([]byte{0xa1, 4, 0x30, 2, 0xa2, 0})
	f.Fuzz(func(_ *testing.T, b []byte) {
		if m, _, err := Unwrap(b); err == nil {
			_, _ = ParseAuthenticate(m)
			_, _ = NewChallenge(m, "HV01", time.Time{})
		}
	})
}
