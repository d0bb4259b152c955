// SPDX-License-Identifier: MPL-2.0

package redact

// trie holds the byte strings that are looked for. Many secrets that are looked for at once cost hardly more than one:
// most places of a text are left after a look at the root.
type trie struct {
	nodes []node // the first is the root
	root  [256]int32
}

type node struct {
	next []edge
	end  bool // a string ends here
	// For base64: how many characters around the string may also hold bits of the secret.
	before, after int
}

type edge struct {
	b  byte
	to int32
}

// add adds a string, which is not empty.
func (t *trie) add(s string, before, after int) {
	if len(t.nodes) == 0 {
		t.nodes = append(t.nodes, node{})
	}
	at := int32(0)
	for i := range len(s) {
		next := t.step(at, s[i])
		if next == 0 {
			next = int32(len(t.nodes)) // #nosec G115 -- no secrets have 2 GiB
			t.nodes = append(t.nodes, node{})
			if at == 0 {
				t.root[s[i]] = next
			} else {
				t.nodes[at].next = append(t.nodes[at].next, edge{s[i], next})
			}
		}
		at = next
	}
	n := &t.nodes[at]
	n.end, n.before, n.after = true, max(n.before, before), max(n.after, after)
}

// step gives the node behind a byte; 0 is none.
func (t *trie) step(at int32, b byte) int32 {
	if at == 0 {
		return t.root[b]
	}
	for _, e := range t.nodes[at].next {
		if e.b == b {
			return e.to
		}
	}
	return 0
}

// path is step for several bytes.
func (t *trie) path(at int32, b []byte) int32 {
	for i := range b {
		if at = t.step(at, b[i]); at == 0 {
			return 0
		}
	}
	return at
}
