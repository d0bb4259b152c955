// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/internal/ntlm"
)

// discardLog drops the messages of net/http about broken connections: tests break them on purpose.
var discardLog = log.New(io.Discard, "", 0)

// listener counts and limits connections. It can refuse connections for a time and then resume at the same address.
type listener struct {
	server  *Server
	address net.Addr

	mu      sync.Mutex
	tcp     net.Listener // nil while connections are refused
	closed  bool
	changed *sync.Cond
}

func newListener(s *Server, tcp net.Listener) *listener {
	l := &listener{server: s, address: tcp.Addr(), tcp: tcp}
	l.changed = sync.NewCond(&l.mu)
	return l
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		tcp := l.await()
		if tcp == nil {
			return nil, net.ErrClosed
		}
		raw, err := tcp.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				continue // await distinguishes refusal from Close
			}
			return nil, err
		}
		if c := l.server.admit(raw); c != nil {
			return c, nil
		}
		_ = raw.Close()
	}
}

// await returns the TCP listener when there is one, or nil after Close.
func (l *listener) await() net.Listener {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.tcp == nil && !l.closed {
		l.changed.Wait()
	}
	if l.closed {
		return nil
	}
	return l.tcp
}

// refuse stops listening until resume.
func (l *listener) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tcp != nil {
		_ = l.tcp.Close()
		l.tcp = nil
	}
}

func (l *listener) resume() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tcp != nil || l.closed {
		return nil
	}
	tcp, err := net.Listen("tcp", l.address.String()) //nolint:noctx // listening does not block
	if err != nil {
		return err
	}
	l.tcp = tcp
	l.changed.Broadcast()
	return nil
}

func (l *listener) Addr() net.Addr { return l.address }

func (l *listener) Close() error {
	l.refuse()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.changed.Broadcast()
	return nil
}

func (s *Server) admit(raw net.Conn) *connection {
	s.boot.RLock()
	defer s.boot.RUnlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns) >= s.opts.Quotas.Connections {
		return nil
	}
	s.connCount++
	c := &connection{Conn: raw, server: s, number: s.connCount, gone: make(chan struct{})}
	s.conns[c] = true
	return c
}

// connection is a TCP connection with its authentication. Only the handler of the current request uses the authentication, and
// HTTP/1.1 has one request at a time.
type connection struct {
	net.Conn
	server *Server
	number int
	closed sync.Once
	gone   chan struct{} // closed with the connection

	challenge *ntlm.Challenge // sent and not answered yet
	user      string          // authenticated by NTLM or Kerberos
	session   *ntlm.Session
}

func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.server.count(func(k *counts) { k.bytesIn += int64(n) })
	if n > 0 && !c.server.health.waitWhileSilent(c.gone, c.server.base.Done()) {
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *connection) Write(p []byte) (int, error) {
	if !c.server.health.waitWhileSilent(c.gone, c.server.base.Done()) {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Write(p)
	c.server.count(func(k *counts) { k.bytesOut += int64(n) })
	return n, err
}

func (c *connection) Close() error {
	c.closed.Do(func() {
		c.server.mu.Lock()
		delete(c.server.conns, c)
		c.server.mu.Unlock()
		close(c.gone)
	})
	return c.Conn.Close()
}

// reset closes the connection with a TCP reset.
func (c *connection) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// forget drops the connection's authentication.
func (c *connection) forget() { c.challenge, c.user, c.session = nil, "", nil }

type connKey struct{}

func connContext(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// connState counts the goroutines of net/http, one per connection, as tasks of the server.
func (s *Server) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.tasks.add(1)
	case http.StateHijacked, http.StateClosed:
		s.tasks.add(-1)
	}
}
