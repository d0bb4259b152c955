// SPDX-License-Identifier: MPL-2.0

package redact_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
)

func TestStringReplacesEachEncodingOfASecret(t *testing.T) {
	t.Parallel()
	const secret = `p'w"<d>&\ü/_x` + "\t$1"
	goJSON, _ := json.Marshal(secret)
	nested, _ := json.Marshal(string(goJSON))
	var goXML bytes.Buffer
	_ = xml.EscapeText(&goXML, []byte(secret))
	for _, tt := range []struct{ name, form string }{
		{"verbatim", secret},
		{"in JSON", `p'w\"<d>&\\ü/_x\t$1`},
		{"in JSON as Go writes it", strings.Trim(string(goJSON), `"`)},
		{"in JSON as Windows PowerShell writes it", `p\u0027w\"\u003cd\u003e\u0026\\ü/_x\t$1`},
		{"in ASCII-only JSON", `p'w\"<d>&\\\u00fc/_x\t$1`},
		{"in JSON with escaped slashes", `p'w\"<d>&\\ü\/_x\t$1`},
		{"in JSON within JSON", strings.TrimSuffix(strings.TrimPrefix(string(nested), `"\"`), `\""`)},
		{"in XML", "p'w\"&lt;d&gt;&amp;\\ü/_x\t$1"},
		{"in an XML attribute", "p&apos;w&quot;&lt;d&gt;&amp;\\ü/_x\t$1"},
		{"in XML as Go writes it", goXML.String()},
		{"in CLIXML", `p'w"&lt;d&gt;&amp;\ü/_x005F_x_x0009_$1`},
		{"in PowerShell single quotes", strings.ReplaceAll(secret, `'`, `''`)},
		{"in base64", base64.StdEncoding.EncodeToString([]byte(secret))},
		{"in base64 of UTF-16LE", base64.StdEncoding.EncodeToString(utf16LE(secret))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := redact.New("another secret", secret)
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
		{"no secrets", nil, "hello", "hello"},
		{"an empty secret is ignored", []string{""}, "hello", "hello"},
		{"a secret that does not occur", []string{"secret"}, "hello", "hello"},
		{"within a word", []string{"1234"}, "pw12345", "pw******5"},
		{"each occurrence", []string{"1234"}, "1234 and 1234", "****** and ******"},
		{"different letter case is different text", []string{"Secret"}, "secret", "secret"},
		{"the longer of two with the same beginning", []string{"pass", "password"}, "password=pass", "******=******"},
		{"two that overlap are replaced as one", []string{"abcdef", "defghi"}, "x abcdefghi y", "x ****** y"},
		{"two that touch are replaced as one", []string{"abcd", "efgh"}, "abcdefgh!", "******!"},
		{"a secret that overlaps itself", []string{"aabaa"}, "aabaabaa.", "******."},
		{"a short secret is replaced as a whole word", []string{"abc"}, "the abc's abc_d abcd, (abc)", "the ******'s abc_d abcd, (******)"},
		{"a short secret of letters beyond ASCII", []string{"äö"}, "äöü äö", "äöü ******"},
		{"a short secret that is the whole text", []string{"x"}, "x", "******"},
		{"base64 of a short secret is replaced as a whole word", []string{"abc"}, "YWJj xYWJj", "****** xYWJj"},
		{"without the white space around it", []string{"  s3cret "}, "[  s3cret ] [s3cret]", "[******] [******]"},
		{"a long line of it alone", []string{"-----BEGIN\nMIIEowIBAAKCAQEA\r\nMIIEowIBAAKCAQE\n"}, "read MIIEowIBAAKCAQEA and MIIEowIBAAKCAQE", "read ****** and MIIEowIBAAKCAQE"},
		{"a secret of asterisks", []string{"******"}, "a ****** b", "a ****** b"},
		{"text that is not UTF-8 is kept", []string{"1234"}, "\xff1234\xfe", "\xff******\xfe"},
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

// The secret moves through a longer text, so that its bits begin at each place of a base64 character.
func TestNoBitOfASecretIsLeftInBase64(t *testing.T) {
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
					t.Errorf("%s, %d before, %d after: nothing is replaced in %s", name, before, after, encoded)
					continue
				}
				if bits := len(head) * 6; bits > before*unit*8 {
					t.Errorf("%s, %d before, %d after: %s keeps bits of its beginning", name, before, after, head)
				}
				if bits := (len(encoded) - len(tail)) * 6; bits < (before+len(secret))*unit*8 {
					t.Errorf("%s, %d before, %d after: %s keeps bits of its end", name, before, after, tail)
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

func TestBytesDoesNotModifyItsArgument(t *testing.T) {
	t.Parallel()
	given := []byte("the password is 12345")
	if got := redact.New("12345").Bytes(given); string(got) != "the password is ******" {
		t.Errorf("got %q", got)
	}
	if string(given) != "the password is 12345" {
		t.Errorf("the argument became %q", given)
	}
}

func TestARedactorIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	r := redact.New("12345")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			secret := fmt.Sprintf("secret number %d", i)
			for range 100 {
				release := r.Add(secret, "shared secret")
				if got, want := r.String("a 12345 b "+secret+" c shared secret"), "a ****** b ****** c ******"; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				release()
			}
		})
	}
	wg.Wait()
	if got, want := r.String("12345 shared secret"), "****** shared secret"; got != want {
		t.Errorf("after all releases: got %q, want %q", got, want)
	}
}

