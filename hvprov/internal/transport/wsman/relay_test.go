// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/tcptest"
)

// relay forwards connections to a host, so that a test can close them from the host's side.
type relay struct {
	address string

	mu    sync.Mutex
	conns []*relayedConn
}

type relayedConn struct {
	host net.Conn
	done chan struct{} // closed when the client's end is closed
}

func startRelay(t *testing.T, server *simhost.Server) *relay {
	t.Helper()
	r := &relay{}
	target := net.JoinHostPort(server.Address(), strconv.Itoa(server.Port()))
	r.address = tcptest.Serve(t, func(ctx context.Context, client net.Conn) {
		host, err := tcptest.Dial(ctx, target)
		if err != nil {
			return
		}
		c := &relayedConn{host: host, done: make(chan struct{})}
		r.mu.Lock()
		r.conns = append(r.conns, c)
		r.mu.Unlock()
		tcptest.Relay(client, client, host)
		close(c.done)
	}).String()
	return r
}

// closeAll closes all connections from the host's side and returns when the client's ends are closed.
func (r *relay) closeAll() {
	r.mu.Lock()
	conns := r.conns
	r.conns = nil
	r.mu.Unlock()
	for _, c := range conns {
		_ = c.host.Close()
		<-c.done
	}
}

func (r *relay) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, r.address)
}
