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

// Client talks to one host. Its methods, and those of what it makes, may be called from several goroutines.
//
// A client whose credentials were refused answers every later request with that same error and sends nothing: make a new one
// to try again.
type Client struct {
	cfg       settings
	params    *masterzen.Parameters
	tls       *tls.Config
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
	proxied   *admission
	kerberos  *kerberos.Client // nil: not wanted
	lanes     *pool
	admission *admission

	idleUnchecked time.Duration
	pause         func(ctx context.Context, attempt int) error

	requests, connections, sent, received atomic.Int64
}

// NewClient checks the configuration and makes a client. It does no I/O.
func NewClient(config winrm.Config) (*Client, error) {
	cfg, err := newSettings(config)
	if err != nil {
		return nil, err
	}
	c := &Client{
		cfg:           cfg,
		params:        masterzen.NewParameters(xmlDuration(cfg.OperationTimeout), "en-US", cfg.EnvelopeSize),
		tls:           tlsConfig(cfg),
		dial:          cfg.Dial,
		proxied:       newAdmission(),
		lanes:         &pool{places: make(chan struct{}, cfg.MaxConnections)},
		admission:     newAdmission(),
		idleUnchecked: idleUnchecked,
		pause:         pause,
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

// Close closes idle connections. Requests under way go on; later ones still work, on connections that are not kept.
func (c *Client) Close() { c.lanes.drop(true) }

// Stats returns the counts so far.
func (c *Client) Stats() transport.Stats {
	return transport.Stats{
		Requests:      c.requests.Load(),
		Connections:   c.connections.Load(),
		BytesSent:     c.sent.Load(),
		BytesReceived: c.received.Load(),
	}
}

// pieceSize is the number of bytes that fit one envelope: base64 makes four of three, and headers take the rest.
func (c *Client) pieceSize() int { return (c.cfg.EnvelopeSize - 2000) / 4 * 3 }

// maxAnswer bounds what is read of one answer. Hosts keep to the envelope size that was asked for; sealing adds little.
func (c *Client) maxAnswer() int64 { return int64(max(8<<20, 4*c.cfg.EnvelopeSize)) }

func (c *Client) answerLimit() time.Duration { return c.cfg.OperationTimeout + c.cfg.ResponseMargin }
