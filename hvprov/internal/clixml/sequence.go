// SPDX-License-Identifier: MPL-2.0

package clixml

import "bytes"

const esc = 0x1b

// sequence is the length of the escape sequence that b begins with, as ECMA-48 and its users write them: ESC [ … letter, the
// strings ESC ] … BEL or ESC \, and the short ones. One that breaks off is as long as it got; but of a string that does not end,
// only the beginning is dropped, since what follows may be text. It is not whole when more may come.
func sequence(b []byte) (n int, whole bool) {
	if len(b) < 2 {
		return len(b), false
	}
	switch b[1] {
	case '[':
		n = 2
		for n < len(b) && 0x30 <= b[n] && b[n] <= 0x3F {
			n++
		}
		return ending(b, n, 0x40)
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
	return ending(b, 1, 0x30)
}

// ending takes intermediate bytes and the final one, which is not below lowest.
func ending(b []byte, n int, lowest byte) (int, bool) {
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

// forPeople takes the escape sequences out of b, in place, unless it is to stay as it was written.
func (d *Decoder) forPeople(b []byte) []byte {
	if d.AsWritten {
		return b
	}
	return dropSequences(b)
}

// dropSequences takes the escape sequences out of b, in place.
func dropSequences(b []byte) []byte {
	i := bytes.IndexByte(b, esc)
	if i < 0 {
		return b
	}
	out := b[:i]
	for b = b[i:]; len(b) > 0; {
		n, _ := sequence(b)
		b = b[n:]
		if n = bytes.IndexByte(b, esc); n < 0 {
			n = len(b)
		}
		out = append(out, b[:n]...)
		b = b[n:]
	}
	return out
}

// unfinished is the number of bytes at the end that begin an escape sequence and do not complete it.
func unfinished(b []byte) int {
	tail := b[max(0, len(b)-maxSequence):]
	for {
		i := bytes.IndexByte(tail, esc)
		if i < 0 {
			return 0
		}
		tail = tail[i:]
		n, whole := sequence(tail)
		if !whole {
			return len(tail)
		}
		tail = tail[n:]
	}
}

// colours are the sequences in a line that set colours, one after the other; not that which ends them at the line's end.
func colours(line []byte) []byte {
	var all []byte
	line = bytes.TrimSuffix(bytes.TrimRight(line, "\r\n"), []byte("\x1b[0m"))
	for {
		i := bytes.IndexByte(line, esc)
		if i < 0 {
			return all
		}
		n, _ := sequence(line[i:])
		if s := line[i : i+n]; n > 2 && s[1] == '[' && s[n-1] == 'm' {
			all = append(all, s...)
		}
		line = line[i+n:]
	}
}
