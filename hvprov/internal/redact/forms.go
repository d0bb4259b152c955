// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// add takes in a secret with what reading the text does not undo: other line breaks, other encodings of characters, and base64.
func (r *Redactor) add(secret string) {
	word := utf8.RuneCountInString(secret) < shortest
	for _, text := range variants(secret) {
		if word {
			r.words.add(text, 0, 0)
			continue
		}
		r.text.add(text, 0, 0)
		r.text.add(string(utf16Bytes(text, binary.LittleEndian)), 0, 0)
		r.text.add(string(utf16Bytes(text, binary.BigEndian)), 0, 0)
	}
	for _, text := range written(secret) {
		for _, raw := range [][]byte{[]byte(text), utf16Bytes(text, binary.LittleEndian)} {
			if word {
				// Within other base64 so few characters would be found by chance.
				r.words.add(base64.StdEncoding.EncodeToString(raw), 0, 0)
				r.words.add(base64.URLEncoding.EncodeToString(raw), 0, 0)
				continue
			}
			for _, form := range base64Forms(raw) {
				r.base64.add(form.text, form.before, form.after)
			}
		}
	}
}

// index notes at which bytes it is worth while to look closer.
func (r *Redactor) index() {
	for c := range r.lead {
		if len(r.text.nodes) > 0 {
			if r.text.root[c] != 0 || readings[c] {
				r.lead[c] |= asText
			}
			if isHexDigit(byte(c)) { // #nosec G115 -- there are 256
				r.lead[c] |= asHex
			}
		}
		if len(r.words.nodes) > 0 && (r.words.root[c] != 0 || readings[c]) {
			r.lead[c] |= asWord
		}
		if len(r.base64.nodes) > 0 && (r.base64.root[c] != 0 || c == '-' || c == '_' || c == '\\' || c == '&' || c == '%') {
			r.lead[c] |= asBase64
		}
	}
}

var (
	bareBreaks  = strings.NewReplacer("\r\n", "\n", "\r", "\n")
	broadBreaks = strings.NewReplacer("\r\n", "\r\n", "\r", "\r\n", "\n", "\r\n")
)

// variants are a secret with each kind of line break, and as it is when what is no UTF-8 in it was replaced.
func variants(secret string) []string {
	all := []string{secret}
	if strings.ContainsAny(secret, "\r\n") {
		all = append(all, bareBreaks.Replace(secret), broadBreaks.Replace(secret))
	}
	if !utf8.ValidString(secret) {
		all = append(all, string([]rune(secret)))
	}
	return all
}

// written are the forms of a secret that are looked for within base64: as it is, and as it stands in JSON, XML and PowerShell.
func written(secret string) []string {
	var all []string
	for _, text := range variants(secret) {
		all = append(all, text,
			jsonEscape(text, func(rune) bool { return false }),
			jsonEscape(text, func(r rune) bool { return strings.ContainsRune("<>&", r) }),
			jsonEscape(text, func(r rune) bool { return strings.ContainsRune("<>&'", r) }), // Windows PowerShell
			jsonEscape(text, func(r rune) bool { return r > unicodeASCII }),
			xmlText.Replace(text),
			xmlNames.Replace(text),
			psQuotes.Replace(text),
			psDouble.Replace(text),
		)
	}
	return all
}

const unicodeASCII = 0x7e // the last character of ASCII that can be printed

var (
	xmlText  = strings.NewReplacer(`&`, `&amp;`, `<`, `&lt;`, `>`, `&gt;`)
	xmlNames = strings.NewReplacer(`&`, `&amp;`, `<`, `&lt;`, `>`, `&gt;`, `"`, `&quot;`, `'`, `&apos;`)
	// PowerShell takes typographic quotes for quotes as well.
	psQuotes = strings.NewReplacer(`'`, `''`, `‘`, `‘‘`, `’`, `’’`, `‚`, `‚‚`, `‛`, `‛‛`)
	psDouble = strings.NewReplacer("`", "``", `"`, "`\"", `$`, "`$")
)

// jsonEscape escapes what JSON asks for, and what more says, as \u with four hexadecimal digits.
func jsonEscape(s string, more func(rune) bool) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r < ' ' || more(r):
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func utf16Bytes(s string, order binary.AppendByteOrder) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, unit)
	}
	return b
}
