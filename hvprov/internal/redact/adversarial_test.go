// SPDX-License-Identifier: MPL-2.0

package redact_test

import (
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
)

// The number of ways to decode these texts is exponential in their length: a search that tried each would not end.
func TestTextOfEscapesOnlyIsSearchedInOnePass(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ secret, text string }{
		{strings.Repeat(`\`, 40), strings.Repeat(`\`, 1<<10)},
		{strings.Repeat(`'`, 40), strings.Repeat(`'`, 1<<10)},
		{strings.Repeat("`", 40), strings.Repeat("`", 1<<10)},
		{strings.Repeat(`%`, 40), strings.Repeat(`%25`, 1<<9)},
		{strings.Repeat(`&`, 40), strings.Repeat(`&amp;`, 1<<9)},
		{strings.Repeat("0", 64), strings.Repeat("0", 1<<14)},
		{strings.Repeat("`", 500), strings.Repeat("`", 1<<9)},
	} {
		if got := redact.New(tt.secret).String(tt.text + " end"); got != redact.Mask+" end" {
			t.Errorf("%.10s: %.40q of %d bytes", tt.secret, got, len(got))
		}
		half := strings.Repeat(tt.secret[:1], 20) + "x"
		if got := redact.New(tt.secret + "y").String(strings.Repeat(half, 1000)); got != strings.Repeat(half, 1000) {
			t.Errorf("%.10s, first half only: %.40q", tt.secret, got)
		}
	}
}

func TestASecretWithMixedEncodingsIsReplaced(t *testing.T) {
	t.Parallel()
	const secret = "Ünïq\"ue's & <co> $5"
	for _, tt := range []struct{ name, text string }{
		{"JSON escapes where none are needed", `\u00DCn\u00efq\"ue's \u0026 \u003Cco> $5`},
		{"a backtick before each special character", "Ünïq`\"ue`'s `& `<co`> `$5"},
		{"entities by number and by name", `&#220;n&iuml;q&quot;ue&apos;s &#38; &lt;co&#x3E; $5`},
		{"CLIXML escapes where none are needed", `Ünïq_x0022_ue_x0027_s_x0020_&amp; &lt;co&gt; $5`},
		{"a URL with and without plus signs", `%C3%9cn%C3%AFq%22ue's+%26%20%3Cco%3E+%245`},
		{"colours of a terminal", "Ünïq\"ue\x1b[31;1m's & \x1b[0m<co> $5"},
		{"JSON in XML", `Ünïq\&quot;ue&apos;s &amp; &lt;co&gt; $5`},
		{"XML in JSON", `\u00dcnïq&quot;ue&apos;s &amp; &lt;co&gt; $5`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := redact.New(secret).String("a " + tt.text + " z"); got != "a "+redact.Mask+" z" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestOrdinaryTextIsKept(t *testing.T) {
	t.Parallel()
	r := redact.New("1", "ab", "web", "S3cret!", "12345", "p%w&'\"\\")
	for _, text := range []string{
		"[2/16] disk: C:\\VMs\\web-01x was copied, 100% of 3.1 GB",
		`{"name":"cab","url":"https://h/a?b=c%20d&amp;e","hex":"31 6162 313233"}`,
		"the `web2` of abc's \"webs\" isn't 123456's half: 1234 5, \x1b[2m12_345\x1b[0m",
		strings.Repeat("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo", 3) + "=\n",
		"ÄÖÜ \u2018quoted\u2019 \u201cthus\u201d \xff\xfe",
	} {
		want := text
		switch {
		case strings.Contains(text, "web-01x"):
			want = strings.Replace(strings.Replace(text, "web-01x", redact.Mask+"-01x", 1), "3.1", "3."+redact.Mask, 1)
		case strings.Contains(text, "123456"):
			want = strings.Replace(text, "123456", redact.Mask+"6", 1)
		case strings.Contains(text, `"hex"`):
			want = text
		}
		if got := r.String(text); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestLineBreaksOfASecretMayBeOfAnotherKind(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"a\nb\nc\nd", "a\r\nb\r\nc\r\nd"} {
		r := redact.New(secret)
		for _, text := range []string{"a\nb\nc\nd", "a\r\nb\r\nc\r\nd", `a\nb\nc\nd`, `a\r\nb\r\nc\r\nd`, "a&#xA;b&#xA;c&#xA;d", "a_x000D__x000A_b_x000D__x000A_c_x000D__x000A_d"} {
			if got := r.String("<" + text + ">"); got != "<"+redact.Mask+">" {
				t.Errorf("%q in %q: %q", secret, text, got)
			}
		}
	}
}
