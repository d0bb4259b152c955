// SPDX-License-Identifier: MPL-2.0

package redact

import (
	"io"
	"sync"
)

// Writer redacts what is written to it, wherever the text was split, and passes it on. It holds back the end of the text for as
// long as that may be the beginning of a secret: at most the length of a secret in its longest form. It is safe for concurrent
// use, though what is written from several sides at once may come between the halves of a secret.
type Writer struct {
	to  io.Writer
	src Source

	mu  sync.Mutex
	buf []byte // what was passed on and is looked back at, and then what is held
	was int    // how much of buf that is
	err error

	masked bool // what was passed on last is a mask
	cover  int  // how much of what is held that mask stands for
}

// lookBack is how many bytes decide, before a place, what is a secret there.
const lookBack = 64

// NewWriter gives a Writer that passes text on to w. Whoever writes has to end with [Writer.Close] or [Writer.Flush].
func NewWriter(w io.Writer, src Source) *Writer {
	return &Writer{to: w, src: src}
}

// Write implements [io.Writer]. It returns the error of the writer behind, and from then on always: it is not known then what of
// p has arrived there.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	w.buf = append(w.buf, p...)
	if w.pass(false); w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// Flush passes on what is held. A secret that is cut in two by it is not found.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.pass(true)
	}
	return w.err
}

// Close flushes. It does not close the writer behind.
func (w *Writer) Close() error { return w.Flush() }

// pass passes on what is known to be no secret, and masks for what is known to be one.
func (w *Writer) pass(final bool) {
	s := string(w.buf)
	spans, hold := w.src.Redactor().find(s, w.was, final)
	var out []byte
	at := w.was // up to where s is told
	if w.masked {
		at += w.cover
	}
	masked := w.masked
	for _, sp := range spans {
		if sp.from >= hold {
			break
		}
		if !masked || sp.from > at {
			out = append(out, s[at:sp.from]...)
			out = append(out, Mask...)
			masked = true
		}
		at = max(at, sp.to)
	}
	if at < hold {
		out = append(out, s[at:hold]...)
		masked, at = false, hold
	}
	w.masked, w.cover = masked, at-hold
	from := max(hold-lookBack, 0)
	w.buf = append(w.buf[:0], s[from:]...)
	w.was = hold - from
	if len(out) > 0 {
		_, w.err = w.to.Write(out)
	}
}
