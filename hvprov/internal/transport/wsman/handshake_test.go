// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// brokenConn ends when the host's first bytes are read: within the TLS handshake.
type brokenConn struct{ net.Conn }

func (c brokenConn) Read([]byte) (int, error) { _ = c.Close(); return 0, io.ErrUnexpectedEOF }

func TestAConnectionThatEndsWithinTheHandshakeIsOpenedOnceMore(t *testing.T) {
	t.Parallel()
	server := startHost(t, simhost.Options{})
	for _, tt := range []struct {
		name   string
		broken int64 // first connections that break
		change func(*winrm.Config)
		dials  int64
		want   error
	}{
		{"once", 1, nil, 2, nil},
		{"twice", 2, nil, 2, transport.ErrUnreachable},
		{"a certificate that is not trusted is final", 0, func(c *winrm.Config) { c.CACert = nil }, 1, transport.ErrUntrusted},
		{"a refused connection is final", -1, nil, 1, transport.ErrUnreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := configFor(server, winrm.AuthNTLM)
			if tt.change != nil {
				tt.change(&config)
			}
			var dials atomic.Int64
			config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				n := dials.Add(1)
				if tt.broken < 0 {
					return nil, errors.New("connection refused")
				}
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				if err == nil && n <= tt.broken {
					conn = brokenConn{conn}
				}
				return conn, err
			}
			_, err := newClient(t, config).CreateShell(testContext(t))
			if !errors.Is(err, tt.want) || dials.Load() != tt.dials {
				t.Errorf("got %v after %d connections, want %v after %d", err, dials.Load(), tt.want, tt.dials)
			}
			if tt.want != nil && !strings.Contains(err.Error(), config.Address) {
				t.Errorf("the error does not name the host: %v", err)
			}
		})
	}
}
