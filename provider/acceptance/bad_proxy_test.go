// SPDX-License-Identifier: MPL-2.0

package acceptance_test

import (
	"net"
	"sync"
	"testing"
	"time"
)

// badProxy is a TCP proxy that stops, delays and truncates.
type badProxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu     sync.Mutex
	bad    bool
	frozen time.Time // nothing is passed on before
	conns  map[net.Conn]bool
}

func newBadProxy(t *testing.T, target string) *badProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &badProxy{listener: listener, target: target, conns: map[net.Conn]bool{}}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.mu.Lock()
		for conn := range p.conns {
			_ = conn.Close()
		}
		p.mu.Unlock()
		p.running.Wait()
	})
	return p
}

func (p *badProxy) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

func (p *badProxy) setBad(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bad = on
}

func (p *badProxy) freeze(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = time.Now().Add(d)
}

func (p *badProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		host, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[host] = true, true
		p.mu.Unlock()
		p.running.Go(func() { p.pump(client, host) })
		p.running.Go(func() { p.pump(host, client) })
	}
}

// pump passes on bytes until one side ends. On a bad network each tenth piece is late, and each fortieth is cut with its connection.
func (p *badProxy) pump(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		bad, wait := p.bad, time.Until(p.frozen)
		p.mu.Unlock()
		if bad && chance(10) {
			wait = 50 * time.Millisecond
		}
		if wait > 0 {
			time.Sleep(wait) // the network is late: that is what the test is about
		}
		if bad && chance(40) {
			_, _ = to.Write(buffer[:n/2])
			return
		}
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}
