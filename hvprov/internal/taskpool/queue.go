// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"container/heap"
	"strings"
	"time"
)

// queue holds the tasks that wait, a line for each host, and knows whose turn it is. The lines that have a task which may
// run lie in a heap, so that no number of tasks of a host at its bound is ever looked through.
type queue struct {
	perHost  int // 0: no bound
	levels   int // of urgency
	lines    map[string]*line
	ready    lineHeap
	waiting  int
	runnable int // of those that wait, how many a worker could take now
}

// line is what waits and runs for one host.
type line struct {
	host     string // lower case; empty for tasks of no host
	running  int    // stuck tasks among them
	waiting  int
	runnable int
	levels   []fifo
	index    int // in queue.ready; -1: not there
}

// fifo holds tasks of one host and level, the oldest first.
type fifo struct{ first, last *Handle }

func newQueue(perHost, levels int) *queue {
	return &queue{perHost: perHost, levels: levels, lines: map[string]*line{}}
}

// push puts a task at the end of its line.
func (q *queue) push(h *Handle) {
	host := strings.ToLower(h.task.Host)
	l := q.lines[host]
	if l == nil {
		l = &line{host: host, levels: make([]fifo, q.levels), index: -1}
		q.lines[host] = l
	}
	h.line = l
	f := &l.levels[h.level]
	h.prev = f.last
	if f.last == nil {
		f.first = h
	} else {
		f.last.next = h
	}
	f.last = h
	l.waiting++
	q.waiting++
	q.update(l)
}

// remove takes a task out of its line.
func (q *queue) remove(h *Handle) {
	f := &h.line.levels[h.level]
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
	h.line.waiting--
	q.waiting--
	q.update(h.line)
}

// first gives the task whose turn it is. Nil: there is none that may run.
func (q *queue) first() *Handle {
	if len(q.ready) == 0 {
		return nil
	}
	return q.ready[0].head()
}

// start takes a task out of its line, and counts it for its host from now on.
func (q *queue) start(h *Handle) {
	h.line.running++
	q.remove(h)
}

// release tells that a task that was started no longer runs.
func (q *queue) release(l *line) {
	l.running--
	q.update(l)
}

// update puts a line where it belongs after a change.
func (q *queue) update(l *line) {
	q.runnable -= l.runnable
	l.runnable = l.waiting
	if q.perHost > 0 && l.host != "" {
		l.runnable = min(l.waiting, max(0, q.perHost-l.running))
	}
	q.runnable += l.runnable
	switch {
	case l.runnable > 0 && l.index < 0:
		heap.Push(&q.ready, l)
	case l.runnable > 0:
		heap.Fix(&q.ready, l.index)
	case l.index >= 0:
		heap.Remove(&q.ready, l.index)
	}
	if l.waiting == 0 && l.running == 0 {
		delete(q.lines, l.host)
	}
}

// oldest gives when the oldest waiting task came, among those that may run or among all. The zero time: there is none.
func (q *queue) oldest(runnableOnly bool) time.Time {
	var oldest time.Time
	for _, l := range q.lines {
		if runnableOnly && l.runnable == 0 {
			continue
		}
		for _, f := range l.levels {
			if f.first != nil && (oldest.IsZero() || f.first.came.Before(oldest)) {
				oldest = f.first.came
			}
		}
	}
	return oldest
}

// head gives the task of a line whose turn it is. Nil: none waits.
func (l *line) head() *Handle {
	var head *Handle
	for _, f := range l.levels {
		if f.first != nil && (head == nil || f.first.before(head)) {
			head = f.first
		}
	}
	return head
}

func (h *Handle) before(other *Handle) bool {
	if h.order != other.order {
		return h.order < other.order
	}
	return h.seq < other.seq
}

// lineHeap is a [heap.Interface] over lines, by the turn of their heads.
type lineHeap []*line

func (s lineHeap) Len() int           { return len(s) }
func (s lineHeap) Less(i, j int) bool { return s[i].head().before(s[j].head()) }

func (s lineHeap) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

// Push implements [heap.Interface].
func (s *lineHeap) Push(x any) {
	l, _ := x.(*line)
	l.index = len(*s)
	*s = append(*s, l)
}

// Pop implements [heap.Interface].
func (s *lineHeap) Pop() any {
	last := len(*s) - 1
	l := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	l.index = -1
	return l
}
