// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"context"
	"sync"
	"time"
)

// pool keeps a client's lanes and bounds their number.
type pool struct {
	places chan struct{} // one token for each lane in use

	mu     sync.Mutex
	idle   []*lane // the one used last is at the end
	closed bool
}

// take waits for a place and returns the idle lane that was used last, or nil when a new one is wanted. Each take is followed
// by one give.
func (p *pool) take(ctx context.Context) (*lane, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := acquire(ctx, p.places); err != nil {
		return nil, err
	}
	for {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return nil, nil
		}
		l := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if l.usable(time.Now()) {
			return l, nil
		}
		l.broken = true
		l.close()
	}
}

// give returns a place, and the lane on it if there is one; a lane that cannot be used again is closed.
func (p *pool) give(l *lane) {
	if l != nil {
		p.mu.Lock()
		keep := !l.broken && !p.closed
		if keep {
			l.idleSince = time.Now()
			p.idle = append(p.idle, l)
		}
		p.mu.Unlock()
		if !keep {
			l.close()
		}
	}
	release(p.places)
}

// drop closes idle lanes: what broke one connection has usually broken them all. With final set, none is kept from now on.
func (p *pool) drop(final bool) {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.closed = p.closed || final
	p.mu.Unlock()
	for _, l := range idle {
		l.close()
	}
}
