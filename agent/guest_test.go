// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// The first hash is that of https://www.akkadia.org/drepper/SHA-crypt.txt, the others are those of crypt(3) of the GNU C library.
func TestPasswordHashesAreThoseOfCrypt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	hashes := []struct{ password, salt, want string }{
		{"Hello world!", "saltstring", "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"},
		{"x", "./Az09abcdefGHIJ", "bnakrHkiqh4E.ToUxpYDRlC8Ed6QjVR5jWINjw3wu5gjexY/fWPQfTdZ9Utsme8C2xGAFe5qXfJLnDmapELd71"},
		{strings.Repeat("\u00e4\u00f6\u20ac", 30), "./Az09abcdefGHIJ", "80PdbGXfM8UDIzMQfD7fncHYT7180tr1qfmHkWgAEOX8D5Jd9mGrrID./xIgAoOM5SzGGGW99o43GSkY227Ri."},
	}
	var script strings.Builder
	script.WriteString("Set-StrictMode -Version Latest\n. '%agent%'\n")
	for _, h := range hashes {
		fmt.Fprintf(&script, "Get-CryptHash -Password ([System.Text.Encoding]::UTF8.GetString([System.Convert]::FromBase64String('%s'))) -Salt '%s'\n",
			base64.StdEncoding.EncodeToString([]byte(h.password)), h.salt)
	}
	output, code := f.runScript(script.String())
	got := strings.Fields(output)
	if code != 0 || len(got) != len(hashes) {
		t.Fatalf("exit code %d: %s", code, output)
	}
	for i, h := range hashes {
		if want := "$6$" + h.salt + "$" + h.want; got[i] != want {
			t.Errorf("%q: %s, want %s", h.password, got[i], want)
		}
	}
}

func TestAMediumIsRemovedWhenTheGuestHasReadIt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	output, code := f.runScript(`
. '%agent%'
foreach ($family in 'linux', 'windows') {
    foreach ($condition in 'nothing', 'heartbeat', 'address', 'setup') {
        if (Test-GuestMediaEjected -Fields @{ os_family = $family; wait_for = $condition }) { "$family $condition" }
    }
}
`)
	f.wantLines(output, code, "linux address", "linux setup", "windows setup")
}
