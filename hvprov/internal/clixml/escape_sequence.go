// SPDX-License-Identifier: MPL-2.0

package clixml

import "bytes"

const esc = 0x1b

// sequenceLength returns the length of the escape sequence at the start of b (ECMA-48): ESC [ … letter, the strings ESC ] … BEL or
// ESC \, and the short forms. An invalid sequence ends before its first invalid byte, but of an unterminated string only the
// introducer counts, since the rest may be text. complete is false if more input could extend the sequence.
func sequenceLength(b []byte) (n int, complete bool) {
	if len(b) < 2 {
		return len(b), false
	}
	switch b[1] {
	case '[':
		n = 2
		for n < len(b) && 0x30 <= b[n] && b[n] <= 0x3F {
			n++
		}
		return finalByte(b, n, 0x40)
	case ']', 'P', 'X', '^', '_':
		for n = 2; n < len(b) && (b[n] >= ' ' || b[n] == '\t'); n++ {
		}
		switch {
		case n == len(b):
			return 2, false
		case b[n] == '\a':
			return n + 1, true
		case b[n] == esc && n+1 == len(b):
			return 2, false
		case b[n] == esc && b[n+1] == '\\':
			return n + 2, true
		}
		return 2, true
	}
	return finalByte(b, 1, 0x30)
}

// finalByte returns the end of the intermediate bytes at b[n:] and of a final byte that is at least lowest.
func finalByte(b []byte, n int, lowest byte) (int, bool) {
	for n < len(b) && 0x20 <= b[n] && b[n] <= 0x2F {
		n++
	}
	if n == len(b) {
		return n, false
	}
	if lowest <= b[n] && b[n] <= 0x7E {
		n++
	}
	return n, true
}

// dropSequences removes the escape sequences from b in place.
func dropSequences(b []byte) []byte {
	i := bytes.IndexByte(b, esc)
	if i < 0 {
		return b
	}
	out := b[:i]
	for b = b[i:]; len(b) > 0; {
		n, _ := sequenceLength(b)
		b = b[n:]
		if n = bytes.IndexByte(b, esc); n < 0 {
			n = len(b)
		}
		out = append(out, b[:n]...)
		b = b[n:]
	}
	return out
}

// incompleteSequence returns the number of bytes of an incomplete escape sequence at the end of b.
func incompleteSequence(b []byte) int {
	tail := b[max(0, len(b)-maxSequence):]
	for {
		i := bytes.IndexByte(tail, esc)
		if i < 0 {
			return 0
		}
		tail = tail[i:]
		n, complete := sequenceLength(tail)
		if !complete {
			return len(tail)
		}
		tail = tail[n:]
	}
}

// colorSequences returns the concatenated sequences of a line that set colors, without the reset at its end.
func colorSequences(line []byte) []byte {
	var all []byte
	line = bytes.TrimSuffix(bytes.TrimRight(line, "\r\n"), []byte("\x1b[0m"))
	for {
		i := bytes.IndexByte(line, esc)
		if i < 0 {
			return all
		}
		n, _ := sequenceLength(line[i:])
		if s := line[i : i+n]; n > 2 && s[1] == '[' && s[n-1] == 'm' {
			all = append(all, s...)
		}
		line = line[i+n:]
	}
}
