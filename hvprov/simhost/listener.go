// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/internal/ntlm"
)

// What net/http has to say about broken connections is of no interest: tests break them on purpose.
var discardLog = log.New(io.Discard, "", 0)

// listener counts and limits the connections that it accepts.
type listener struct {
	net.Listener
	server *Server
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.server.admit(raw); c != nil {
			return c, nil
		}
		_ = raw.Close()
	}
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
	c := &connection{Conn: raw, server: s, number: s.connCount}
	s.conns[c] = true
	return c
}

// connection is one TCP connection with the authentication that belongs to it. Only the handler of its request in
// progress touches the latter, and HTTP/1.1 has one at a time.
type connection struct {
	net.Conn
	server *Server
	number int
	closed sync.Once

	challenge *ntlm.Challenge // sent, and not yet answered
	user      string          // authenticated by NTLM
	session   *ntlm.Session
}

func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.server.count(func(k *counts) { k.bytesIn += int64(n) })
	return n, err
}

func (c *connection) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.server.count(func(k *counts) { k.bytesOut += int64(n) })
	return n, err
}

func (c *connection) Close() error {
	c.closed.Do(func() {
		c.server.mu.Lock()
		delete(c.server.conns, c)
		c.server.mu.Unlock()
	})
	return c.Conn.Close()
}

// reset closes the connection so that the client sees a reset, not an end.
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

// connState ties the goroutines of net/http, one a connection, to the server.
func (s *Server) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.tasks.add(1)
	case http.StateHijacked, http.StateClosed:
		s.tasks.add(-1)
	}
}
