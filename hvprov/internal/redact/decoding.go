// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"strings"
	"unicode/utf8"
)

// decodings are the meanings of a piece of text, other than verbatim: what writers of JSON, XML, URLs and scripts make of a
// character. A search may take another one at each character, so it does not matter which characters a writer escapes.
type decodings struct {
	all [8]decoding
	n   int
}

// decoding means that width bytes of the text stand for other bytes.
type decoding struct {
	text  [utf8.UTFMax]byte
	size  int // of text
	width int
}

// maxWidth is greater than the width of any decoding. The widest is a named entity of HTML that is escaped three times.
const maxWidth = 64

func (d *decodings) add(text string, width int) {
	if d.n == len(d.all) || width >= maxWidth {
		return
	}
	one := &d.all[d.n]
	one.size, one.width = copy(one.text[:], text), width
	d.n++
}

func (d *decodings) addRune(r rune, width int) { d.add(string(r), width) }

func (d *decodings) addPrefix(s, encoded, text string) {
	if strings.HasPrefix(s, encoded) {
		d.add(text, len(encoded))
	}
}

// addNext adds that width bytes escape the byte after them, or have no meaning. In front of a secret they are not part of it.
func (d *decodings) addNext(s string, at, width int, first bool) {
	if !first && at+width < len(s) {
		d.add(s[at+width:at+width+1], width+1)
	}
}

const escapeByte = 0x1b // the first byte of a terminal's control sequences

// encodingBytes are the bytes that decode has meanings for.
var encodingBytes = [256]bool{
	'\\': true, '&': true, '_': true, '%': true, '`': true, '\'': true, '"': true, '+': true, '\r': true, escapeByte: true, 0xe2: true,
}

// decode adds the meanings of the text at a place, where first reports whether a secret would begin there.
func (d *decodings) decode(s string, at int, first bool) {
	switch rest := s[at:]; s[at] {
	case '\\':
		d.decodeBackslash(rest)
	case '&':
		d.decodeEntity(rest)
	case '_':
		d.decodeCLIXML(rest)
	case '%':
		d.decodePercent(rest)
	case '`':
		d.decodeBacktick(s, at, first)
	case '\'':
		d.addPrefix(rest, `''`, `'`)
	case '"':
		d.addPrefix(rest, `""`, `"`)
	case '+':
		d.add(" ", 1)
	case '\r':
		d.addPrefix(rest, "\r\n", "\n")
	case escapeByte:
		d.decodeColour(s, at, first)
	case 0xe2: // PowerShell also doubles the typographic quotes U+2018 to U+201E
		if len(rest) >= 6 && rest[1] == 0x80 && rest[2] >= 0x98 && rest[2] <= 0x9e && rest[:3] == rest[3:6] {
			d.add(rest[:3], 6)
		}
	}
}
