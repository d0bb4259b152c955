// SPDX-License-Identifier: MPL-2.0

package clixml

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The upper halves of the code pages.
const (
	upper437 = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00A0"
	upper850 = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00AD±‗¾¶§÷¸°¨·¹³²■\u00A0"
)

var page437, page850 = []rune(upper437), []rune(upper850)

// CodePage437 reads text in the code page of consoles in the United States, for [Decoder.Fallback].
func CodePage437(text []byte) string { return fromPage(page437, text) }

// CodePage850 reads text in the code page of consoles in western Europe, for [Decoder.Fallback].
func CodePage850(text []byte) string { return fromPage(page850, text) }

func fromPage(upper []rune, text []byte) string {
	var out strings.Builder
	out.Grow(2 * len(text))
	for _, c := range text {
		if c < utf8.RuneSelf {
			out.WriteByte(c)
		} else {
			out.WriteRune(upper[c-utf8.RuneSelf])
		}
	}
	return out.String()
}

// readable makes a line of plain text one of UTF-8 without escape sequences. It may give line itself, or scratch memory.
func (d *Decoder) readable(line []byte) []byte {
	wide := d.wide
	d.wide = false
	if bytes.IndexByte(line, 0) >= 0 {
		line = d.fromWide(line, wide)
	}
	if !utf8.Valid(line) {
		line = d.fallback(line)
	}
	if !d.AsWritten && bytes.IndexByte(line, esc) >= 0 {
		d.scratch = append(d.scratch[:0], line...)
		line = dropSequences(d.scratch)
	}
	return line
}

// fallback reads what is not UTF-8.
func (d *Decoder) fallback(text []byte) []byte {
	if d.Fallback != nil {
		text = []byte(d.Fallback(text))
	}
	return bytes.ToValidUTF8(text, []byte(replacement))
}

// fromWide reads a line that may be UTF-16LE. Lines end with the byte of a line feed, so that the NUL that goes with it is the
// first of the next line.
func (d *Decoder) fromWide(line []byte, after bool) []byte {
	if after && line[0] == 0 {
		line = line[1:]
		d.wide = string(line) == "\n"
	}
	if !isWide(line) {
		return line
	}
	d.wide = true
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

// isWide tells whether a line is UTF-16LE, but for the last NUL: it ends like one, or has characters of Latin-1 and hardly any
// that could be two of ASCII.
func isWide(line []byte) bool {
	if len(line)%2 == 0 && bytes.HasSuffix(line, []byte("\n")) {
		return false
	}
	if len(line)%2 == 1 && bytes.HasSuffix(line, []byte("\r\x00\n")) {
		return true
	}
	first, second, ascii := 0, 0, 0 // NULs in the first and the second bytes of characters; characters that could be two
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

// incomplete is the number of bytes at the end that begin a character and do not complete it.
func incomplete(b []byte) int {
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
