// SPDX-License-Identifier: MPL-2.0

package clixml

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// decodeLine returns a line of plain text as UTF-8 without escape sequences. The result may be line itself or scratch memory.
func (d *Decoder) decodeLine(line []byte) []byte {
	afterUTF16 := d.afterUTF16
	d.afterUTF16 = false
	if bytes.IndexByte(line, 0) >= 0 {
		line = d.decodeUTF16(line, afterUTF16)
	}
	line = validUTF8(line)
	if bytes.IndexByte(line, esc) >= 0 {
		d.scratch = append(d.scratch[:0], line...)
		line = dropSequences(d.scratch)
	}
	return line
}

// validUTF8 returns text with U+FFFD in place of invalid bytes. It does not copy valid text.
func validUTF8(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	return bytes.ToValidUTF8(text, []byte(replacement))
}

// decodeUTF16 decodes a line if it is UTF-16LE. Lines are split after the first byte of a line feed, so its second byte, a NUL, is the
// first byte of the next line.
func (d *Decoder) decodeUTF16(line []byte, afterUTF16 bool) []byte {
	if afterUTF16 && line[0] == 0 {
		line = line[1:]
		d.afterUTF16 = string(line) == "\n"
	}
	if !isUTF16(line) {
		return line
	}
	d.afterUTF16 = true
	units := make([]uint16, 0, len(line)/2+1)
	for len(line) > 1 {
		units = append(units, binary.LittleEndian.Uint16(line))
		line = line[2:]
	}
	if len(line) > 0 {
		units = append(units, uint16(line[0]))
	}
	out := make([]byte, 0, 3*len(units))
	for _, r := range utf16.Decode(units) {
		out = utf8.AppendRune(out, r)
	}
	return out
}

// isUTF16 reports whether a line is UTF-16LE without its last NUL: it ends like UTF-16LE, or it contains Latin-1 characters and hardly
// any code units that could be two ASCII characters.
func isUTF16(line []byte) bool {
	if len(line)%2 == 0 && bytes.HasSuffix(line, []byte("\n")) {
		return false
	}
	if len(line)%2 == 1 && bytes.HasSuffix(line, []byte("\r\x00\n")) {
		return true
	}
	first, second, ascii := 0, 0, 0 // code units with a NUL as first byte, with a NUL as second byte, and of two ASCII characters
	for i := 0; i+1 < len(line); i += 2 {
		switch a, b := line[i], line[i+1]; {
		case a == 0:
			first++
		case b == 0:
			second++
		case isPrintable(a) && isPrintable(b):
			ascii++
		}
	}
	return second > first && second > 2*ascii
}

func isPrintable(c byte) bool { return ' ' <= c && c <= '~' }

// incompleteRune returns the number of bytes of an incomplete character at the end of b.
func incompleteRune(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n:]; utf8.RuneStart(c[0]) {
			if !utf8.FullRune(c) {
				return n
			}
			return 0
		}
	}
	return 0
}
