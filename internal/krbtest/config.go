// SPDX-License-Identifier: MPL-2.0

package krbtest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// WriteConfig writes a krb5.conf and returns its path.
func WriteConfig(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "krb5.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ConfigFor writes a krb5.conf in which Realm has the given KDCs and returns its path.
func ConfigFor(t *testing.T, kdcs ...net.Addr) (path string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "includedir /etc/krb5.conf.d/\n[libdefaults]\n default_realm = %[1]s # comment\n[realms]\n %[1]s = {\n", Realm)
	for _, kdc := range kdcs {
		fmt.Fprintf(&b, "  kdc = %s\n", kdc)
	}
	b.WriteString(" }\n")
	return WriteConfig(t, b.String())
}
