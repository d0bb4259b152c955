// SPDX-License-Identifier: MPL-2.0

package redact

// trie is a set of byte strings with reference counts. The zero value is empty.
type trie struct {
	root  [256]int32 // the node of each first byte; 0 is none
	nodes []node     // nodes[0] is not used
	free  int32      // list of nodes to use again, linked by sibling
	count int        // of strings, each as often as it was added
}

type node struct {
	child   int32 // the first of its children, which are linked by sibling
	sibling int32
	uses    int32 // strings that end here or further down
	ends    int32 // strings that end here
	b       byte
}

func (t *trie) empty() bool { return t.count == 0 }

// add adds a string, which must not be empty, and reports whether it is new.
func (t *trie) add(s string) bool {
	if len(t.nodes) == 0 {
		t.nodes = make([]node, 1, 1+len(s))
	}
	t.count++
	at := int32(0)
	for i := range len(s) {
		next := t.step(at, s[i])
		if next == 0 {
			next = t.insert(at, s[i])
		}
		t.nodes[next].uses++
		at = next
	}
	t.nodes[at].ends++
	return t.nodes[at].ends == 1
}

// insert adds a child to a node, or to the root for 0.
func (t *trie) insert(parent int32, b byte) int32 {
	at := t.free
	if at != 0 {
		t.free = t.nodes[at].sibling
	} else {
		at = int32(len(t.nodes)) // #nosec G115 -- secrets are far shorter than 2 GiB
		t.nodes = append(t.nodes, node{})
	}
	t.nodes[at] = node{b: b}
	if parent == 0 {
		t.root[b] = at
	} else {
		t.nodes[at].sibling = t.nodes[parent].child
		t.nodes[parent].child = at
	}
	return at
}

// remove removes a string that was added, and reports whether no other one is left of it.
func (t *trie) remove(s string) bool {
	if t.count--; t.count == 0 {
		*t = trie{}
		return true
	}
	at, last := int32(0), false
	for i := range len(s) {
		next := t.step(at, s[i])
		n := &t.nodes[next]
		n.uses--
		if i == len(s)-1 {
			n.ends--
			last = n.ends == 0
		}
		if n.uses == 0 {
			t.unlink(at, next) // its child, if the string goes on, stays reachable from it
		}
		at = next
	}
	return last
}

// unlink takes a child from a node, or from the root for 0, and adds it to the free list.
func (t *trie) unlink(parent, at int32) {
	n := &t.nodes[at]
	if parent == 0 {
		t.root[n.b] = 0
	} else {
		link := &t.nodes[parent].child
		for *link != at {
			link = &t.nodes[*link].sibling
		}
		*link = n.sibling
	}
	n.sibling, t.free = t.free, at
}

// step returns the child of a node, or of the root for 0; 0 is none.
func (t *trie) step(at int32, b byte) int32 {
	if at == 0 {
		return t.root[b]
	}
	for at = t.nodes[at].child; at != 0 && t.nodes[at].b != b; {
		at = t.nodes[at].sibling
	}
	return at
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
