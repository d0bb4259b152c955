// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"context"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost"
)

// relay passes bytes between a client and a host, so that a test can end their connections from the host's side.
type relay struct {
	target   string
	listener net.Listener
	tasks    sync.WaitGroup

	mu    sync.Mutex
	pairs []*pair
}

type pair struct {
	client, host net.Conn
	done         chan struct{}
}

func startRelay(t *testing.T, server *simhost.Server) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{target: net.JoinHostPort(server.Address(), strconv.Itoa(server.Port())), listener: listener}
	r.tasks.Go(r.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		r.cut()
		r.tasks.Wait()
	})
	return r
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		host, err := net.Dial("tcp", r.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p := &pair{client: client, host: host, done: make(chan struct{})}
		r.mu.Lock()
		r.pairs = append(r.pairs, p)
		r.mu.Unlock()
		r.tasks.Go(func() {
			_, _ = io.Copy(host, client)
			_ = host.Close()
		})
		r.tasks.Go(func() {
			_, _ = io.Copy(client, host)
			_ = client.Close()
			close(p.done)
		})
	}
}

// cut ends all connections from the host's side and returns when the client's ends are closed.
func (r *relay) cut() {
	r.mu.Lock()
	pairs := r.pairs
	r.pairs = nil
	r.mu.Unlock()
	for _, p := range pairs {
		_ = p.host.Close()
		<-p.done
	}
}

func (r *relay) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, r.listener.Addr().String())
}
