// SPDX-License-Identifier: MPL-2.0

package redact_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
)

// form is one encoding of a secret.
type form struct {
	name  string
	write func(s string) string
	exact bool // the encoded secret is replaced, and nothing else
}

var forms = []form{
	{"verbatim", func(s string) string { return s }, true},
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
	{"single quotes", strings.NewReplacer(`'`, `''`, `‘`, `‘‘`, `’`, `’’`).Replace, true},
	{"double quotes", strings.NewReplacer("`", "``", `"`, "`\"", "$", "`$", "\n", "`n", "\t", "`t").Replace, false},
	{"colours", func(s string) string {
		var b strings.Builder
		for i, r := range []rune(s) {
			b.WriteString([]string{"", "\x1b[0m", "\x1b[31;1m"}[min(i, 1)*(i%3)] + string(r))
		}
		return b.String()
	}, true},
	{"CSV", strings.NewReplacer(`"`, `""`).Replace, true},
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
	{"base64 of JSON", func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(`{"password":"` + inJSON(s, true) + `"}`))
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
	base64Run = regexp.MustCompile(`[A-Za-z0-9+/]{4,}`)
	digits    = regexp.MustCompile(`[0-9a-fA-F]{4}`)
)

// units decodes an escape of one or two UTF-16 units.
func units(escape string) string {
	var u []uint16
	for _, d := range digits.FindAllString(escape, 2) {
		n, _ := strconv.ParseUint(d, 16, 16)
		u = append(u, uint16(n))
	}
	return fromUTF16(u)
}

// decoders are what a reader may try on the output. They share no code with the package.
var decoders = map[string]func(string) string{
	"none":       func(s string) string { return s },
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

// unBase64 decodes everything that could be base64, from each place where a group of four characters may begin.
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

// FuzzRedact verifies that a secret of four characters or more is not in the output, verbatim or for any decoder, regardless of
// the text around it, and that nothing else is removed.
func FuzzRedact(f *testing.F) {
	for i := range forms {
		f.Add(`p'w"<d>&\ü/_x`+"\t$1%+`", "before ", " after", uint8(i), uint64(i))
		f.Add("S3cret!", `{"pw":"`, `"}`, uint8(i), uint64(i))
	}
	f.Add("aaab", "aaaaaa", "aaab", uint8(0), uint64(1))
	f.Add("ab", "ab ", " äab ab", uint8(0), uint64(2))
	f.Add(`\\\\`, `\\\\\\`, `\u005c\`, uint8(1), uint64(3))
	f.Add("a\r\nlong\nline", "a\n", "long", uint8(4), uint64(4))
	f.Fuzz(func(t *testing.T, secret, before, after string, which uint8, _ uint64) {
		if len(secret) > 200 || len(before)+len(after) > 2000 {
			return
		}
		c := forms[int(which)%len(forms)]
		r := redact.New(secret)
		text := before + c.write(secret) + after
		out := r.String(text)
		again := redact.New()
		again.Add(before, secret+after, secret)()
		again.Add(secret)
		if got := again.String(text); got != out {
			t.Fatalf("%s of %q: %q after other secrets were released, want %q", c.name, secret, got, out)
		}
		if redact.New().String(text) != text {
			t.Fatalf("without secrets %q changed", text)
		}
		// The mask itself may complete a secret with asterisks, which reveals nothing. Few writers keep what is not UTF-8.
		if utf8.RuneCountInString(secret) < 4 || strings.Contains(secret, "*") || !utf8.ValidString(secret) || strings.TrimSpace(secret) == "" {
			return
		}
		for name, decode := range decoders {
			if strings.Contains(decode(out), secret) {
				t.Fatalf("%s of %q: decoded as %s, it is in %q", c.name, secret, name, out)
			}
		}
		for _, decoded := range unBase64(out) {
			if strings.Contains(decoded, secret) {
				t.Fatalf("%s of %q: decoded from base64, it is in %q", c.name, secret, out)
			}
		}
		if got := r.String("~ " + c.write(secret) + " ~"); c.exact && plain(secret) && got != "~ "+redact.Mask+" ~" {
			t.Fatalf("%s of %q: %q", c.name, secret, got)
		}
	})
}

// plain reports whether every writer can write a secret, and no end of it can be taken for the text beside it.
func plain(secret string) bool {
	return !strings.ContainsAny(secret, " ~\r\n\uFFFE\uFFFF") && strings.TrimSpace(secret) == secret && !strings.ContainsFunc(secret, unicode.IsControl)
}
