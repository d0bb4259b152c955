// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"html"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxEntity is the maximum length in bytes of the name of an entity.
const maxEntity = 32

// decodeEntity decodes the entities of XML and HTML, also where the & is escaped again.
func (d *decodings) decodeEntity(s string) {
	at := 1
	for i := 0; i < 3 && strings.HasPrefix(s[at:], "amp;"); i++ {
		at += len("amp;")
		d.add("&", at)
	}
	name := s[at:]
	if strings.HasPrefix(name, "#") {
		d.decodeCharacterNumber(name[1:], at+1)
		return
	}
	end := strings.IndexByte(name[:min(len(name), maxEntity)], ';')
	if end <= 0 {
		return
	}
	entity := "&" + name[:end+1]
	if text := html.UnescapeString(entity); text != entity && len(text) <= utf8.UTFMax {
		d.add(text, at+end+1)
	}
}

// decodeCharacterNumber decodes what follows &#, which begins before bytes earlier.
func (d *decodings) decodeCharacterNumber(s string, before int) {
	var r rune
	at := 0
	if s != "" && s[0]|0x20 == 'x' {
		value, n := hexDigits(s[1:], 7)
		r, at = value, 1+n
	} else {
		for at < len(s) && at < 7 && s[at] >= '0' && s[at] <= '9' {
			r = r*10 + rune(s[at]-'0')
			at++
		}
	}
	if at > 0 && strings.HasPrefix(s[at:], ";") {
		d.addRune(r, before+at+1)
	}
}

// decodeCLIXML decodes the escapes of [MS-PSRP] 2.2.5.3.2.
func (d *decodings) decodeCLIXML(s string) {
	const width = len("_x0000_")
	unit, ok := clixmlUnit(s)
	switch {
	case !ok:
	case !utf16.IsSurrogate(unit):
		d.addRune(unit, width)
	default:
		if low, ok := clixmlUnit(s[width:]); ok {
			d.addPair(unit, low, 2*width)
		}
	}
}

func clixmlUnit(s string) (unit rune, ok bool) {
	if len(s) < len("_x0000_") || s[0] != '_' || s[1]|0x20 != 'x' || s[6] != '_' {
		return 0, false
	}
	unit, n := hexDigits(s[2:], 4)
	return unit, n == 4
}
