// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"bytes"
	"strings"
	"sync"
)

// lockedBuffer is a buffer for concurrent writers.
type lockedBuffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	waiting map[chan struct{}]string
}

// whenWritten returns a channel that is closed once text has been written.
func (b *lockedBuffer) whenWritten(text string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	ch := make(chan struct{})
	if b.waiting == nil {
		b.waiting = map[chan struct{}]string{}
	}
	b.waiting[ch] = text
	b.notify()
	return ch
}

func (b *lockedBuffer) notify() {
	for ch, text := range b.waiting {
		if strings.Contains(b.b.String(), text) {
			delete(b.waiting, ch)
			close(ch)
		}
	}
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.notify()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
