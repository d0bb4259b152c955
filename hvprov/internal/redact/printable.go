// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns text of a host with the characters that control a terminal, or the direction of its text, in escaped form, such as
// \x1b. Line breaks and tabs stay. Invalid UTF-8 becomes U+FFFD.
func Printable(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	if utf8.ValidString(s) && !strings.ContainsFunc(s, controls) {
		return s
	}
	var b strings.Builder
	for _, r := range s { // invalid UTF-8 becomes U+FFFD
		if controls(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func controls(r rune) bool {
	return r != '\t' && r != '\n' && (unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r))
}
