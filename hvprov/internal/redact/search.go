// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// span is a range of bytes in a text.
type span struct{ from, to int }

// search finds the patterns of one trie in one text.
type search struct {
	*trie
	s       string
	words   bool // a pattern counts only as a whole word
	found   []span
	visited map[visit]bool // places where decodings branch, so that text of escapes only does not take exponential time
}

type visit struct {
	at   int
	node int32
}

// maxVisited limits the memory for visited places. Forgetting them costs time only.
const maxVisited = 1 << 14

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
		found = (&search{trie: &r.text, s: s}).all()
		found = append(found, r.text.findBase64(s)...)
	}
	if !r.words.empty() {
		found = append(found, (&search{trie: &r.words, s: s, words: true}).all()...)
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

// all returns the spans of all patterns, in any order.
func (f *search) all() []span {
	for i := range len(f.s) {
		if f.root[f.s[i]] != 0 || encodingBytes[f.s[i]] {
			if len(f.visited) > maxVisited {
				clear(f.visited)
			}
			f.walk(i, i, 0, true)
		}
	}
	return f.found
}

// walk follows every decoding of the text from at on that continues a pattern. The text between start and at led to node n.
func (f *search) walk(start, at int, n int32, first bool) {
	for ; ; first = false {
		if n != 0 {
			if f.nodes[n].ends > 0 && (!f.words || isWord(f.s, start, at)) {
				f.found = append(f.found, span{start, at})
			}
			if f.nodes[n].child == 0 {
				return
			}
		}
		if at == len(f.s) {
			return
		}
		next := f.step(n, f.s[at])
		if encodingBytes[f.s[at]] {
			n, at = f.branch(start, at, n, next, first)
		} else {
			n, at = next, at+1
		}
		if n == 0 {
			return
		}
	}
}

// branch follows every decoding at a place but one, which it returns for walk to continue with. plain is the node that the
// text as it stands leads to, if any.
func (f *search) branch(start, at int, n, plain int32, first bool) (next int32, nextAt int) {
	// A path that came here before found the same patterns, with an earlier start. Whether a word is whole depends on its start.
	if !first && !f.words && f.seen(visit{at, n}) {
		return 0, at
	}
	next, nextAt = plain, at+1
	var d decodings
	d.decode(f.s, at, first)
	for _, one := range d.all[:d.n] {
		to := f.path(n, one.text[:one.size])
		switch {
		case to == 0:
		case next == 0:
			next, nextAt = to, at+one.width
		default:
			f.walk(start, at+one.width, to, false)
		}
	}
	return next, nextAt
}

func (f *search) seen(v visit) bool {
	if f.visited[v] {
		return true
	}
	if f.visited == nil {
		f.visited = map[visit]bool{}
	}
	f.visited[v] = true
	return false
}

// isWord reports whether neither a letter nor a digit stands beside a part of s.
func isWord(s string, from, to int) bool {
	inWord := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	before, _ := utf8.DecodeLastRuneInString(s[:from])
	after, _ := utf8.DecodeRuneInString(s[to:])
	return !inWord(before) && !inWord(after)
}
