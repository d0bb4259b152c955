// SPDX-License-Identifier: MPL-2.0

// Package tcptest runs TCP servers for tests.
package tcptest

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
)

// Listen returns a listener on a free port of 127.0.0.1 that is closed at the end of the test.
func Listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// Serve listens on a free port of 127.0.0.1 and calls handle concurrently for each connection. Connections are closed when
// handle returns and at the end of the test, which also ends ctx. The cleanup of the test waits for all calls.
func Serve(t *testing.T, handle func(ctx context.Context, conn net.Conn)) net.Addr {
	t.Helper()
	listener := Listen(t)
	ctx, stop := context.WithCancel(context.Background())
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() {
				defer func() { _ = conn.Close() }()
				defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
				handle(ctx, conn)
			})
		}
	})
	t.Cleanup(func() {
		stop()
		_ = listener.Close()
		tasks.Wait()
	})
	return listener.Addr()
}

// Relay copies data from a to b and from b to toA, which is the other direction of a. It closes both when either side ends.
func Relay(a io.Reader, toA io.WriteCloser, b net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(b, a)
		_ = b.Close()
	}()
	_, _ = io.Copy(toA, b)
	_ = toA.Close()
	<-done
}

// Dial connects to address. The connection is closed when ctx ends.
func Dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return conn, nil
}
