// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxBackslashes is the number of backslashes for one in text that was put into JSON three times.
const maxBackslashes = 8

// letterEscapes are the meanings of letters after a backslash in JSON, and after a backtick in PowerShell
// (about_Special_Characters).
var letterEscapes = map[byte]string{
	'n': "\n", 'r': "\r", 't': "\t", 'b': "\b", 'f': "\f", 'a': "\a", 'v': "\v", 'e': "\x1b", '0': "\x00",
}

// decodeBackslash decodes the escapes of JSON. Several backslashes may begin one: JSON in a JSON string has them doubled.
func (d *decodings) decodeBackslash(s string) {
	run := 0
	for run < len(s) && run <= maxBackslashes && s[run] == '\\' {
		run++
	}
	for n := 2; n <= min(run, maxBackslashes); n *= 2 {
		d.add(`\`, n)
	}
	if run > maxBackslashes || run == len(s) {
		return
	}
	switch c := s[run]; {
	case strings.IndexByte("nrtbf", c) >= 0:
		d.add(letterEscapes[c], run+1)
	case c == 'u':
		d.decodeUnits(s, run)
	case c == '&': // JSON in XML
		var entity decodings
		entity.decodeEntity(s[run:])
		for _, one := range entity.all[:entity.n] {
			d.add(string(one.text[:one.size]), run+one.width)
		}
	case c > ' ' && c < utf8.RuneSelf && !isASCIILetter(c) && !isHexDigit(c):
		d.addRune(rune(c), run+1)
	}
}

// decodeUnits decodes \u with four digits, or two of them that are a surrogate pair, after run backslashes.
func (d *decodings) decodeUnits(s string, run int) {
	unit, n := hexDigits(s[run+1:], 4)
	width := run + 1 + n
	if n < 4 {
		return
	}
	if !utf16.IsSurrogate(unit) {
		d.addRune(unit, width)
		return
	}
	prefix, rest := s[:run+1], s[width:] // the same backslashes, and the u
	if strings.HasPrefix(rest, prefix) {
		if low, n := hexDigits(rest[len(prefix):], 4); n == 4 {
			d.addPair(unit, low, 2*width)
		}
	}
}

func (d *decodings) addPair(high, low rune, width int) {
	if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
		d.addRune(r, width)
	}
}

// decodeBacktick decodes the escapes of PowerShell in double quotes. Any character may be escaped.
func (d *decodings) decodeBacktick(s string, at int, first bool) {
	d.addNext(s, at, 1, first)
	if rest := s[at+1:]; rest != "" {
		if text, ok := letterEscapes[rest[0]]; ok {
			d.add(text, 2)
		}
	}
}

// decodePercent decodes the percent-encoding of URLs (RFC 3986), also where the % is encoded again.
func (d *decodings) decodePercent(s string) {
	at := 1
	for i := 0; i < 2 && strings.HasPrefix(s[at:], "25"); i++ {
		at += 2
		d.add("%", at)
	}
	if value, n := hexDigits(s[at:], 2); n == 2 {
		d.add(string([]byte{byte(value)}), at+2) // #nosec G115 -- two digits are a byte
	}
}

// decodeColour skips a sequence that sets a terminal's colours (ECMA-48 8.3.117).
func (d *decodings) decodeColour(s string, at int, first bool) {
	const maxLength = 16
	if !strings.HasPrefix(s[at+1:], "[") {
		return
	}
	for i := 2; i < maxLength && at+i < len(s); i++ {
		switch c := s[at+i]; {
		case c == 'm':
			d.addNext(s, at, i+1, first)
			return
		case c != ';' && c != ':' && (c < '0' || c > '9'):
			return
		}
	}
}

// hexDigits parses up to limit hexadecimal digits, and returns how many there are.
func hexDigits(s string, limit int) (value rune, n int) {
	for n < limit && n < len(s) && isHexDigit(s[n]) {
		digit := rune(s[n]|0x20) - '0'
		if digit > 9 {
			digit -= 'a' - '0' - 10
		}
		value = value<<4 | digit
		n++
	}
	return value, n
}

func isHexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func isASCIILetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
