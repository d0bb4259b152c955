// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"encoding/base64"
	"strings"
)

// base64Form is what is sure to be in the base64 of a text that has the secret in it.
type base64Form struct {
	text string
	// How many characters around text may also hold bits of the secret.
	before, after int
}

// base64Forms gives the base64 of raw, wherever in a longer text raw begins: at the first, second or third byte of a group
// of three. It is without the characters at its ends that also depend on the neighbours.
func base64Forms(raw []byte) []base64Form {
	var forms []base64Form
	for offset := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, offset), raw...))
		from, to := offset*8, (offset+len(raw))*8 // the secret's bits
		first, last := (from+5)/6, to/6           // the characters that hold no other
		forms = append(forms, base64Form{text: encoded[first:last], before: first - from/6, after: (to+5)/6 - last})
	}
	return forms
}

// isBase64 takes in the characters of base64url as well.
func isBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '+' || c == '/' || c == '-' || c == '_'
}

// left goes back from a place in base64 over as many characters.
func (f *finder) left(w way, at, characters int) int {
	if w != asBase64 {
		return at
	}
	for range characters {
		to := at
		switch {
		case strings.HasSuffix(f.s[:to], "\r\n") && wrapped(f.s, to-2):
			to -= 2
		case strings.HasSuffix(f.s[:to], "\n") && wrapped(f.s, to-1):
			to--
		}
		if to == 0 || !isBase64(f.s[to-1]) {
			break
		}
		at = to - 1
	}
	return at
}

// right goes on from a place in base64 over as many characters, and then over the padding if there were any to go over.
func (f *finder) right(at, characters int) int {
	for range characters {
		to := at + lineBreak(f.s, at)
		if to == len(f.s) || !isBase64(f.s[to]) {
			break
		}
		at = to + 1
	}
	for characters > 0 && at < len(f.s) && f.s[at] == '=' {
		at++
	}
	return at
}

// shortestLine is the length from which lines of base64 are taken to go on in the next one. MIME has 76 characters to a line,
// and PEM 64.
const shortestLine = 48

// wrapped tells whether at is the end of such a line.
func wrapped(s string, at int) bool {
	if at < shortestLine {
		return false
	}
	for i := at - shortestLine; i < at; i++ {
		if !isBase64(s[i]) {
			return false
		}
	}
	return true
}

var lineBreaks = []string{"\r\n", "\n", `\r\n`, `\n`, "&#xD;&#xA;", "&#xA;", "_x000D__x000A_", "_x000A_", "%0D%0A", "%0A"}

// lineBreak gives the length of the break at the end of a line of base64, or 0.
func lineBreak(s string, at int) int {
	if at == len(s) || isBase64(s[at]) && s[at] != '_' || !wrapped(s, at) {
		return 0
	}
	for _, b := range lineBreaks {
		if strings.HasPrefix(s[at:], b) {
			return len(b)
		}
	}
	return 0
}

// readBase64 reads one character of base64 that is not written as itself.
func (rd *reading) readBase64(s string, at int) {
	switch s[at] {
	case '-':
		rd.add("+", 1)
	case '_':
		rd.add("/", 1)
	}
	if readings[s[at]] {
		rd.readText(s, at, false)
	}
	switch s[at] {
	case '\r', '\n', '\\', '&', '_', '%':
	default:
		return
	}
	if !wrapped(s, at) {
		return
	}
	width := lineBreak(s, at)
	if width == 0 || at+width == len(s) {
		rd.cut = rd.cut || len(s)-at < len("_x000D__x000A_")
		return
	}
	switch c := s[at+width]; {
	case c == '-':
		rd.add("+", width+1)
	case c == '_':
		rd.add("/", width+1)
	case isBase64(c):
		rd.add(s[at+width:at+width+1], width+1)
	}
}
