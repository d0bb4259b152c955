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

// needles gives the forms in which a secret may appear.
func needles(secret string) []needle {
	word := utf8.RuneCountInString(secret) < shortest
	var all []needle
	for _, text := range textForms(secret) {
		all = append(all, needle{text: text, word: word})
	}
	for _, raw := range [][]byte{[]byte(secret), utf16LE(secret)} {
		if word {
			// Within other base64 so few characters would be found by chance.
			all = append(all, needle{text: base64.StdEncoding.EncodeToString(raw), word: true})
			continue
		}
		all = append(all, base64Forms(raw)...)
	}
	return all
}

// textForms are the secret itself, and what writers of JSON, XML and PowerShell make of it.
func textForms(secret string) []string {
	plain := jsonEscape(secret, func(rune) bool { return false })
	html := jsonEscape(secret, func(r rune) bool { return strings.ContainsRune("<>&", r) })
	return []string{
		secret,
		plain,
		html,
		strings.ReplaceAll(plain, "/", `\/`),
		// Windows PowerShell's ConvertTo-Json.
		jsonEscape(secret, func(r rune) bool { return strings.ContainsRune("<>&'", r) }),
		jsonEscape(secret, func(r rune) bool { return r > unicodeASCII }),
		// JSON as text within JSON.
		jsonEscape(plain, func(rune) bool { return false }),
		jsonEscape(html, func(rune) bool { return false }),
		xmlText.Replace(secret),
		xmlNames.Replace(secret),
		xmlNumbers.Replace(secret),
		xmlNumbers.Replace(xmlBreaks.Replace(secret)),
		clixml(xmlText.Replace(secret)),
		clixml(xmlNames.Replace(secret)),
		strings.ReplaceAll(secret, `'`, `''`),
		psQuotes.Replace(secret),
	}
}

const unicodeASCII = 0x7e // the last character of ASCII that can be printed

var (
	xmlText    = strings.NewReplacer(`&`, `&amp;`, `<`, `&lt;`, `>`, `&gt;`)
	xmlNames   = strings.NewReplacer(`&`, `&amp;`, `<`, `&lt;`, `>`, `&gt;`, `"`, `&quot;`, `'`, `&apos;`)
	xmlNumbers = strings.NewReplacer(`&`, `&amp;`, `<`, `&lt;`, `>`, `&gt;`, `"`, `&#34;`, `'`, `&#39;`,
		"\t", `&#x9;`, "\n", `&#xA;`, "\r", `&#xD;`)
	xmlBreaks = strings.NewReplacer("\r\n", "\n")
	// PowerShell takes typographic quotes for quotes as well.
	psQuotes = strings.NewReplacer(`'`, `''`, `‘`, `‘‘`, `’`, `’’`, `‚`, `‚‚`, `‛`, `‛‛`)
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

// clixml writes control characters, and an underscore that would look like one, as MS-PSRP 2.2.5.3.2 has it.
func clixml(s string) string {
	var b strings.Builder
	for i, r := range s {
		if r < ' ' || r == 0x7f || r == '_' && (strings.HasPrefix(s[i:], "_x") || strings.HasPrefix(s[i:], "_X")) {
			fmt.Fprintf(&b, "_x%04X_", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// base64Forms gives the base64 of raw, wherever in a longer text raw begins: at the first, second or third byte of a group
// of three. It is without the characters at its ends that also depend on the neighbours.
func base64Forms(raw []byte) []needle {
	var forms []needle
	for offset := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, offset), raw...))
		from, to := offset*8, (offset+len(raw))*8 // the secret's bits
		first, last := (from+5)/6, to/6           // the characters that hold no other
		forms = append(forms, needle{text: encoded[first:last], before: first - from/6, after: (to+5)/6 - last})
	}
	return forms
}

func utf16LE(s string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return b
}
