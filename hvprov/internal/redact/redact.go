// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"strings"
	"unicode/utf8"
)

// Mask stands where a secret was.
const Mask = "******"

// shortest is the length in characters from which a secret is looked for anywhere. A shorter one is looked for as a whole
// word: it would else make holes in ordinary words.
const shortest = 4

// Redactor replaces secrets, and the forms they take (see the package), by [Mask]. A nil Redactor replaces nothing. It is
// safe for concurrent use.
type Redactor struct {
	text   trie // secrets, as text and in hexadecimal digits
	words  trie // secrets that are looked for as whole words, and their base64
	base64 trie // what secrets make of base64
	lead   [256]way
}

// Source gives the redactor of the moment: that is a [Redactor] itself, or what a [Set] has.
type Source interface {
	Redactor() *Redactor
}

// New makes a redactor. Empty secrets are ignored. The lines of a secret that has several are secrets too, since logs
// come in lines; and so is a secret without the white space around it.
func New(secrets ...string) *Redactor {
	r := &Redactor{}
	seen := map[string]bool{}
	for _, secret := range secrets {
		for _, part := range parts(secret) {
			if !seen[part] {
				seen[part] = true
				r.add(part)
			}
		}
	}
	r.index()
	return r
}

// Redactor implements [Source] with r itself.
func (r *Redactor) Redactor() *Redactor { return r }

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
	spans, _ := r.find(s, 0, true)
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
	if r == nil {
		return b
	}
	s := string(b)
	if clean := r.String(s); clean != s {
		return []byte(clean)
	}
	return b
}
