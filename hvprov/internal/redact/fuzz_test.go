// SPDX-License-Identifier: MPL-2.0

package redact_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"math/rand/v2"
	"mime/quotedprintable"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
)

// form is one way to write a secret.
type form struct {
	name  string
	write func(s string) string
	exact bool // all of it is replaced, and nothing else
}

var forms = []form{
	{"as it is", func(s string) string { return s }, true},
	{"JSON", func(s string) string { return inJSON(s, true) }, true},
	{"JSON without escapes for HTML", func(s string) string { return inJSON(s, false) }, true},
	{"JSON in JSON", func(s string) string { return inJSON(inJSON(s, true), true) }, true},
	{"JSON in JSON in JSON", func(s string) string { return inJSON(inJSON(inJSON(s, false), false), false) }, true},
	{"JSON, every character escaped", func(s string) string {
		var b strings.Builder
		units := utf16LE(s)
		for i := 0; i < len(units); i += 2 {
			fmt.Fprintf(&b, []string{`\u%02x%02X`, `\u%02X%02x`}[i/2%2], units[i+1], units[i])
		}
		return b.String()
	}, true},
	{"Go", func(s string) string { return strings.Trim(strconv.Quote("~"+s+"~"), `"~`) }, false},
	{"Go, ASCII", func(s string) string { return strings.Trim(strconv.QuoteToASCII("~"+s+"~"), `"~`) }, false},
	{"XML", func(s string) string {
		var b bytes.Buffer
		_ = xml.EscapeText(&b, []byte(s))
		return b.String()
	}, true},
	{"HTML", html.EscapeString, true},
	{"HTML in HTML", func(s string) string { return html.EscapeString(html.EscapeString(s)) }, true},
	{"HTML, every character", func(s string) string {
		var b strings.Builder
		for i, r := range []rune(s) {
			fmt.Fprintf(&b, []string{"&#%d;", "&#x%x;", "&#X%06X;"}[i%3], r)
		}
		return b.String()
	}, true},
	{"CLIXML", func(s string) string {
		return inCLIXML(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s))
	}, true},
	{"URL query", url.QueryEscape, true},
	{"URL path", url.PathEscape, true},
	{"URL, twice", func(s string) string { return url.QueryEscape(url.QueryEscape(s)) }, true},
	{"URL, every byte", func(s string) string { return "%" + eachByte(s, "%02x", "%") }, true},
	{"hexadecimal", func(s string) string { return hex.EncodeToString([]byte(s)) }, true},
	{"BitConverter", func(s string) string { return eachByte(s, "%02X", "-") }, true},
	{"bytes of C", func(s string) string { return eachByte(s, "0x%02x", ", ") }, false},
	{"hexadecimal of UTF-16", func(s string) string { return hex.EncodeToString(utf16LE(s)) }, true},
	{"single quotes", strings.NewReplacer(`'`, `''`, `‘`, `‘‘`, `’`, `’’`).Replace, true},
	{"double quotes", strings.NewReplacer("`", "``", `"`, "`\"", "$", "`$", "\n", "`n", "\t", "`t").Replace, false},
	{"CSV", strings.NewReplacer(`"`, `""`).Replace, true},
	{"shell", strings.NewReplacer(`'`, `'\''`).Replace, true},
	{"quoted-printable", func(s string) string {
		var b strings.Builder
		w := quotedprintable.NewWriter(&b)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
		return b.String()
	}, false},
	{"UTF-16", func(s string) string { return string(utf16LE(s)) }, false},
	{"base64", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }, true},
	{"base64url", func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }, true},
	{"base64 of UTF-16", func(s string) string { return base64.StdEncoding.EncodeToString(utf16LE(s)) }, true},
	{"base64 within a text", func(s string) string { return base64.StdEncoding.EncodeToString([]byte("-p '" + s + "' -q")) }, false},
	{"base64 of a script", func(s string) string {
		return base64.StdEncoding.EncodeToString(utf16LE("New-User '" + strings.ReplaceAll(s, "'", "''") + "'"))
	}, false},
	{"base64 in lines", func(s string) string {
		return lines(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a line ", 9)+s+" and more")), 76, "\r\n")
	}, false},
	{"base64 in lines in JSON", func(s string) string {
		return inJSON(lines(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a line ", 6)+s+" and more")), 64, "\n"), true)
	}, false},
	{"base64 in a URL", func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) }, false},
}

