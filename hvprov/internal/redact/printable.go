// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPrintable is the length of a text of a host, in bytes, beyond which it is cut.
const maxPrintable = 16 << 10

// Printable returns text of a host with the characters that control a terminal, or the direction of its text, in escaped form, such as
// \x1b. Line breaks and tabs stay. Invalid UTF-8 becomes U+FFFD. A text of more than 16 KB is cut, with a note. Secrets are replaced
// before: a part of one at the cut would not be found.
func Printable(s string) string {
	size := len(s)
	s = strings.ReplaceAll(cut(s), "\r\n", "\n")
	if !utf8.ValidString(s) || strings.ContainsFunc(s, controls) {
		var b strings.Builder
		for _, r := range s { // invalid UTF-8 becomes U+FFFD
			if controls(r) {
				b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
			} else {
				b.WriteRune(r)
			}
		}
		s = b.String()
	}
	if short := cut(s); len(short) < len(s) || size > maxPrintable+noteSize {
		return fmt.Sprintf("%s… (cut: it has %d bytes)", short, size)
	}
	return s
}

// noteSize is more than the length of the note of a cut, so that a cut text is not cut again.
const noteSize = 64

// cut returns the first of a text that is too long.
func cut(s string) string {
	if len(s) <= maxPrintable+noteSize {
		return s
	}
	n := maxPrintable
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func controls(r rune) bool {
	return r != '\t' && r != '\n' && (unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r))
}
