// SPDX-License-Identifier: MPL-2.0

// Package redact takes secret values out of text before it is shown or kept.
package redact

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mask stands where a secret was.
const Mask = "******"

// shortest is the length in characters from which a secret is looked for anywhere. A shorter one is looked for as a whole
// word: it would else make holes in ordinary words.
const shortest = 4

// Redactor replaces secrets, and the forms they take in JSON, XML, PowerShell and base64, by [Mask]. A nil Redactor
// replaces nothing. It is safe for concurrent use.
type Redactor struct {
	needles []needle
}

// needle is one form of one secret.
type needle struct {
	text string
	word bool // only where no letter or digit touches it
	// For base64: how many characters around text may also hold bits of the secret.
	before, after int
}

// New makes a redactor. Empty secrets are ignored. The lines of a secret that has several are secrets too, since logs
// come in lines; and so is a secret without the white space around it.
func New(secrets ...string) *Redactor {
	r := &Redactor{}
	seen := map[needle]bool{}
	for _, secret := range secrets {
		for _, part := range parts(secret) {
			for _, n := range needles(part) {
				if !seen[n] {
					seen[n] = true
					r.needles = append(r.needles, n)
				}
			}
		}
	}
	return r
}

// parts gives a secret, and what of it may stand alone.
func parts(secret string) []string {
	if secret == "" {
		return nil
	}
	all := []string{secret}
	for _, line := range append(strings.FieldsFunc(secret, func(r rune) bool { return r == '\r' || r == '\n' }), secret) {
		if line = strings.TrimSpace(line); line != secret && utf8.RuneCountInString(line) >= shortest {
			all = append(all, line)
		}
	}
	return all
}

// String gives s with each secret replaced. Secrets that overlap or touch are replaced as one.
func (r *Redactor) String(s string) string {
	spans := r.find(s)
	if len(spans) == 0 {
		return s
	}
	var b strings.Builder
	end := 0
	for _, sp := range spans {
		b.WriteString(s[end:sp.from])
		b.WriteString(Mask)
		end = sp.to
	}
	b.WriteString(s[end:])
	return b.String()
}

// Bytes is [Redactor.String] for bytes. It never changes b, and gives b itself where there is no secret in it.
func (r *Redactor) Bytes(b []byte) []byte {
	if r == nil || !slices.ContainsFunc(r.needles, func(n needle) bool { return bytes.Contains(b, []byte(n.text)) }) {
		return b
	}
	return []byte(r.String(string(b)))
}

type span struct{ from, to int }

// find gives what to replace in s: in order, and nothing twice. All matches are found before any is replaced, so that
// replacing one secret never hides a part of another.
func (r *Redactor) find(s string) []span {
	if r == nil {
		return nil
	}
	var found []span
	for _, n := range r.needles {
		for at := 0; ; {
			i := strings.Index(s[at:], n.text)
			if i < 0 {
				break
			}
			sp := span{at + i, at + i + len(n.text)}
			if !n.word || isWord(s, sp) {
				found = append(found, n.widen(s, sp))
			}
			at += i + 1 // and not after the match: a secret like "aaab" may overlap itself
		}
	}
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })
	merged := found[:0]
	for _, sp := range found {
		if last := len(merged) - 1; last >= 0 && sp.from <= merged[last].to {
			merged[last].to = max(merged[last].to, sp.to)
			continue
		}
		merged = append(merged, sp)
	}
	return merged
}

// isWord tells whether neither a letter nor a digit stands beside a span.
func isWord(s string, sp span) bool {
	inWord := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	before, _ := utf8.DecodeLastRuneInString(s[:sp.from])
	after, _ := utf8.DecodeRuneInString(s[sp.to:])
	return !inWord(before) && !inWord(after)
}

// widen takes in the base64 characters at both ends that hold some of the secret's bits and some of its neighbours', and
// the padding behind them.
func (n needle) widen(s string, sp span) span {
	for i := 0; i < n.before && sp.from > 0 && isBase64(s[sp.from-1]); i++ {
		sp.from--
	}
	for i := 0; i < n.after && sp.to < len(s) && isBase64(s[sp.to]); i++ {
		sp.to++
	}
	for n.after > 0 && sp.to < len(s) && s[sp.to] == '=' {
		sp.to++
	}
	return sp
}

func isBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/'
}
