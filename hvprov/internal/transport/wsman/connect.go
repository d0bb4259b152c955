// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// connect opens a lane: TCP, and TLS where it is wanted. Authentication is left to the first request.
func (c *Client) connect(ctx context.Context) (*lane, error) {
	begin := time.Now()
	limited, cancel := context.WithTimeout(ctx, c.cfg.ConnectTimeout)
	defer cancel()
	fail := func(err error) error {
		var refused *AuthError
		if errors.As(err, &refused) {
			return refused
		}
		t := &TransportError{Op: "connect", Host: c.cfg.hostPort, Err: err, unreachable: true}
		switch {
		case ctx.Err() != nil:
			t.Err, t.byContext = ctx.Err(), true
		case limited.Err() != nil:
			t.Err = fmt.Errorf("no connection within %v: %w", c.cfg.ConnectTimeout, os.ErrDeadlineExceeded)
		default:
			t.permanent, t.Err = explain(err)
		}
		return t
	}

	raw, err := c.dialHost(limited)
	if err != nil {
		return nil, fail(err)
	}
	c.connections.Add(1)
	raw = &countedConn{Conn: raw, client: c}
	l := &lane{client: c, raw: raw, conn: raw}
	if c.tls != nil {
		secure := tls.Client(raw, l.present(c.tls))
		if err := secure.HandshakeContext(limited); err != nil {
			_ = raw.Close()
			return nil, fail(l.rejected(err))
		}
		l.conn = secure
		l.certificate = secure.ConnectionState().PeerCertificates[0]
	}
	l.connecting = time.Since(begin)
	l.limit = &io.LimitedReader{R: l.conn, N: c.maxAnswer()}
	l.reader = bufio.NewReader(l.limit)
	return l, nil
}

// tlsConfig is nil when TLS is not wanted.
func tlsConfig(c settings) *tls.Config {
	if !c.TLS {
		return nil
	}
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         c.TLSServerName,
		InsecureSkipVerify: c.Insecure, //nolint:gosec // only where the user says so
	}
	if config.ServerName == "" {
		config.ServerName = strings.Trim(c.Address, "[]")
	}
	if len(c.CACert) > 0 {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(c.CACert) // NewClient has seen that there are some
	}
	if c.Auth == winrm.AuthCertificate {
		withClientCertificate(c, config)
	}
	return config
}

// explain adds what to check to a failure to connect, and tells whether trying again is of no use.
func explain(err error) (permanent bool, explained error) {
	var (
		verification *tls.CertificateVerificationError
		notTLS       tls.RecordHeaderError
		dns          *net.DNSError
		proxy        *proxyError
	)
	switch {
	case errors.As(err, &proxy):
		return errors.Is(err, errProxyRefused), err
	case errors.As(err, &verification):
		return true, fmt.Errorf("%w; give the CA certificate that issued the host's certificate, or the name that it bears", err)
	case errors.As(err, &notTLS):
		return true, fmt.Errorf("%w; this port does not speak TLS: WinRM's own are 5986 for HTTPS and 5985 for HTTP", err)
	case errors.As(err, &dns) && dns.IsNotFound:
		return true, fmt.Errorf("%w; check the host's name", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return false, fmt.Errorf("%w; check that the host is up and that WinRM listens on this port", err)
	}
	return false, err
}

// countedConn counts the bytes that pass.
type countedConn struct {
	net.Conn
	client *Client
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.client.received.Add(int64(n))
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.client.sent.Add(int64(n))
	return n, err
}
