// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"html"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// longestName is the length in bytes of the longest name or number of an entity that is looked at.
const longestName = 32

// readEntity reads entities of HTML and XML, also those of which the & is escaped again.
func (rd *reading) readEntity(s string) {
	at := 1
	for i := 0; i < 3 && strings.HasPrefix(s[at:], "amp;"); i++ {
		at += len("amp;")
		rd.add("&", at)
	}
	name := s[at:]
	if strings.HasPrefix(name, "#") {
		rd.readCharacterNumber(name[1:], at+1)
		return
	}
	end := 0
	for end < len(name) && end < longestName && (isASCIILetter(name[end]) || isHexDigit(name[end])) {
		end++
	}
	if end == len(name) {
		rd.cut = true
	} else if name[end] == ';' {
		entity := "&" + name[:end+1]
		if is := html.UnescapeString(entity); is != entity && len(is) <= utf8.UTFMax {
			rd.add(is, at+end+1)
		}
	}
	// Without its semicolon, a name may end anywhere.
	for _, short := range [...]struct{ name, is string }{{"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", `"`}} {
		if strings.HasPrefix(name, short.name) && !strings.HasPrefix(name[len(short.name):], ";") {
			rd.add(short.is, at+len(short.name))
		}
	}
}

// readCharacterNumber reads what follows an &#, which is before bytes long.
func (rd *reading) readCharacterNumber(s string, before int) {
	var r rune
	at := 0
	if s != "" && s[0]|0x20 == 'x' {
		at = 1
		value, n := hexDigits(s[1:], 8)
		r, at = value, at+n
	} else {
		for at < len(s) && at < 8 && s[at] >= '0' && s[at] <= '9' {
			r = r*10 + rune(s[at]-'0')
			at++
		}
	}
	if at == len(s) {
		rd.cut = true
	} else if s[at] == ';' {
		at++
	}
	if at > 0 {
		rd.addRune(r, before+at)
	}
}

// readCLIXML reads the escapes of MS-PSRP 2.2.5.3.2.
func (rd *reading) readCLIXML(s string) {
	unit, size, cut := clixmlUnit(s)
	if !utf16.IsSurrogate(unit) {
		rd.cut = rd.cut || cut
		if size > 0 {
			rd.addRune(unit, size)
		}
		return
	}
	low, lowSize, cut := clixmlUnit(s[size:])
	rd.addPair(unit, low, size+lowSize, cut)
}

func (rd *reading) addPair(high, low rune, width int, cut bool) {
	if pair := utf16.DecodeRune(high, low); pair != utf8.RuneError {
		rd.addRune(pair, width)
	}
	rd.cut = rd.cut || cut
}

func clixmlUnit(s string) (unit rune, size int, cut bool) {
	if s == "" || s == "_" {
		return 0, 0, true
	}
	if s[0] != '_' || s[1]|0x20 != 'x' {
		return 0, 0, false
	}
	for _, digits := range [...]int{4, 8} {
		r, n := hexDigits(s[2:], digits)
		switch {
		case n == len(s)-2:
			cut = true
		case n == digits && s[2+digits] == '_':
			return r, digits + 3, false
		}
	}
	return 0, 0, cut
}

// readPercent reads what URLs have, also when it was encoded twice, and the %u of JavaScript's escape.
func (rd *reading) readPercent(s string) {
	at := 1
	for i := 0; i < 2 && strings.HasPrefix(s[at:], "25"); i++ {
		at += 2
		rd.add("%", at)
	}
	if at < len(s) && s[at]|0x20 == 'u' {
		r, n := hexDigits(s[at+1:], 4)
		if n == 4 {
			rd.addRune(r, at+5)
		}
		rd.cut = rd.cut || n < 4 && at+1+n == len(s)
		return
	}
	_, n := hexDigits(s[at:], 2)
	if n == 2 {
		rd.addByte(hexByte(s[at:]), at+2)
	}
	rd.cut = rd.cut || n < 2 && at+n == len(s) || at+2 == len(s)
}

// readQuotedPrintable reads what RFC 2045 6.7 has: octets, and line breaks that are none.
func (rd *reading) readQuotedPrintable(s string, at int, first bool) {
	rest := s[at+1:]
	switch {
	case strings.HasPrefix(rest, "\r\n"):
		rd.addNext(s, at, 3, first)
	case strings.HasPrefix(rest, "\n"):
		rd.addNext(s, at, 2, first)
	default:
		_, n := hexDigits(rest, 2)
		if n == 2 {
			rd.addByte(hexByte(rest), 3)
		}
		rd.cut = rd.cut || n < 2 && n == len(rest) || rest == "\r"
	}
}

// readColour passes over what sets a terminal's colours (ECMA-48 8.3.117).
func (rd *reading) readColour(s string, at int, first bool) {
	for i := 1; i < 16; i++ {
		switch {
		case at+i == len(s):
			rd.cut = true
			return
		case i == 1 && s[at+i] == '[', i > 1 && (s[at+i] == ';' || isHexDigit(s[at+i])):
		case i > 1 && s[at+i] == 'm':
			rd.addNext(s, at, i+1, first)
			return
		default:
			return
		}
	}
}
