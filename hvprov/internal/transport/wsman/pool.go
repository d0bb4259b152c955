// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"context"
	"sync"
	"time"
)

// pool holds a client's idle connections and limits the number of connections.
type pool struct {
	slots chan struct{} // holds one token for each connection in use

	mu     sync.Mutex
	idle   []*conn // ordered by last use, the most recent one last
	closed bool
}

// acquire waits for a free slot and returns the most recently used idle connection, or nil if the caller must open one. The
// caller must call release once for each acquire that succeeds.
func (p *pool) acquire(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := acquire(ctx, p.slots); err != nil {
		return nil, err
	}
	for {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return nil, nil
		}
		cn := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if cn.usable(time.Now()) {
			return cn, nil
		}
		cn.broken = true
		cn.close()
	}
}

// release frees a slot. It keeps the connection, if there is one, or closes it if it cannot be reused.
func (p *pool) release(cn *conn) {
	if cn != nil {
		p.mu.Lock()
		keep := !cn.broken && !p.closed
		if keep {
			cn.idleSince = time.Now()
			p.idle = append(p.idle, cn)
		}
		p.mu.Unlock()
		if !keep {
			cn.close()
		}
	}
	release(p.slots)
}

// closeIdle closes the idle connections: what broke one connection has usually broken them all. If final is set, no connection
// is kept from now on.
func (p *pool) closeIdle(final bool) {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.closed = p.closed || final
	p.mu.Unlock()
	for _, cn := range idle {
		cn.close()
	}
}
