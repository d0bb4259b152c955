// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

type span struct{ from, to int }

// way is how text is read; a set of bits.
type way uint8

const (
	asText way = 1 << iota
	asWord
	asBase64
	asHex
)

// finder looks through one text.
type finder struct {
	*Redactor
	s       string
	final   bool // the text has an end; else more may follow
	found   []span
	hold    int            // where the first of what more text might make a secret begins
	visited map[visit]bool // where paths branch, so that text of nothing but escapes takes no forever
}

// mostVisited bounds the memory for what was visited, but for what one place needs.
const mostVisited = 1 << 14

type visit struct {
	way  way
	at   int
	node int32
}

// find gives what to replace of s that begins at from or later: in order, and nothing twice. All matches are found before any
// is replaced, so that replacing one secret never hides a part of another. What is before from is there to be looked back at.
// Unless final, what begins at hold or later is not known yet: it depends on what follows.
func (r *Redactor) find(s string, from int, final bool) (found []span, hold int) {
	if r == nil {
		return nil, len(s)
	}
	f := &finder{Redactor: r, s: s, final: final, hold: len(s)}
	for i := from; i < len(s); i++ {
		ways := r.lead[s[i]]
		if ways == 0 {
			continue
		}
		if len(f.visited) > mostVisited {
			clear(f.visited) // it only saves time
		}
		for w := asText; w < asHex; w <<= 1 {
			if ways&w != 0 {
				f.walk(w, i, i, 0, 0)
			}
		}
		// Digits are all over a log, and few of them begin a secret.
		if ways&asHex != 0 && (i+1 == len(s) || isHexDigit(s[i+1]) && r.text.root[hexByte(s[i:])] != 0) {
			f.walk(asHex, i, i, 0, 0)
		}
	}
	if len(r.base64.nodes) > 0 {
		f.live(f.left(asBase64, len(s), 1)) // base64 that begins behind s may have bits in front of it
	}
	f.hold = max(f.hold, from)
	slices.SortFunc(f.found, func(a, b span) int { return a.from - b.from })
	return merge(f.found), f.hold
}

// merge makes one of spans that overlap or touch.
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

func (r *Redactor) trie(w way) *trie {
	switch w {
	case asWord:
		return &r.words
	case asBase64:
		return &r.base64
	}
	return &r.text
}

// walk follows every reading of the text from at on that leads on in the trie. The text from start to at led to node n.
func (f *finder) walk(w way, start, at int, n int32, depth int) {
	t := f.trie(w)
	for ; ; depth++ {
		if t.nodes[n].end {
			f.match(w, start, at, &t.nodes[n])
		}
		if n != 0 && len(t.nodes[n].next) == 0 {
			return
		}
		if at == len(f.s) {
			f.live(f.left(w, start, 1))
			return
		}
		next := int32(0)
		if w != asHex {
			next = t.step(n, f.s[at])
		}
		if !special(w, f.s[at]) {
			if next == 0 {
				return
			}
			n, at = next, at+1
			continue
		}
		if n, at = f.branch(w, start, at, n, next, depth); n == 0 {
			return
		}
	}
}

// branch follows every other reading of the text at a place, but for one: that it returns, for walk to go on with. Node plain is
// where the text as it stands leads to, if it leads on.
func (f *finder) branch(w way, start, at int, n, plain int32, depth int) (next int32, nextAt int) {
	// Digits are read in one way only. A word is a few characters, and where its beginning is makes a difference.
	if depth > 0 && w != asHex && w != asWord && f.seen(visit{w, at, n}) {
		return 0, at
	}
	next, nextAt = plain, at+1
	var rd reading
	rd.read(w, f.s, at, depth == 0)
	if rd.cut {
		f.live(f.left(w, start, 1))
	}
	t := f.trie(w)
	for _, a := range rd.all[:rd.n] {
		to := t.path(n, a.is[:a.size])
		switch {
		case to == 0:
		case next == 0:
			next, nextAt = to, at+a.width
		default:
			f.walk(w, start, at+a.width, to, depth+1)
		}
	}
	return next, nextAt
}

func (f *finder) seen(v visit) bool {
	if f.visited[v] {
		return true
	}
	if f.visited == nil {
		f.visited = map[visit]bool{}
	}
	f.visited[v] = true
	return false
}

// live holds what begins at start until more is known.
func (f *finder) live(start int) {
	if !f.final {
		f.hold = min(f.hold, start)
	}
}

// match takes in that from start to end there is what node n stands for.
func (f *finder) match(w way, start, end int, n *node) {
	sp := span{start, end}
	switch w {
	case asWord:
		if !f.final && !utf8.FullRuneInString(f.s[end:]) {
			f.live(start)
			return
		}
		if !isWord(f.s, sp) {
			return
		}
	case asBase64:
		sp.from = f.left(w, start, n.before)
		sp.to = f.right(end, n.after)
		if !f.final && sp.to == len(f.s) {
			f.live(sp.from)
			return
		}
	}
	f.found = append(f.found, sp)
}

// isWord tells whether neither a letter nor a digit stands beside a span.
func isWord(s string, sp span) bool {
	inWord := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	before, _ := utf8.DecodeLastRuneInString(s[:sp.from])
	after, _ := utf8.DecodeRuneInString(s[sp.to:])
	return !inWord(before) && !inWord(after)
}
