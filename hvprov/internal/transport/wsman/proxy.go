// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/proxy"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// maxProxyHead is the maximum size of a proxy's response to CONNECT in bytes.
const maxProxyHead = 64 << 10

// errProxyAuth reports that the proxy requires credentials or refuses those of its URL.
var errProxyAuth = errors.New("proxy requires a valid user name and password; set them in its URL")

// proxyError is a failure to reach the proxy, or of the proxy to reach the host.
type proxyError struct {
	proxy string
	err   error
}

func (e *proxyError) Error() string { return fmt.Sprintf("proxy %s: %v", e.proxy, e.err) }
func (e *proxyError) Unwrap() error { return e.err }

// dialHost opens a connection to the host, through the proxy if there is one. Attempts with the proxy's credentials are limited
// like those with the host's.
func (c *Client) dialHost(ctx context.Context) (net.Conn, error) {
	proxyURL := c.cfg.proxy
	if proxyURL == nil {
		return c.dial(ctx, "tcp", c.cfg.dialAddress)
	}
	if proxyURL.User == nil {
		return c.dialProxy(ctx)
	}
	leave, err := c.proxyGate.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	tunnel, err := c.dialProxy(ctx)
	switch {
	case err == nil:
		c.proxyGate.set(true, nil)
	case errors.Is(err, errProxyAuth):
		rejected := &AuthError{
			Host: c.cfg.hostPort, By: "proxy " + proxyURL.Host, Auth: winrm.AuthBasic, Username: proxyURL.User.Username(),
			Reason: "user name or password is wrong", Remedy: "check them in the proxy's URL",
		}
		c.proxyGate.set(false, rejected)
		return nil, rejected
	}
	return tunnel, err
}

// dialProxy opens a connection to the host through the proxy.
func (c *Client) dialProxy(ctx context.Context) (net.Conn, error) {
	address := c.cfg.proxy.Host
	tcp, err := c.dial(ctx, "tcp", address)
	if err != nil {
		return nil, &proxyError{address, err}
	}
	deadline, _ := ctx.Deadline()
	err = tcp.SetDeadline(deadline)
	// A deadline in the past interrupts pending reads and writes.
	stop := context.AfterFunc(ctx, func() { _ = tcp.SetDeadline(time.Unix(1, 0)) })
	tunnel := tcp
	if err == nil {
		tunnel, err = c.openTunnel(ctx, tcp)
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = tcp.SetDeadline(time.Time{})
	}
	if err != nil {
		_ = tcp.Close()
		return nil, &proxyError{address, err}
	}
	return tunnel, nil
}

// openTunnel requests a connection to the host from the proxy at the other end of tcp.
func (c *Client) openTunnel(ctx context.Context, tcp net.Conn) (net.Conn, error) {
	switch c.cfg.proxy.Scheme {
	case "socks5":
		return tcp, c.socks5(ctx, tcp)
	case "https":
		secure := tls.Client(tcp, c.proxyTLS())
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		return secure, c.httpConnect(secure)
	}
	return tcp, c.httpConnect(tcp)
}

// proxyTLS returns the TLS configuration for an HTTPS proxy. It trusts the system's CAs and those configured for the host.
func (c *Client) proxyTLS() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.cfg.proxy.Hostname()}
	if len(c.cfg.CACert) > 0 {
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		roots.AppendCertsFromPEM(c.cfg.CACert)
		config.RootCAs = roots
	}
	return config
}

// httpConnect requests a tunnel to the host from an HTTP proxy (RFC 9110 9.3.6).
func (c *Client) httpConnect(tcp net.Conn) error {
	var head bytes.Buffer
	fmt.Fprintf(&head, "CONNECT %s HTTP/1.1\r\nHost: %[1]s\r\nUser-Agent: hvprov\r\n", c.cfg.hostPort)
	if user := c.cfg.proxy.User; user != nil {
		password, _ := user.Password()
		head.WriteString("Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n")
	}
	head.WriteString("\r\n")
	if _, err := tcp.Write(head.Bytes()); err != nil {
		return err
	}
	reader := bufio.NewReader(io.LimitReader(tcp, maxProxyHead))
	r, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return fmt.Errorf("response is not that of an HTTP proxy: %w", err)
	}
	defer func() { _ = r.Body.Close() }()
	switch {
	case r.StatusCode == http.StatusProxyAuthRequired:
		return errProxyAuth
	case r.StatusCode != http.StatusOK:
		return fmt.Errorf("proxy did not connect to %s: HTTP status %d %s", c.cfg.hostPort, r.StatusCode, http.StatusText(r.StatusCode))
	case reader.Buffered() > 0:
		return errors.New("proxy sent unexpected data after its response") // in both HTTP and TLS the client sends first
	}
	return nil
}

// socks5 requests a connection to the host from a SOCKS5 proxy, which resolves the host's name (RFC 1928).
func (c *Client) socks5(ctx context.Context, tcp net.Conn) error {
	var auth *proxy.Auth
	if user := c.cfg.proxy.User; user != nil {
		password, _ := user.Password()
		auth = &proxy.Auth{User: user.Username(), Password: password}
	}
	dialer, err := proxy.SOCKS5("tcp", c.cfg.proxy.Host, auth, fixedDialer{tcp})
	if err != nil {
		return err
	}
	contextDialer, ok := dialer.(proxy.ContextDialer)
	if !ok {
		return errors.ErrUnsupported // SOCKS5 documents that it returns one
	}
	_, err = contextDialer.DialContext(ctx, "tcp", c.cfg.hostPort)
	if err != nil && strings.Contains(err.Error(), "authentication") { // the package exports no error for it
		return fmt.Errorf("%w: %w", errProxyAuth, err)
	}
	return err
}

// fixedDialer is a dialer that returns an open connection.
type fixedDialer struct{ conn net.Conn }

func (d fixedDialer) Dial(string, string) (net.Conn, error) { return d.conn, nil }

// DialContext implements [proxy.ContextDialer].
func (d fixedDialer) DialContext(context.Context, string, string) (net.Conn, error) {
	return d.conn, nil
}
