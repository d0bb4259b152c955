// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"strings"
	"unicode/utf8"
)

// reading are the ways, other than as it stands, in which a piece of text can be read: what writers of JSON, XML, URLs and
// scripts make of a character. A path through a secret may take another way at each character, so that it does not matter which
// of them a writer escapes, and in which letter case it has its digits.
type reading struct {
	all [8]alternative
	n   int
	cut bool // there may be more ways when more text follows
}

// alternative says that so much of the text stands for these bytes.
type alternative struct {
	is    [utf8.UTFMax]byte
	size  int
	width int
}

func (rd *reading) add(is string, width int) {
	if rd.n == len(rd.all) {
		return
	}
	a := &rd.all[rd.n]
	a.size, a.width = copy(a.is[:], is), width
	rd.n++
}

func (rd *reading) addByte(b byte, width int) {
	rd.add(string([]byte{b}), width)
}

func (rd *reading) addRune(r rune, width int) {
	rd.add(string(r), width)
}

// addNext says that the next width bytes stand for the byte behind them: they escape it, or mean nothing. Where a secret
// begins, they are left in front of it.
func (rd *reading) addNext(s string, at, width int, first bool) {
	switch {
	case first:
	case at+width < len(s):
		rd.add(s[at+width:at+width+1], width+1)
	default:
		rd.cut = true
	}
}

// readings are the bytes that readText has something for.
var readings = [256]bool{
	'\\': true, '&': true, '_': true, '%': true, '`': true, '\'': true, '"': true, '=': true, '+': true, '^': true,
	'\r': true, 0: true, 0x1b: true, 0xe2: true,
}

// quotes begins what PowerShell takes for quotes as well, which are U+2018 to U+201E.
const quotes = "\xe2\x80"

// special tells whether read may have something for a byte.
func special(w way, c byte) bool {
	return w == asHex || readings[c] || w == asBase64 && (c == '-' || c == '\n')
}

// read reads the text from at on, where first tells that a secret would begin there.
func (rd *reading) read(w way, s string, at int, first bool) {
	switch w {
	case asHex:
		rd.readHex(s, at, first)
	case asBase64:
		rd.readBase64(s, at)
	default:
		rd.readText(s, at, first)
	}
}

func (rd *reading) readText(s string, at int, first bool) {
	switch rest := s[at:]; s[at] {
	case '\\':
		rd.readBackslash(rest)
	case '&':
		rd.readEntity(rest)
	case '_':
		rd.readCLIXML(rest)
	case '%':
		rd.readPercent(rest)
	case '`':
		rd.readBacktick(s, at, first)
	case '\'':
		for _, quote := range []string{`''`, `'\''`, `'"'"'`} {
			rd.addPrefix(rest, quote, "'")
		}
	case '"':
		rd.addPrefix(rest, `""`, `"`)
	case '=':
		rd.readQuotedPrintable(s, at, first)
	case '+':
		rd.add(" ", 1)
	case '^', 0: // an escape of cmd.exe; UTF-16
		rd.addNext(s, at, 1, first)
	case '\r':
		rd.addPrefix(rest, "\r\n", "\n")
	case 0x1b:
		rd.readColour(s, at, first)
	case 0xe2:
		if len(rest) < 6 {
			rd.cut = true
		} else if strings.HasPrefix(rest, quotes) && rest[2] >= 0x98 && rest[2] <= 0x9e && rest[:3] == rest[3:6] {
			rd.add(rest[:3], 6)
		}
	}
}

// addPrefix reads text that begins with form as what it is.
func (rd *reading) addPrefix(text, form, is string) {
	if strings.HasPrefix(text, form) {
		rd.add(is, len(form))
	} else if strings.HasPrefix(form, text) {
		rd.cut = true
	}
}
