// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"io"
	"sync"
)

// input is the standard input of a process: a pipe of a limited size.
type input struct {
	size int

	mu      sync.Mutex
	filled  *sync.Cond    // the reader
	drained chan struct{} // closed and replaced when the reader has read
	data    []byte
	ended   bool
	closed  bool
}

func newInput(size int) *input {
	in := &input{size: size, drained: make(chan struct{})}
	in.filled = sync.NewCond(&in.mu)
	return in
}

// Read implements [io.Reader] for the process.
func (in *input) Read(p []byte) (int, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.data) == 0 && !in.ended && !in.closed {
		in.filled.Wait()
	}
	if in.closed {
		return 0, io.ErrClosedPipe
	}
	if len(in.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, in.data)
	in.data = in.data[n:]
	close(in.drained)
	in.drained = make(chan struct{})
	return n, nil
}

// put appends data of any size. With end, no more data follows.
func (in *input) put(data []byte, end bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.data = append(in.data, data...)
	in.ended = in.ended || end
	in.filled.Broadcast()
}

// state reports whether the pipe is full, and whether it is closed. It also returns a channel that is closed when that may have
// changed.
func (in *input) state() (full, closed bool, changed <-chan struct{}) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.data) > in.size, in.closed || in.ended, in.drained
}

// close records that the process does not read any more.
func (in *input) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return
	}
	in.closed = true
	in.filled.Broadcast()
	close(in.drained)
	in.drained = make(chan struct{})
}
