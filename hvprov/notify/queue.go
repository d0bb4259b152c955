// SPDX-License-Identifier: MPL-2.0

package notify

// item is an event as the bus has it. It is shared by the queues that it is in.
type item struct {
	event Event
	size  int // bytes, roughly
}

// queue is first in, first out, in memory for what is in it.
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
	// Half of it or more is free: copying the rest costs no more than popping did.
	if q.head*2 >= len(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
		if n == 0 && cap(q.items) > 64 {
			q.items = nil
		}
	}
	return it
}
