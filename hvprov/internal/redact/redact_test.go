// SPDX-License-Identifier: MPL-2.0

package redact_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
)

func TestStringReplacesASecretInEachFormItTakes(t *testing.T) {
	t.Parallel()
	const secret = `p'w"<d>&\ü/_x` + "\t$1"
	goJSON, _ := json.Marshal(secret)
	nested, _ := json.Marshal(string(goJSON))
	var goXML bytes.Buffer
	_ = xml.EscapeText(&goXML, []byte(secret))
	for _, tt := range []struct{ name, form string }{
		{"as it is", secret},
		{"in JSON", `p'w\"<d>&\\ü/_x\t$1`},
		{"in JSON as Go writes it", strings.Trim(string(goJSON), `"`)},
		{"in JSON as Windows PowerShell writes it", `p\u0027w\"\u003cd\u003e\u0026\\ü/_x\t$1`},
		{"in JSON of ASCII only", `p'w\"<d>&\\\u00fc/_x\t$1`},
		{"in JSON with escaped slashes", `p'w\"<d>&\\ü\/_x\t$1`},
		{"in JSON within JSON", strings.TrimSuffix(strings.TrimPrefix(string(nested), `"\"`), `\""`)},
		{"in XML", "p'w\"&lt;d&gt;&amp;\\ü/_x\t$1"},
		{"in an attribute of XML", "p&apos;w&quot;&lt;d&gt;&amp;\\ü/_x\t$1"},
		{"in XML as Go writes it", goXML.String()},
		{"in CLIXML", `p'w"&lt;d&gt;&amp;\ü/_x005F_x_x0009_$1`},
		{"in single quotes of PowerShell", strings.ReplaceAll(secret, `'`, `''`)},
		{"in base64", base64.StdEncoding.EncodeToString([]byte(secret))},
		{"in base64 of UTF-16", base64.StdEncoding.EncodeToString(utf16LE(secret))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := redact.New("another one", secret)
			if got := r.String("before " + tt.form + " after " + tt.form); got != "before ****** after ******" {
				t.Errorf("got %s", got)
			}
			if got := r.Bytes([]byte(">" + tt.form + "<")); string(got) != ">******<" {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestStringReplacesSecrets(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		secrets    []string
		text, want string
	}{
		{"none", nil, "hello", "hello"},
		{"an empty one is ignored", []string{""}, "hello", "hello"},
		{"one that is not there", []string{"secret"}, "hello", "hello"},
		{"one within a word", []string{"1234"}, "pw12345", "pw******5"},
		{"each time", []string{"1234"}, "1234 and 1234", "****** and ******"},
		{"in other letter case it is another text", []string{"Secret"}, "secret", "secret"},
		{"the longer of two that begin alike", []string{"pass", "password"}, "password=pass", "******=******"},
		{"two that overlap, as one", []string{"abcdef", "defghi"}, "x abcdefghi y", "x ****** y"},
		{"two that touch, as one", []string{"abcd", "efgh"}, "abcdefgh!", "******!"},
		{"one that overlaps itself", []string{"aabaa"}, "aabaabaa.", "******."},
		{"a short one as a whole word", []string{"abc"}, "the abc's abc_d abcd, (abc)", "the ******'s abc_d abcd, (******)"},
		{"a short one of letters beyond ASCII", []string{"äö"}, "äöü äö", "äöü ******"},
		{"a short one at both ends", []string{"x"}, "x", "******"},
		{"a short one in base64 as a whole word", []string{"abc"}, "YWJj xYWJj", "****** xYWJj"},
		{"the white space around it may be lost", []string{"  s3cret "}, "[  s3cret ] [s3cret]", "[******] [******]"},
		{"a line of it may stand alone", []string{"-----BEGIN\nMIIB\r\nab\n"}, "read MIIB and ab", "read ****** and ab"},
		{"a secret of asterisks is no loop", []string{"******"}, "a ****** b", "a ****** b"},
		{"text that is not UTF-8 stays", []string{"1234"}, "\xff1234\xfe", "\xff******\xfe"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := redact.New(tt.secrets...)
			if got := r.String(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := r.Bytes([]byte(tt.text)); string(got) != tt.want {
				t.Errorf("as bytes %q, want %q", got, tt.want)
			}
		})
	}
}

// TestStringLeavesNoBitOfASecretWithinBase64 moves a secret through a longer text, so that its bits begin at each place
// of a base64 character.
func TestStringLeavesNoBitOfASecretWithinBase64(t *testing.T) {
	t.Parallel()
	const secret = "S3cret!"
	r := redact.New(secret)
	for before := range 7 {
		for after := range 4 {
			text := strings.Repeat("~", before) + secret + strings.Repeat("|", after)
			for name, raw := range map[string][]byte{"UTF-8": []byte(text), "UTF-16": utf16LE(text)} {
				unit := len(raw) / len(text)
				encoded := base64.StdEncoding.EncodeToString(raw)
				head, tail, found := strings.Cut(r.String(encoded), redact.Mask)
				if !found {
					t.Errorf("%s, %d before, %d after: %s is still there", name, before, after, encoded)
					continue
				}
				if bits := len(head) * 6; bits > before*unit*8 {
					t.Errorf("%s, %d before, %d after: %s begins too late", name, before, after, head)
				}
				if bits := (len(encoded) - len(tail)) * 6; bits < (before+len(secret))*unit*8 {
					t.Errorf("%s, %d before, %d after: %s ends too early", name, before, after, tail)
				}
			}
		}
	}
}

func TestANilRedactorReplacesNothing(t *testing.T) {
	t.Parallel()
	var r *redact.Redactor
	if got := r.String("text"); got != "text" {
		t.Errorf("got %q", got)
	}
	if got := r.Bytes([]byte("text")); string(got) != "text" {
		t.Errorf("got %q", got)
	}
}

func TestBytesNeverChangesWhatItIsGiven(t *testing.T) {
	t.Parallel()
	given := []byte("the password is 12345")
	if got := redact.New("12345").Bytes(given); string(got) != "the password is ******" {
		t.Errorf("got %q", got)
	}
	if string(given) != "the password is 12345" {
		t.Errorf("given became %q", given)
	}
}

func TestARedactorServesManyAtOnce(t *testing.T) {
	t.Parallel()
	r := redact.New("12345", "other secret")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if got := r.String("a 12345 b"); got != "a ****** b" {
					t.Errorf("got %q", got)
				}
			}
		})
	}
	wg.Wait()
}

