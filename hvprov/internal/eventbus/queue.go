// SPDX-License-Identifier: MPL-2.0

package eventbus

import "github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"

// item is an event in one or more queues.
type item struct {
	event notify.Event
	size  int // approximate size in bytes
}

// queue is a first-in, first-out queue. Its memory is proportional to its length.
type queue struct {
	items []*item
	head  int
	bytes int
}

func (q *queue) len() int { return len(q.items) - q.head }

func (q *queue) push(it *item) {
	q.items = append(q.items, it)
	q.bytes += it.size
}

func (q *queue) pop() *item {
	it := q.items[q.head]
	q.items[q.head] = nil
	q.head++
	q.bytes -= it.size
	if q.head*2 >= len(q.items) { // at least half is free: moving the rest costs no more than the pops did
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
		if n == 0 && cap(q.items) > 64 {
			q.items = nil
		}
	}
	return it
}
