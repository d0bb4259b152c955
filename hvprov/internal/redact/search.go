// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"cmp"
	"slices"
	"sync"
	"unicode"
	"unicode/utf8"
)

// span is a range of bytes in a text.
type span struct{ from, to int }

// search finds the patterns of one trie in a text, in one pass. It follows every decoding of the text at once: pending holds the
// patterns that have begun, at the place where each continues.
type search struct {
	*trie
	words   bool // a pattern counts only as a whole word
	s       string
	found   []span
	pending [maxWidth][]partial // by place, modulo maxWidth; empty between texts
	run     base64Run           // see findBase64
}

// partial is the beginning of a pattern.
type partial struct {
	node  int32
	start int
}

// searches holds unused searches, whose memory is used again.
var searches = sync.Pool{New: func() any { return &search{} }}

func newSearch(t *trie, words bool) *search {
	f, _ := searches.Get().(*search)
	f.trie, f.words = t, words
	return f
}

func (f *search) release() {
	f.trie, f.s = nil, ""
	searches.Put(f)
}

// find returns what to replace in s, in order and without overlaps. All secrets are found before any is replaced, so that
// replacing one cannot hide a part of another.
func (r *Redactor) find(s string) []span {
	if r == nil {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	var found []span
	if !r.text.empty() {
		f := newSearch(&r.text, false)
		found = append(found, f.all(s)...)
		found = append(found, f.findBase64(s)...)
		f.release()
	}
	if !r.words.empty() {
		f := newSearch(&r.words, true)
		found = append(found, f.all(s)...)
		f.release()
	}
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })
	return merge(found)
}

// merge joins spans that overlap or touch.
func merge(found []span) []span {
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

// all returns the spans of all patterns in a text, in any order. They are valid until the next call.
func (f *search) all(s string) []span {
	f.s, f.found = s, f.found[:0]
	for at := range len(s) {
		partials := f.partialsAt(at)
		encoded := encodingBytes[s[at]]
		f.advance(f.root[s[at]], at+1, at)
		if encoded {
			f.decode(at, partial{start: at})
		}
		for _, p := range partials {
			f.advance(f.step(p.node, s[at]), at+1, p.start)
			if encoded {
				f.decode(at, p)
			}
		}
	}
	f.partialsAt(len(s))
	return f.found
}

// partialsAt removes and returns the patterns that continue at a place, and records those that end there. Of those in the same state,
// it keeps the one that began first.
func (f *search) partialsAt(at int) []partial {
	slot := &f.pending[at%maxWidth]
	partials := *slot
	*slot = partials[:0] // not used before the next place with the same remainder
	if len(partials) > 1 {
		slices.SortFunc(partials, func(a, b partial) int { return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.start, b.start)) })
		partials = slices.CompactFunc(partials, func(a, b partial) bool {
			return a.node == b.node && (!f.words || a.start == b.start) // the start decides whether a word is whole
		})
	}
	for _, p := range partials {
		if f.nodes[p.node].ends > 0 && (!f.words || isWord(f.s, p.start, at)) {
			f.found = append(f.found, span{p.start, at})
		}
	}
	return partials
}

// decode continues a pattern, or begins one, with every decoding of the text at a place.
func (f *search) decode(at int, p partial) {
	var d decodings
	d.decode(f.s, at, p.node == 0)
	for _, one := range d.all[:d.n] {
		f.advance(f.path(p.node, one.text[:one.size]), at+one.width, p.start)
	}
}

// advance adds a pattern that continues with a node at a place, unless the text there rules that out.
func (f *search) advance(node int32, at, start int) {
	if node == 0 || f.nodes[node].ends == 0 && at < len(f.s) && !encodingBytes[f.s[at]] && f.step(node, f.s[at]) == 0 {
		return
	}
	slot := &f.pending[at%maxWidth]
	*slot = append(*slot, partial{node, start})
}

// isWord reports whether neither a letter nor a digit stands beside a part of s.
func isWord(s string, from, to int) bool {
	inWord := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	before, _ := utf8.DecodeLastRuneInString(s[:from])
	after, _ := utf8.DecodeRuneInString(s[to:])
	return !inWord(before) && !inWord(after)
}