func TestASecretIsReplacedUntilItsLastRelease(t *testing.T) {
	t.Parallel()
	var r redact.Redactor
	want := func(when, text string) {
		t.Helper()
		if got := r.String("first second shared no"); got != text {
			t.Errorf("%s: got %q, want %q", when, got, text)
		}
	}
	want("without secrets", "first second shared no")
	releaseFirst := r.Add("first", "shared", "no")
	want("with the first", "****** second ****** ******")
	releaseSecond := r.Add("second", "shared")
	want("with both", "****** ****** ****** ******")
	releaseFirst()
	releaseFirst()
	want("after two calls of the first release", "first ****** ****** no")
	releaseSecond()
	want("after both releases", "first second shared no")
}

// Random secrets with common prefixes are added and released. The result must always equal that of a new redactor.
func TestReleasesLeaveTheOtherSecretsIntact(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	secret := func() string {
		b := make([]byte, 2+random.IntN(6))
		for i := range b {
			b[i] = "ab\n"[random.IntN(3)]
		}
		return string(b)
	}
	var r redact.Redactor
	type held struct {
		secret  string
		release func()
	}
	var all []held
	for range 2000 {
		if len(all) < 20 && random.IntN(2) == 0 {
			s := secret()
			all = append(all, held{s, r.Add(s)})
		} else if len(all) > 0 {
			i := random.IntN(len(all))
			all[i].release()
			all = append(all[:i], all[i+1:]...)
		}
		fresh := redact.New()
		for _, h := range all {
			fresh.Add(h.secret)
		}
		text := secret() + secret() + " " + secret()
		if got, want := r.String(text), fresh.String(text); got != want {
			t.Fatalf("%q with %d secrets: got %q, want %q", text, len(all), got, want)
		}
	}
}

func TestAddKeepsNoReferenceToItsArguments(t *testing.T) {
	t.Parallel()
	var r redact.Redactor
	secrets := []string{"secret"}
	release := r.Add(secrets...)
	secrets[0] = "other"
	release()
	if got := r.String("secret other"); got != "secret other" {
		t.Errorf("after the release: %q", got)
	}
}

// FuzzString verifies that no secret of four characters or more is left, and that text without secrets is kept.
func FuzzString(f *testing.F) {
	f.Add("p@ss", "word", "before p@ss after word")
	f.Add("aaab", "abaa", "aaabaaab")
	f.Add("\xff\xfe\xfd\xfc", "line\nline", "\xff\xfe\xfd\xfc")
	f.Fuzz(func(t *testing.T, one, two, text string) {
		r := redact.New(one, two)
		for _, secret := range []string{one, two} {
			// The mask itself may complete a secret with asterisks, which reveals nothing.
			if utf8.RuneCountInString(secret) < 4 || strings.Contains(secret, "*") {
				continue
			}
			quoted, _ := json.Marshal(secret)
			for _, form := range []string{secret, string(quoted), base64.StdEncoding.EncodeToString([]byte(secret))} {
				if got := r.String(text + form + text); strings.Contains(got, secret) {
					t.Fatalf("%q is left in %q", secret, got)
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

func ExampleRedactor_Add() {
	var r redact.Redactor
	release := r.Add("S3cret!") // when a job begins
	fmt.Println(r.String("host: S3cret! is too short"))
	release() // after its last output
	fmt.Println(r.String("host: S3cret! is too short"))
	// Output:
	// host: ****** is too short
	// host: S3cret! is too short
}

func fromUTF16(units []uint16) string { return string(utf16.Decode(units)) }

func utf16LE(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}
