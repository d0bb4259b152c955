// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"container/heap"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
)

// queue holds the queued tasks by host, and selects the next one. Hosts that have a task that may run are in a heap, so that
// the tasks of a host at its limit are never looked through.
type queue struct {
	perHost  int // 0: no limit
	levels   int // of priority
	hosts    map[string]*hostQueue
	ready    hostHeap
	queued   int // tasks
	runnable int // queued tasks whose host is below its limit
}

// hostQueue holds the queued tasks of one host, and counts the running ones.
type hostQueue struct {
	key      string // casefold.Key of the host; empty for tasks without a host
	running  int    // including stuck tasks
	queued   int
	runnable int
	levels   []fifo
	index    int // in queue.ready; -1: not there
}

// fifo holds the tasks of one host and level, oldest first.
type fifo struct{ first, last *Handle }

func newQueue(perHost, levels int) *queue {
	return &queue{perHost: perHost, levels: levels, hosts: map[string]*hostQueue{}}
}

// push adds a task.
func (q *queue) push(h *Handle) {
	key := casefold.Key(h.task.Host)
	host := q.hosts[key]
	if host == nil {
		host = &hostQueue{key: key, levels: make([]fifo, q.levels), index: -1}
		q.hosts[key] = host
	}
	h.host = host
	f := &host.levels[h.level]
	h.prev = f.last
	if f.last == nil {
		f.first = h
	} else {
		f.last.next = h
	}
	f.last = h
	host.queued++
	q.queued++
	q.update(host)
}

// remove removes a queued task.
func (q *queue) remove(h *Handle) {
	f := &h.host.levels[h.level]
	if h.prev == nil {
		f.first = h.next
	} else {
		h.prev.next = h.next
	}
	if h.next == nil {
		f.last = h.prev
	} else {
		h.next.prev = h.prev
	}
	h.prev, h.next = nil, nil
	h.host.queued--
	q.queued--
	q.update(h.host)
}

// first returns the next task that may run, or nil.
func (q *queue) first() *Handle {
	if len(q.ready) == 0 {
		return nil
	}
	return q.ready[0].first()
}

// start removes a task from the queue and counts it as running on its host.
func (q *queue) start(h *Handle) {
	h.host.running++
	q.remove(h)
}

// release ends the counting of a started task as running.
func (q *queue) release(host *hostQueue) {
	host.running--
	q.update(host)
}

// update restores the counters and the heap after a change of a host.
func (q *queue) update(host *hostQueue) {
	q.runnable -= host.runnable
	host.runnable = host.queued
	if q.perHost > 0 && host.key != "" {
		host.runnable = min(host.queued, max(0, q.perHost-host.running))
	}
	q.runnable += host.runnable
	switch {
	case host.runnable > 0 && host.index < 0:
		heap.Push(&q.ready, host)
	case host.runnable > 0:
		heap.Fix(&q.ready, host.index)
	case host.index >= 0:
		heap.Remove(&q.ready, host.index)
	}
	if host.queued == 0 && host.running == 0 {
		delete(q.hosts, host.key)
	}
}

// oldest returns the enqueue time of the oldest queued task; zero if there is none.
func (q *queue) oldest() time.Time {
	var oldest time.Time
	for _, host := range q.hosts {
		for _, f := range host.levels {
			if f.first != nil && (oldest.IsZero() || f.first.enqueuedAt.Before(oldest)) {
				oldest = f.first.enqueuedAt
			}
		}
	}
	return oldest
}

// first returns the next task of a host, or nil.
func (host *hostQueue) first() *Handle {
	var first *Handle
	for _, f := range host.levels {
		if f.first != nil && (first == nil || f.first.before(first)) {
			first = f.first
		}
	}
	return first
}

func (h *Handle) before(other *Handle) bool {
	if h.order != other.order {
		return h.order < other.order
	}
	return h.seq < other.seq
}

// hostHeap is a [heap.Interface] of hosts, ordered by their next tasks.
type hostHeap []*hostQueue

func (s hostHeap) Len() int           { return len(s) }
func (s hostHeap) Less(i, j int) bool { return s[i].first().before(s[j].first()) }

func (s hostHeap) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

// Push implements [heap.Interface].
func (s *hostHeap) Push(x any) {
	host, _ := x.(*hostQueue)
	host.index = len(*s)
	*s = append(*s, host)
}

// Pop implements [heap.Interface].
func (s *hostHeap) Pop() any {
	last := len(*s) - 1
	host := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	host.index = -1
	return host
}
