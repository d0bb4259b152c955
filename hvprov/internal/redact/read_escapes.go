// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"strings"
	"unicode/utf16"
)

// mostBackslashes is how many are looked at: text that was put into JSON three times has eight for one.
const mostBackslashes = 8

// cEscapes are what letters behind a backslash stand for in JSON, C, Go and shells.
var cEscapes = map[byte]string{
	'n': "\n", 'r': "\r", 't': "\t", 'b': "\b", 'f': "\f", 'a': "\a", 'v': "\v", 'e': "\x1b", '0': "\x00",
}

// readBackslash reads the escapes of JSON and of string literals. Any number of backslashes may begin one, since JSON that is
// text in JSON has them doubled.
func (rd *reading) readBackslash(s string) {
	run := 0
	for run < len(s) && run <= mostBackslashes && s[run] == '\\' {
		run++
	}
	for n := 2; n <= min(run, mostBackslashes); n *= 2 {
		rd.add(`\`, n)
	}
	if run == len(s) {
		rd.cut = true
	}
	if run > mostBackslashes || run == len(s) {
		return
	}
	c, rest := s[run], s[run+1:]
	if is, ok := cEscapes[c]; ok {
		rd.add(is, run+1)
	}
	switch {
	case c == '&': // JSON in XML
		var in reading
		in.readEntity(s[run:])
		for _, a := range in.all[:in.n] {
			rd.add(string(a.is[:a.size]), run+a.width)
		}
		rd.cut = rd.cut || in.cut
	case c == 'u':
		rd.readUnits(s, run)
	case c == 'U':
		r, n := hexDigits(rest, 8)
		if n == 8 && r >= 0 {
			rd.addRune(r, run+9)
		}
		rd.cut = rd.cut || n < 8 && n == len(rest)
	case c == 'x':
		_, n := hexDigits(rest, 2)
		if n == 2 {
			rd.addByte(hexByte(rest), run+3)
		}
		rd.cut = rd.cut || n < 2 && n == len(rest)
	case c >= '0' && c <= '3':
		rd.readOctal(s[run:], run)
	case c < 0x80 && c > ' ' && !isASCIILetter(c) && !isHexDigit(c):
		rd.add(string(rune(c)), run+1)
	}
}

// readUnits reads \u with four digits, and two of them that are a surrogate pair.
func (rd *reading) readUnits(s string, run int) {
	unit, n := hexDigits(s[run+1:], 4)
	width := run + 1 + n
	if n < 4 {
		rd.cut = rd.cut || width == len(s)
		return
	}
	if !utf16.IsSurrogate(unit) {
		rd.addRune(unit, width)
		return
	}
	again, rest := s[:run+1], s[width:] // the same backslashes, and the u
	if !strings.HasPrefix(rest, again) {
		rd.cut = rd.cut || strings.HasPrefix(again, rest)
		return
	}
	low, n := hexDigits(rest[run+1:], 4)
	if n == 4 {
		rd.addPair(unit, low, 2*width, false)
		return
	}
	rd.cut = rd.cut || run+1+n == len(rest)
}

func (rd *reading) readOctal(digits string, run int) {
	value := 0
	for i := range 3 {
		if i == len(digits) {
			rd.cut = true
			return
		}
		if digits[i] < '0' || digits[i] > '7' {
			return
		}
		value = value<<3 | int(digits[i]-'0')
	}
	rd.addByte(byte(value), run+3) // #nosec G115 -- the first digit is 3 or less
}

// psEscapes are what letters behind a backtick stand for (about_Special_Characters).
var psEscapes = map[byte]string{
	'n': "\n", 'r': "\r", 't': "\t", 'b': "\b", 'f': "\f", 'a': "\a", 'v': "\v", 'e': "\x1b", '0': "\x00",
}

// readBacktick reads the escapes of PowerShell within double quotes. Any character may be escaped.
func (rd *reading) readBacktick(s string, at int, first bool) {
	rd.addNext(s, at, 1, first)
	rest := s[at+1:]
	if rest == "" {
		rd.cut = true
		return
	}
	if is, ok := psEscapes[rest[0]]; ok {
		rd.add(is, 2)
	}
	if strings.HasPrefix("u{", rest) {
		rd.cut = true
	}
	if !strings.HasPrefix(rest, "u{") {
		return
	}
	for digits := 1; digits <= 6; digits++ {
		r, n := hexDigits(rest[2:], digits)
		switch {
		case n == len(rest)-2:
			rd.cut = true
		case n == digits && rest[2+n] == '}':
			rd.addRune(r, n+4)
		}
	}
}

// readHex reads two hexadecimal digits as a byte, with what may stand between two such.
func (rd *reading) readHex(s string, at int, first bool) {
	from := at
	for i := 0; !first && i < 2 && at < len(s) && strings.IndexByte("-:, \r\n", s[at]) >= 0; i++ {
		at++
	}
	if !first && at+1 < len(s) && s[at] == '0' && s[at+1]|0x20 == 'x' {
		at += 2
	}
	_, n := hexDigits(s[at:], 2)
	if n == 2 {
		rd.addByte(hexByte(s[at:]), at+2-from)
	}
	rd.cut = rd.cut || n < 2 && at+n == len(s)
}

// hexDigits reads up to most hexadecimal digits, and tells how many there are.
func hexDigits(s string, most int) (value rune, n int) {
	for n < most && n < len(s) && isHexDigit(s[n]) {
		digit := rune(s[n]|0x20) - '0'
		if digit > 9 {
			digit -= 'a' - '0' - 10
		}
		value = value<<4 | digit
		n++
	}
	return value, n
}

// hexByte reads the first two digits of s.
func hexByte(s string) byte {
	value, _ := hexDigits(s, 2)
	return byte(value) // #nosec G115 -- two digits are a byte
}

func isHexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func isASCIILetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
