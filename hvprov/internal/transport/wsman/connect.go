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

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// errHandshake reports that a connection failed within the TLS handshake.
var errHandshake = errors.New("TLS handshake")

// connect opens a connection and, if configured, performs the TLS handshake. The first request authenticates the connection. A
// connection that fails within the handshake, as on a bad network, is opened once more.
func (c *Client) connect(ctx context.Context) (*conn, error) {
	limited, cancel := context.WithTimeout(ctx, c.cfg.ConnectTimeout)
	defer cancel()
	begin := time.Now()
	cn, err := c.open(limited)
	if errors.Is(err, errHandshake) && limited.Err() == nil {
		if permanent, _ := explain(err); !permanent && c.pause(limited, 0) == nil {
			cn, err = c.open(limited)
		}
	}
	if err != nil {
		return nil, c.connectError(ctx, limited, err)
	}
	cn.connectTime = time.Since(begin)
	return cn, nil
}

func (c *Client) open(ctx context.Context) (*conn, error) {
	tcp, err := c.dialHost(ctx)
	if err != nil {
		return nil, err
	}
	c.connections.Add(1)
	tcp = &countingConn{Conn: tcp, client: c}
	cn := &conn{client: c, tcp: tcp, stream: tcp}
	if c.tls != nil {
		secure := tls.Client(tcp, cn.clientTLS(c.tls))
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = tcp.Close()
			if err = cn.certificateError(err); errors.Is(err, transport.ErrAuth) {
				return nil, err
			}
			return nil, fmt.Errorf("%w: %w", errHandshake, err)
		}
		cn.stream = secure
		cn.certificate = secure.ConnectionState().PeerCertificates[0]
	}
	cn.limit = &io.LimitedReader{R: cn.stream, N: c.maxResponse()}
	cn.reader = bufio.NewReader(cn.limit)
	return cn, nil
}

// connectError returns the typed error of a connection attempt. limited is ctx with the connect timeout.
func (c *Client) connectError(ctx, limited context.Context, err error) error {
	var refused *AuthError
	if errors.As(err, &refused) {
		return refused
	}
	e := &TransportError{Op: "connect", Host: c.cfg.hostPort, unreachable: true}
	switch {
	case ctx.Err() != nil:
		e.Err, e.byContext = ctx.Err(), true
	case limited.Err() != nil:
		e.Err = fmt.Errorf("no connection within %v: %w", c.cfg.ConnectTimeout, os.ErrDeadlineExceeded)
	default:
		var verification *tls.CertificateVerificationError
		e.untrusted = errors.As(err, &verification)
		e.permanent, e.Err = explain(err)
	}
	return e
}

// tlsConfig returns the TLS configuration, or nil without TLS.
func tlsConfig(c settings) *tls.Config {
	if !c.TLS {
		return nil
	}
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         c.TLSServerName,
		InsecureSkipVerify: c.Insecure, //nolint:gosec // the user's choice
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = strings.Cut(strings.Trim(c.Address, "[]"), "%")
	}
	if len(c.CACert) > 0 {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(c.CACert) // validated in NewClient
	}
	if c.Auth == winrm.AuthCertificate {
		addClientCertificate(c, config)
	}
	return config
}

// explain adds a remedy to a connection error and reports whether a retry is useless.
func explain(err error) (permanent bool, explained error) {
	var (
		verification *tls.CertificateVerificationError
		notTLS       tls.RecordHeaderError
		dns          *net.DNSError
		proxy        *proxyError
	)
	switch {
	case errors.As(err, &proxy):
		return errors.Is(err, errProxyAuth), err
	case errors.As(err, &verification):
		return true, fmt.Errorf("%w; configure the CA certificate that issued the host's certificate, or the name that the certificate contains", err)
	case errors.As(err, &notTLS):
		return true, fmt.Errorf("%w; this port does not use TLS: the default WinRM ports are 5986 for HTTPS and 5985 for HTTP", err)
	case errors.As(err, &dns) && dns.IsNotFound:
		return true, fmt.Errorf("%w; check the host's name", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return false, fmt.Errorf("%w; check that the host is running and that WinRM listens on this port", err)
	}
	return false, err
}

// countingConn counts the bytes that a connection transfers.
type countingConn struct {
	net.Conn
	client *Client
}

func (c *countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.client.received.Add(int64(n))
	return n, err
}

func (c *countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.client.sent.Add(int64(n))
	return n, err
}
