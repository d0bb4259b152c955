// SPDX-License-Identifier: MPL-2.0

package kerberos

import (
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/krbtest"
)

// acceptor is a service that uses MIT's library. Its arguments are a token and the expected channel bindings. It prints the user's
// name or "refused", and its reply.
const acceptor = `
import base64, sys, gssapi
from gssapi.raw import ChannelBindings
bindings = ChannelBindings(application_data=sys.argv[2].encode()) if sys.argv[2] else None
context = gssapi.SecurityContext(creds=gssapi.Credentials(usage="accept"), usage="accept", channel_bindings=bindings)
try:
    token = context.step(base64.b64decode(sys.argv[1]))
    print(context.initiator_name if context.complete else "incomplete")
except gssapi.exceptions.GSSError as error:
    token = error.token
    print("refused")
print(base64.b64encode(token).decode())
`

func TestTokensInteroperateWithMITKerberos(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3" // Debian's Python, which has the packages
	if err := exec.CommandContext(t.Context(), python, "-c", "import gssapi").Run(); err != nil {
		t.Skip("Kerberos: the Python package gssapi is not installed (Debian package python3-gssapi)")
	}
	kdc := krbtest.Start(t)
	keytab := filepath.Join(t.TempDir(), "keytab")
	if err := os.WriteFile(keytab, kdc.AddService(service), 0o600); err != nil {
		t.Fatal(err)
	}
	kdc.AddUser("operator", "correct horse")
	client := New(Options{Username: "operator", Password: "correct horse", ConfigFile: kdc.ConfigFile, SPN: service})
	forms := map[string]func(*Token) []byte{
		"SPNEGO":  func(t *Token) []byte { return t.SPNEGO },
		"GSS-API": func(t *Token) []byte { return t.GSSAPI },
	}
	for _, c := range []struct{ name, bindings, expected, want string }{
		{"without a channel binding", "", "", "operator@LAB.EXAMPLE"},
		{"with a channel binding", "tls-server-end-point:0123456789abcdef", "tls-server-end-point:0123456789abcdef", "operator@LAB.EXAMPLE"},
		{"with the channel binding of another connection", "tls-server-end-point:0123456789abcdef", "tls-server-end-point:fedcba9876543210", "refused"},
	} {
		var bindings []byte
		if c.bindings != "" {
			bindings = []byte(c.bindings)
		}
		for form, bytesOf := range forms {
			token, err := client.Token(t.Context(), time.Minute, bindings)
			if err != nil {
				t.Fatal(err)
			}
			accept := exec.CommandContext(t.Context(), python, "-c", acceptor, base64.StdEncoding.EncodeToString(bytesOf(token)), c.expected)
			accept.Env = append(os.Environ(), "KRB5_CONFIG="+kdc.ConfigFile, "KRB5_KTNAME="+keytab, "KRB5RCACHENAME=none:")
			out, err := accept.Output()
			result, encoded, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
			if err != nil || result != c.want {
				t.Errorf("%s, %s: got %q, %v", c.name, form, out, err)
				continue
			}
			reply, err := base64.StdEncoding.DecodeString(encoded)
			if err != nil {
				t.Fatal(err)
			}
			var refused *Error
			if err := token.Verify(reply); (err == nil) != (c.want != "refused") || err != nil && !errors.As(err, &refused) {
				t.Errorf("%s, %s: Verify returned %v", c.name, form, err)
			}
		}
	}
}
