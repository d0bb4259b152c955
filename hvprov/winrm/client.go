// SPDX-License-Identifier: MPL-2.0

package winrm

import (
	"context"
	"errors"

	masterzen "github.com/masterzen/winrm"
)

// Client talks to one host. Its methods may be called from several goroutines.
type Client struct {
	cfg    Config
	url    string
	params *masterzen.Parameters
}

// Stats are counts since the client was made.
type Stats struct {
	// Requests is the number of HTTP requests sent, those of authentication included.
	Requests int64
	// Connections is the number of TCP connections opened.
	Connections int64
	// BytesSent and BytesReceived count what went over TCP, TLS included.
	BytesSent, BytesReceived int64
}

// NewClient checks the configuration and makes a client. It does no I/O.
func NewClient(cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, url: cfg.url(), params: masterzen.NewParameters(xmlDuration(cfg.OperationTimeout), "en-US", cfg.EnvelopeSize)}, nil
}

// Close closes idle connections.
func (c *Client) Close() {}

// Stats returns the counts so far.
func (c *Client) Stats() Stats { return Stats{} }

func (c *Client) do(ctx context.Context, action, envelope string) ([]byte, error) {
	return nil, errors.New("not yet")
}

func (c *Client) pieceSize() int { return (c.cfg.EnvelopeSize - 2000) / 4 * 3 }

func (c *Client) malformed(action string, err error) error {
	return &TransportError{Op: action, Host: c.cfg.host(), Err: err}
}

func (c *Client) transport(action string, err error) error {
	return &TransportError{Op: action, Host: c.cfg.host(), Err: err}
}
