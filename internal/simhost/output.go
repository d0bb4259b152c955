// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"io"
	"slices"
	"sync"
)

// The output streams of a process.
const (
	stdout = iota
	stderr
)

var streamNames = [...]string{"stdout", "stderr"}

// output buffers what a process has written until it is received. Each stream is a pipe of a limited size: a writer blocks while
// it is full.
type output struct {
	size int // of one pipe in bytes

	mu       sync.Mutex
	woken    *sync.Cond    // writers
	changed  chan struct{} // closed and replaced when there is more output
	held     [2]int        // bytes in chunks by stream
	chunks   []chunk       // in order of arrival
	blocked  []*blockedWrite
	killed   bool
	finished bool
	code     int
}

// chunk is output of one write.
type chunk struct {
	stream int
	data   []byte
}

type blockedWrite struct {
	stream int
	rest   []byte
}

func newOutput(size int) *output {
	o := &output{size: size, changed: make(chan struct{})}
	o.woken = sync.NewCond(&o.mu)
	return o
}

// writer returns the writer of one stream for the process.
func (o *output) writer(stream int) io.Writer { return streamWriter{o, stream} }

type streamWriter struct {
	out    *output
	stream int
}

func (w streamWriter) Write(p []byte) (int, error) {
	o := w.out
	o.mu.Lock()
	defer o.mu.Unlock()
	b := &blockedWrite{w.stream, p}
	o.blocked = append(o.blocked, b)
	o.fill()
	for len(b.rest) > 0 && !o.killed {
		o.woken.Wait()
	}
	if len(b.rest) > 0 {
		o.blocked = slices.DeleteFunc(o.blocked, func(x *blockedWrite) bool { return x == b })
		return len(p) - len(b.rest), io.ErrClosedPipe
	}
	return len(p), nil
}

// fill moves data of blocked writers into the pipes as far as it fits. o.mu must be held.
func (o *output) fill() {
	moved := false
	o.blocked = slices.DeleteFunc(o.blocked, func(b *blockedWrite) bool {
		if n := min(o.size-o.held[b.stream], len(b.rest)); n > 0 && !o.killed {
			o.chunks = append(o.chunks, chunk{b.stream, slices.Clone(b.rest[:n])})
			o.held[b.stream] += n
			b.rest = b.rest[n:]
			moved = true
		}
		return len(b.rest) == 0
	})
	if moved {
		o.notify()
		o.woken.Broadcast()
	}
}

func (o *output) notify() {
	close(o.changed)
	o.changed = make(chan struct{})
}

// kill makes writers fail. Buffered output remains.
func (o *output) kill() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.killed = true
	o.woken.Broadcast()
}

// finish records the end of the process.
func (o *output) finish(code int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finished, o.code = true, code
	o.notify()
}

// received is the result of one read of an output.
type received struct {
	chunks  []chunk
	done    bool // the process has ended and no more output follows
	code    int
	changed <-chan struct{} // closed when there is more output
}

// read removes and returns output up to budget, the bytes of an answer, in elements of at most split bytes if split is not zero. It
// includes data of blocked writers.
func (o *output) read(budget, split int) received {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := received{changed: o.changed}
	for {
		o.fill()
		if len(o.chunks) == 0 {
			break
		}
		first := &o.chunks[0]
		n := min(len(first.data), (budget-streamOverhead)/4*3)
		if split > 0 {
			n = min(n, split)
		}
		if n <= 0 {
			break
		}
		t.chunks = append(t.chunks, chunk{first.stream, first.data[:n]})
		budget -= streamOverhead + (n+2)/3*4
		o.held[first.stream] -= n
		if first.data = first.data[n:]; len(first.data) == 0 {
			o.chunks = o.chunks[1:]
		}
	}
	t.done, t.code = o.finished && len(o.chunks) == 0, o.code
	if len(t.chunks) > 0 {
		t.changed = o.changed
	}
	return t
}
