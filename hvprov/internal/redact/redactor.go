// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// Mask replaces a secret.
const Mask = "******"

const (
	// minAnywhere is the length in characters from which a secret is replaced anywhere. A shorter one is replaced only as a
	// whole word: it occurs in ordinary words.
	minAnywhere = 4
	// minLine is the length in characters from which a line of a secret is a secret too. Shorter lines occur in ordinary text.
	minLine = 16
)

// Redactor replaces secrets, in any of the forms that the package documents, by [Mask]. The zero value has no secrets, and a
// nil Redactor replaces nothing. It is safe for concurrent use and must not be copied. Adding and releasing a secret costs time
// in proportion to its length, regardless of the number of other secrets.
type Redactor struct {
	mu         sync.RWMutex
	text       trie   // patterns that are replaced anywhere
	words      trie   // patterns that are replaced as whole words
	generation uint64 // changes with the set of patterns
}

// New returns a Redactor of some secrets, which it holds forever.
func New(secrets ...string) *Redactor {
	r := &Redactor{}
	r.Add(secrets...)
	return r
}

// Add adds secrets until release is called, which should happen once no more text can contain them. Calling release again has
// no effect. A secret that was added several times is replaced until each of them is released. Empty secrets are ignored.
func (r *Redactor) Add(secrets ...string) (release func()) {
	var text, words []string
	for _, secret := range secrets {
		for _, part := range parts(secret) {
			if utf8.RuneCountInString(part) < minAnywhere {
				words = append(words, part)
				words = append(words, base64Words(part)...)
			} else {
				text = append(text, lineBreakVariants(part)...)
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := false
	for _, pattern := range text {
		changed = r.text.add(pattern) || changed
	}
	for _, pattern := range words {
		changed = r.words.add(pattern) || changed
	}
	if changed {
		r.generation++
	}
	return sync.OnceFunc(func() { r.remove(text, words) })
}

func (r *Redactor) remove(text, words []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := false
	for _, pattern := range text {
		changed = r.text.remove(pattern) || changed
	}
	for _, pattern := range words {
		changed = r.words.remove(pattern) || changed
	}
	if changed {
		r.generation++
	}
}

// String returns s with each secret replaced. Secrets that overlap or touch are replaced as one.
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

// Bytes is [Redactor.String] for bytes. It does not modify b, and returns b itself if it contains no secret.
func (r *Redactor) Bytes(b []byte) []byte {
	s := string(b)
	if clean := r.String(s); clean != s {
		return []byte(clean)
	}
	return b
}

// state returns whether the redactor has no secrets, and its generation.
func (r *Redactor) state() (empty bool, generation uint64) {
	if r == nil {
		return true, 0
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.text.empty() && r.words.empty(), r.generation
}

// parts returns a secret, the secret without white space around it, and its long lines.
func parts(secret string) []string {
	if secret == "" {
		return nil
	}
	all := []string{secret}
	trimmed := strings.TrimSpace(secret)
	if trimmed != secret && utf8.RuneCountInString(trimmed) >= minAnywhere {
		all = append(all, trimmed)
	}
	for _, line := range strings.FieldsFunc(secret, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if line = strings.TrimSpace(line); line != trimmed && utf8.RuneCountInString(line) >= minLine {
			all = append(all, line)
		}
	}
	return all
}

var (
	unixLineBreaks    = strings.NewReplacer("\r\n", "\n", "\r", "\n")
	windowsLineBreaks = strings.NewReplacer("\r\n", "\r\n", "\r", "\r\n", "\n", "\r\n")
)

// lineBreakVariants returns a secret, and the secret with each kind of line break and with U+FFFD for what is not UTF-8.
func lineBreakVariants(secret string) []string {
	all := []string{secret}
	if strings.ContainsAny(secret, "\r\n") {
		for _, replacer := range []*strings.Replacer{unixLineBreaks, windowsLineBreaks} {
			if variant := replacer.Replace(secret); variant != secret {
				all = append(all, variant)
			}
		}
	}
	if !utf8.ValidString(secret) {
		all = append(all, string([]rune(secret)))
	}
	return all
}

// base64Words returns the base64 of a short secret alone. Within longer base64 so few characters would be found by chance.
func base64Words(secret string) []string {
	utf8Bytes, utf16Bytes := []byte(secret), []byte(nil)
	for _, unit := range utf16.Encode([]rune(secret)) {
		utf16Bytes = binary.LittleEndian.AppendUint16(utf16Bytes, unit)
	}
	var all []string
	for _, raw := range [][]byte{utf8Bytes, utf16Bytes} {
		all = append(all, base64.StdEncoding.EncodeToString(raw), base64.URLEncoding.EncodeToString(raw))
	}
	return all
}
