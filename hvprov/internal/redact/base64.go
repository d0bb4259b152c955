// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// minBase64 is the number of base64 characters that hold a secret of minAnywhere bytes.
	minBase64 = (minAnywhere*8 + 5) / 6
	// minWrapped is the length from which a line of base64 may continue on the next one. MIME wraps at 76, PEM at 64
	// characters.
	minWrapped = 48
)

// base64Values maps the characters of base64 and base64url to their six bits plus 1; 0 is no such character.
var base64Values = func() (values [256]byte) {
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		values[c] = byte(i + 1) // #nosec G115 -- there are 64
	}
	values['-'], values['_'] = values['+'], values['/']
	return values
}()

// base64Run is a longest sequence of base64 characters in a text.
type base64Run struct {
	values  []byte // six bits each
	spans   []span // of the characters in the text
	decoded []byte // scratch space
}

// findBase64 returns the spans of base64 characters that hold a pattern: it decodes everything that could be base64, and
// searches the result as UTF-8 and as UTF-16.
func (f *search) findBase64(s string) []span {
	var found []span
	for at := 0; at < len(s); {
		next := f.run.read(s, at)
		if len(f.run.values) >= minBase64 {
			found = f.findInRun(s, next, found)
		}
		at = max(next, at+1)
	}
	return found
}

// read reads a run that begins at a place of s, and returns its end.
func (r *base64Run) read(s string, at int) (end int) {
	r.values, r.spans = r.values[:0], r.spans[:0]
	lineLength, broken := 0, false
	for at < len(s) {
		c, width := s[at], 1
		if c != '_' && base64Values[c] == 0 || c == '_' && strings.HasPrefix(s[at:], "_x") {
			c, width = decodeBase64Character(s, at)
		}
		switch {
		case base64Values[c] != 0:
			if broken {
				lineLength, broken = 0, false
			}
			lineLength++
			r.values = append(r.values, base64Values[c]-1)
			r.spans = append(r.spans, span{at, at + width})
		case lineLength >= minWrapped && (c == '\r' || c == '\n'):
			broken = true
		default:
			return at
		}
		at += width
	}
	return at
}

// decodeBase64Character returns the base64 character, padding or line break that is encoded at a place of s, or s[at].
func decodeBase64Character(s string, at int) (c byte, width int) {
	switch s[at] {
	case '\\', '&', '%', '_', '\r', escapeByte:
		var d decodings
		d.decode(s, at, false)
		for _, one := range d.all[:d.n] {
			if c := one.text[0]; one.size == 1 && (base64Values[c] != 0 || c == '=' || c == '\r' || c == '\n') {
				return c, one.width
			}
		}
	}
	return s[at], 1
}

// findInRun adds the spans of a run of s, which ends at end.
func (f *search) findInRun(s string, end int, found []span) []span {
	run := &f.run
	for offset := range 4 { // of the first character of a group of four
		decoded := run.decode(offset)
		add := func(from, to int) { found = append(found, run.span(offset, from, to, s, end)) }
		if f.mayContain(decoded) {
			for _, sp := range f.all(string(decoded)) {
				add(sp.from, sp.to)
			}
		}
		for odd := range 2 {
			if len(decoded) < 2*minAnywhere {
				break
			}
			if text, index := f.decodeUTF16(decoded, odd); text != "" {
				for _, sp := range f.all(text) {
					add(index[sp.from], index[sp.to])
				}
			}
		}
	}
	return found
}

// decode decodes a run from one of its first four characters on.
func (r *base64Run) decode(offset int) []byte {
	r.decoded = r.decoded[:0]
	bits, n := uint32(0), 0
	for _, v := range r.values[min(offset, len(r.values)):] {
		bits, n = bits<<6|uint32(v), n+6
		if n >= 8 {
			n -= 8
			r.decoded = append(r.decoded, byte(bits>>n)) // #nosec G115 -- the lower eight bits
		}
	}
	return r.decoded
}

// span returns which part of s holds some of the decoded bytes, with the padding after them.
func (r *base64Run) span(offset, from, to int, s string, end int) span {
	first, last := offset+from*8/6, offset+(to*8+5)/6-1
	sp := span{r.spans[first].from, r.spans[last].to}
	for last == len(r.spans)-1 && end < len(s) && (to*8)%6 != 0 {
		c, width := decodeBase64Character(s, end)
		if c != '=' {
			break
		}
		end += width
		sp.to = end
	}
	return sp
}

// mayContain reports whether a pattern could begin somewhere in some bytes.
func (t *trie) mayContain(decoded []byte) bool {
	for _, b := range decoded {
		if t.root[b] != 0 || encodingBytes[b] {
			return true
		}
	}
	return false
}

// decodeUTF16 decodes UTF-16LE that begins at the first or second byte, and returns for each byte of the text, and for its end,
// where it begins in decoded. The text is empty if no pattern could begin in it.
func (t *trie) decodeUTF16(decoded []byte, odd int) (text string, index []int) {
	possible := false
	for i := odd; i+1 < len(decoded) && !possible; i += 2 {
		switch unit := rune(decoded[i]) | rune(decoded[i+1])<<8; {
		case unit < utf8.RuneSelf:
			possible = t.root[unit] != 0 || encodingBytes[unit]
		case utf16.IsSurrogate(unit):
			possible = t.root[0xf0]|t.root[0xf1]|t.root[0xf2]|t.root[0xf3]|t.root[0xf4] != 0 // first bytes of U+10000 and above
		default:
			lead := byte(0xe0 | unit>>12) // #nosec G115 -- of the three bytes in UTF-8
			if unit < 0x800 {
				lead = byte(0xc0 | unit>>6) // #nosec G115 -- of two bytes
			}
			possible = t.root[lead] != 0 || encodingBytes[lead]
		}
	}
	if !possible {
		return "", nil
	}
	var b strings.Builder
	for i := odd; i+1 < len(decoded); {
		r, size := rune(decoded[i])|rune(decoded[i+1])<<8, 2
		if utf16.IsSurrogate(r) && i+3 < len(decoded) {
			if pair := utf16.DecodeRune(r, rune(decoded[i+2])|rune(decoded[i+3])<<8); pair != utf8.RuneError {
				r, size = pair, 4
			}
		}
		n, _ := b.WriteRune(r)
		for range n {
			index = append(index, i)
		}
		i += size
	}
	return b.String(), append(index, odd+(len(decoded)-odd)/2*2)
}
