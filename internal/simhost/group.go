// SPDX-License-Identifier: MPL-2.0

package simhost

import "sync"

// group counts the goroutines of a server. Unlike a [sync.WaitGroup] it may grow during wait: a connection may arrive while the
// server closes.
type group struct {
	mu   sync.Mutex
	n    int
	idle *sync.Cond
}

func (g *group) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n += n
	if g.n == 0 && g.idle != nil {
		g.idle.Broadcast()
	}
}

func (g *group) run(f func()) {
	g.add(1)
	go func() {
		defer g.add(-1)
		f()
	}()
}

func (g *group) wait() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.idle == nil {
		g.idle = sync.NewCond(&g.mu)
	}
	for g.n > 0 {
		g.idle.Wait()
	}
}