func inJSON(s string, escapeHTML bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escapeHTML)
	_ = e.Encode(s)
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), `"`), "\"\n")
}

func inCLIXML(s string) string {
	var b strings.Builder
	for i, r := range s {
		if r < ' ' || r == '_' && (strings.HasPrefix(s[i:], "_x") || strings.HasPrefix(s[i:], "_X")) {
			fmt.Fprintf(&b, "_x%04X_", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func eachByte(s, format, between string) string {
	all := make([]string, len(s))
	for i := range len(s) {
		all[i] = fmt.Sprintf(format, s[i])
	}
	return strings.Join(all, between)
}

func lines(s string, length int, end string) string {
	var b strings.Builder
	for len(s) > length {
		b.WriteString(s[:length] + end)
		s = s[length:]
	}
	return b.String() + s
}

var (
	jsonUnit  = regexp.MustCompile(`\\+u[0-9a-fA-F]{4}(\\+u[0-9a-fA-F]{4})?`)
	clixUnit  = regexp.MustCompile(`_[xX][0-9a-fA-F]{4}_(_[xX][0-9a-fA-F]{4}_)?`)
	percent   = regexp.MustCompile(`%(25)*[0-9a-fA-F]{2}`)
	hexRun    = regexp.MustCompile(`[0-9a-fA-F]{2}([-:, ]{0,2}(0x)?[0-9a-fA-F]{2})+`)
	base64Run = regexp.MustCompile(`[A-Za-z0-9+/]{4,}`)
	digits    = regexp.MustCompile(`[0-9a-fA-F]{4}`)
)

// units reads what an escape of one or two UTF-16 units stands for.
func units(escape string) string {
	var u []uint16
	for _, d := range digits.FindAllString(escape, 2) {
		n, _ := strconv.ParseUint(d, 16, 16)
		u = append(u, uint16(n))
	}
	return fromUTF16(u)
}

// decoders are what somebody may try on the output. They share nothing with the code that they are for.
var decoders = map[string]func(string) string{
	"nothing":    func(s string) string { return s },
	"JSON":       unJSON,
	"JSON twice": func(s string) string { return unJSON(unJSON(s)) },
	"HTML":       html.UnescapeString,
	"CLIXML":     func(s string) string { return clixUnit.ReplaceAllStringFunc(html.UnescapeString(s), units) },
	"URL":        unURL,
	"form":       func(s string) string { return unURL(strings.ReplaceAll(s, "+", " ")) },
	"quotes":     func(s string) string { return strings.ReplaceAll(s, "''", "'") },
}

func unJSON(s string) string {
	s = jsonUnit.ReplaceAllStringFunc(s, units)
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\/`, `/`, `\n`, "\n", `\r`, "\r", `\t`, "\t", `\b`, "\b", `\f`, "\f").Replace(s)
}

func unURL(s string) string {
	return percent.ReplaceAllStringFunc(s, func(p string) string {
		n, _ := strconv.ParseUint(p[len(p)-2:], 16, 8)
		return string([]byte{byte(n)})
	})
}

// unBase64 decodes what looks like base64, from each of the places where a group of four may begin.
func unBase64(s string) (texts []string) {
	s = strings.NewReplacer("-", "+", "_", "/", "\r\n", "", "\n", "").Replace(s)
	for _, run := range base64Run.FindAllString(s, -1) {
		for at := range 4 {
			part := run[at:]
			if len(part)%4 == 1 {
				part = part[:len(part)-1]
			}
			raw, _ := base64.RawStdEncoding.DecodeString(part)
			texts = append(texts, string(raw), strings.ReplaceAll(string(raw), "\x00", ""))
		}
	}
	return texts
}

// unHex decodes what looks like hexadecimal digits, from either of the places where a byte may begin.
func unHex(s string) (texts []string) {
	for _, run := range hexRun.FindAllString(s, -1) {
		run = strings.NewReplacer("0x", "", "-", "", ":", "", ",", "", " ", "").Replace(run)
		for at := range 2 {
			part := run[at:]
			raw, _ := hex.DecodeString(part[:len(part)/2*2])
			texts = append(texts, string(raw), strings.ReplaceAll(string(raw), "\x00", ""))
		}
	}
	return texts
}

// FuzzRedact holds that a secret of four characters or more comes out neither as it is nor for any decoder, whatever stands
// around it and however the text was split; that what is written in pieces comes out as it does in one; and that nothing else is
// taken out.
func FuzzRedact(f *testing.F) {
	for i := range forms {
		f.Add(`p'w"<d>&\ü/_x`+"\t$1%+`", "before ", " after", uint8(i), uint64(i))
		f.Add("S3cret!", `{"pw":"`, `"}`, uint8(i), uint64(i))
	}
	f.Add("aaab", "aaaaaa", "aaab", uint8(0), uint64(1))
	f.Add("ab", "ab ", " äab ab", uint8(0), uint64(2))
	f.Add(`\\\\`, `\\\\\\`, `\u005c\`, uint8(1), uint64(3))
	f.Add("a\r\nlong\nline", "a\n", "long", uint8(4), uint64(4))
	f.Fuzz(func(t *testing.T, secret, before, after string, which uint8, seed uint64) {
		if len(secret) > 200 || len(before)+len(after) > 2000 {
			return
		}
		way := forms[int(which)%len(forms)]
		r := redact.New(secret)
		text := before + way.write(secret) + after
		out := r.String(text)
		if got := inPieces(t, r, text, seed); got != out {
			t.Fatalf("%s of %q: in pieces %q, in one %q", way.name, secret, got, out)
		}
		if redact.New().String(text) != text {
			t.Fatalf("without secrets %q changed", text)
		}
		// The mask itself may complete a secret that has asterisks; that tells nobody anything. What is no UTF-8 survives few writers.
		if utf8.RuneCountInString(secret) < 4 || strings.Contains(secret, "*") || !utf8.ValidString(secret) || strings.TrimSpace(secret) == "" {
			return
		}
		for name, decode := range decoders {
			if strings.Contains(decode(out), secret) {
				t.Fatalf("%s of %q: decoded as %s, it is in %q", way.name, secret, name, out)
			}
		}
		for _, decoded := range append(unBase64(out), unHex(out)...) {
			if strings.Contains(decoded, secret) {
				t.Fatalf("%s of %q: decoded as bytes, it is in %q", way.name, secret, out)
			}
		}
		if got := r.String("~ " + way.write(secret) + " ~"); way.exact && plain(secret) && got != "~ "+redact.Mask+" ~" {
			t.Fatalf("%s of %q: %q", way.name, secret, got)
		}
	})
}

// plain tells that every writer can write a secret, and that no end of it could be taken for what is beside it.
func plain(secret string) bool {
	return !strings.ContainsAny(secret, " ~\r\n\uFFFE\uFFFF") && strings.TrimSpace(secret) == secret && !strings.ContainsFunc(secret, unicode.IsControl)
}

func inPieces(t *testing.T, r *redact.Redactor, text string, seed uint64) string {
	t.Helper()
	var b strings.Builder
	w := redact.NewWriter(&b, r)
	random := rand.New(rand.NewPCG(seed, seed))
	for most := 1 + random.IntN(40); text != ""; {
		n := min(1+random.IntN(most), len(text))
		if _, err := w.Write([]byte(text[:n])); err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