// FuzzString holds that no secret of four characters or more survives, and that what is around secrets does.
func FuzzString(f *testing.F) {
	f.Add("p@ss", "word", "before p@ss after word")
	f.Add("aaab", "abaa", "aaabaaab")
	f.Add("\xff\xfe\xfd\xfc", "line\nline", "\xff\xfe\xfd\xfc")
	f.Fuzz(func(t *testing.T, one, two, text string) {
		r := redact.New(one, two)
		for _, secret := range []string{one, two} {
			// The mask itself may complete a secret that has asterisks; that tells nobody anything.
			if utf8.RuneCountInString(secret) < 4 || strings.Contains(secret, "*") {
				continue
			}
			quoted, _ := json.Marshal(secret)
			for _, form := range []string{secret, string(quoted), base64.StdEncoding.EncodeToString([]byte(secret))} {
				if got := r.String(text + form + text); strings.Contains(got, secret) {
					t.Fatalf("%q survives in %q", secret, got)
				}
			}
		}
		if one == "" && two == "" && r.String(text) != text {
			t.Fatalf("without secrets %q changed", text)
		}
	})
}

func Example() {
	r := redact.New("S3cret!", "it's")
	fmt.Println(r.String(`{"guest_la_pw":"S3cret!"} New-User -Password 'it''s' UzNjcmV0IQ==`))
	// Output: {"guest_la_pw":"******"} New-User -Password '******' ******
}

func fromUTF16(units []uint16) string { return string(utf16.Decode(units)) }

func utf16LE(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}
