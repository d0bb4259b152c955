// SPDX-License-Identifier: MPL-2.0

package clixml

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// inLeaf consumes the value of a leaf up to a "<" or "&" and returns the rest.
func (d *Decoder) inLeaf(p []byte) []byte {
	if !d.item.isStored() {
		return d.skip(p)
	}
	run := p[:min(len(p), window)]
	end := bytes.IndexByte(run, '<')
	if end >= 0 {
		run = p[:end]
	}
	switch i := bytes.IndexByte(run, '&'); {
	case i >= 0:
		d.addValue(p[:i])
		d.entity = append(d.entity[:0], '&')
		return p[i+1:]
	case end >= 0:
		d.addValue(run)
		return d.beginTag(p[end+1:])
	}
	d.addValue(run)
	return p[len(run):]
}

// inEntity consumes an entity, or text that turns out not to be one, and returns the rest.
func (d *Decoder) inEntity(p []byte) []byte {
	for i, c := range p {
		switch {
		case c == ';':
			d.entity = append(d.entity, c)
			d.endEntity()
			return p[i+1:]
		case !isNameByte(c) && c != '#' || len(d.entity) >= maxEntity:
			d.endEntity()
			return p[i:]
		}
		d.entity = append(d.entity, c)
	}
	return nil
}

// endEntity adds the character of an entity, or its text if it is not a valid entity.
func (d *Decoder) endEntity() {
	if len(d.entity) == 0 {
		return
	}
	if c, ok := decodeEntity(d.entity); ok {
		d.entity = utf8.AppendRune(d.entity[:0], c)
	}
	d.addValue(d.entity)
	d.entity = d.entity[:0]
}

// decodeEntity returns the character of an entity such as &lt; or &#xFFFE;.
func decodeEntity(entity []byte) (c rune, ok bool) {
	name, found := bytes.CutSuffix(entity[1:], []byte(";"))
	if !found {
		return 0, false
	}
	switch string(name) {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, found := bytes.CutPrefix(name, []byte("#"))
	if !found {
		return 0, false
	}
	base := 10
	if hex, found := bytes.CutPrefix(digits, []byte("x")); found {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(string(digits), base, 32)
	if err != nil || n > utf8.MaxRune {
		return 0, false
	}
	return rune(n), true
}

// decodeEntities decodes the entities in the value of an attribute.
func decodeEntities(b []byte) []byte {
	var out []byte
	for {
		text, rest, found := bytes.Cut(b, []byte("&"))
		out = append(out, text...)
		if !found {
			return out
		}
		end := bytes.IndexByte(rest, ';') + 1
		if c, ok := decodeEntity(append([]byte("&"), rest[:end]...)); ok {
			out, b = utf8.AppendRune(out, c), rest[end:]
		} else {
			out, b = append(out, '&'), rest
		}
	}
}

// maxEscapes is the length of the longest escapes that form one character.
const maxEscapes = 2 * len("_xHHHHHHHH_")

// appendValue appends the value of the open leaf to dst, with escapes decoded, and resets the value.
func (d *Decoder) appendValue(dst []byte) []byte {
	dst, _ = unescape(dst, validUTF8(d.value), 0)
	d.value = d.value[:0]
	return dst
}

// emitChunk emits the value of a string that is too long, except for the end, which may be part of a character or an escape.
func (d *Decoder) emitChunk() {
	end := len(d.value) - incompleteRune(d.value)
	text, rest := d.value[:end], d.value[end:]
	if utf8.Valid(text) {
		d.scratch, rest = unescape(d.scratch[:0], d.value, maxEscapes)
	} else {
		d.scratch, _ = unescape(d.scratch[:0], validUTF8(text), 0)
	}
	d.value = append(d.value[:0], rest...)
	d.emitString(true)
}

// unescape decodes PowerShell's escapes, _xHHHH_ and _xHHHHHHHH_, as PowerShell does: from left to right, without decoding the result
// again. Two escapes that form a surrogate pair are one character; a lone surrogate becomes U+FFFD. unescape appends to dst until
// at most keep bytes of b are left, which it returns. With keep of at least maxEscapes the input can be continued later.
func unescape(dst, b []byte, keep int) (text, rest []byte) {
	for len(b) > keep {
		n := bytes.IndexByte(b[:len(b)-keep], '_')
		if n < 0 {
			n = len(b) - keep
			if keep > 0 {
				n -= incompleteRune(b[:n])
			}
			return append(dst, b[:n]...), b[n:]
		}
		dst = append(dst, b[:n]...)
		b = b[n:]
		unit, size := decodeEscape(b)
		if size == 0 {
			dst = append(dst, '_')
			b = b[1:]
			continue
		}
		b = b[size:]
		if utf16.IsSurrogate(unit) {
			low, lowSize := decodeEscape(b)
			if pair := utf16.DecodeRune(unit, low); lowSize > 0 && pair != utf8.RuneError {
				unit, b = pair, b[lowSize:]
			}
		}
		dst = utf8.AppendRune(dst, unit) // AppendRune writes a lone surrogate as U+FFFD
	}
	return dst, b
}

// decodeEscape decodes the escape at the start of b. size is 0 if there is none.
func decodeEscape(b []byte) (unit rune, size int) {
	if len(b) < 2 || b[0] != '_' || b[1]|0x20 != 'x' {
		return 0, 0
	}
	for _, digits := range [...]int{4, 8} {
		if len(b) < digits+3 || b[2+digits] != '_' {
			continue
		}
		if n, ok := parseHex(b[2 : 2+digits]); ok && n <= utf8.MaxRune {
			return rune(n), digits + 3
		}
	}
	return 0, 0
}

func parseHex(digits []byte) (n uint32, ok bool) {
	for _, c := range digits {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | uint32(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			n = n<<4 | uint32(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}
