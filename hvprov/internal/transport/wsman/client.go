// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"

	masterzen "github.com/masterzen/winrm"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman/kerberos"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// Client is a WinRM client for one host. It is safe for concurrent use, and so are the shells and commands it creates.
//
// Once the credentials have been refused, the client returns that error for every later request and sends nothing. A new
// client is needed to try again.
type Client struct {
	cfg      settings
	params   *masterzen.Parameters
	tls      *tls.Config // nil without TLS
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	kerberos *kerberos.Client // nil unless Auth is AuthKerberos
	// kerberosScheme is set once the host offers the HTTP scheme Kerberos without Negotiate.
	kerberosScheme atomic.Bool
	pool           *pool
	authGate       *authGate
	proxyGate      *authGate

	probeAfter time.Duration
	pause      func(ctx context.Context, attempt int) error

	requests, connections, sent, received atomic.Int64
}

// NewClient returns a client with the given configuration, or an error if the configuration is invalid. It performs no I/O.
func NewClient(config winrm.Config) (*Client, error) {
	cfg, err := newSettings(config)
	if err != nil {
		return nil, err
	}
	c := &Client{
		cfg:        cfg,
		params:     masterzen.NewParameters(xmlDuration(cfg.OperationTimeout), "en-US", cfg.EnvelopeSize),
		tls:        tlsConfig(cfg),
		dial:       cfg.Dial,
		pool:       &pool{slots: make(chan struct{}, cfg.MaxConnections)},
		authGate:   newAuthGate(),
		proxyGate:  newAuthGate(),
		probeAfter: probeAfter,
		pause:      pause,
	}
	if c.dial == nil {
		c.dial = new(net.Dialer).DialContext
	}
	if cfg.Auth == winrm.AuthKerberos {
		c.kerberos = kerberos.New(kerberos.Options{
			Username: cfg.Username, Password: cfg.Password, Realm: cfg.Kerberos.Realm,
			ConfigFile: cfg.Kerberos.ConfigFile, CCache: cfg.Kerberos.CCache, SPN: cfg.Kerberos.SPN,
		})
	}
	return c, nil
}

// Close closes idle connections. Pending requests are not affected. Later requests still work, on connections that are not
// kept.
func (c *Client) Close() { c.pool.closeIdle(true) }

// Stats returns the client's counters.
func (c *Client) Stats() transport.Stats {
	return transport.Stats{
		Requests:      c.requests.Load(),
		Connections:   c.connections.Load(),
		BytesSent:     c.sent.Load(),
		BytesReceived: c.received.Load(),
	}
}

// chunkSize returns the number of bytes of standard input that fit into one envelope: base64 encodes three bytes as four, and
// 2,000 bytes are reserved for headers.
func (c *Client) chunkSize() int { return (c.cfg.EnvelopeSize - 2000) / 4 * 3 }

// maxResponse returns the maximum size of a response in bytes. Hosts respect the requested envelope size; sealing adds little.
func (c *Client) maxResponse() int64 { return int64(max(8<<20, 4*c.cfg.EnvelopeSize)) }

// responseTimeout returns the time limit for a response.
func (c *Client) responseTimeout() time.Duration {
	return c.cfg.OperationTimeout + c.cfg.ResponseMargin
}
