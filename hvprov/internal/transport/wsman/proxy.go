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

// maxProxyHead bounds what a proxy may answer before it is a tunnel.
const maxProxyHead = 64 << 10

// errProxyRefused: the proxy does not accept the credentials of its URL, or wants some where there are none.
var errProxyRefused = errors.New("it wants a user name and password, which belong into its URL")

// dialHost opens a connection to the host, through the proxy where there is one. The proxy's password is tried like the host's:
// one attempt at a time until one has succeeded, and none after one was refused.
func (c *Client) dialHost(ctx context.Context) (net.Conn, error) {
	if c.cfg.proxy == nil {
		return c.dial(ctx, "tcp", c.cfg.hostPort)
	}
	if c.cfg.proxy.User == nil {
		return c.dialThrough(ctx)
	}
	leave, err := c.proxied.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	conn, err := c.dialThrough(ctx)
	switch {
	case err == nil:
		c.proxied.set(true, nil)
	case errors.Is(err, errProxyRefused):
		refused := &AuthError{
			Host: c.cfg.hostPort, By: "proxy " + c.cfg.proxy.Host, Auth: winrm.AuthBasic, Username: c.cfg.proxy.User.Username(),
			Reason: "it refuses the user name or password", Remedy: "check those in the proxy's URL",
		}
		c.proxied.set(false, refused)
		return nil, refused
	}
	return conn, err
}

// proxyError is a failure on the way to the proxy, or of the proxy.
type proxyError struct {
	proxy string
	err   error
}

func (e *proxyError) Error() string { return fmt.Sprintf("proxy %s: %v", e.proxy, e.err) }
func (e *proxyError) Unwrap() error { return e.err }

func (c *Client) dialThrough(ctx context.Context) (net.Conn, error) {
	conn, err := c.dial(ctx, "tcp", c.cfg.proxy.Host)
	if err != nil {
		return nil, &proxyError{c.cfg.proxy.Host, err}
	}
	// What follows has a limit of time and no other way to be ended.
	deadline, _ := ctx.Deadline()
	err = conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	tunnel := conn
	if err == nil {
		tunnel, err = c.tunnel(ctx, conn)
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		_ = conn.Close()
		return nil, &proxyError{c.cfg.proxy.Host, err}
	}
	return tunnel, nil
}

func (c *Client) tunnel(ctx context.Context, conn net.Conn) (net.Conn, error) {
	switch c.cfg.proxy.Scheme {
	case "socks5":
		return conn, c.socks(ctx, conn)
	case "https":
		secure := tls.Client(conn, c.proxyTLS())
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		return secure, c.connectThrough(secure)
	}
	return conn, c.connectThrough(conn)
}

// proxyTLS trusts for the proxy what the system trusts, and what is trusted for the host.
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

// connectThrough asks an HTTP proxy for a tunnel to the host (RFC 9110 9.3.6).
func (c *Client) connectThrough(conn net.Conn) error {
	var head bytes.Buffer
	fmt.Fprintf(&head, "CONNECT %s HTTP/1.1\r\nHost: %[1]s\r\nUser-Agent: hvprov\r\n", c.cfg.hostPort)
	if user := c.cfg.proxy.User; user != nil {
		password, _ := user.Password()
		head.WriteString("Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n")
	}
	head.WriteString("\r\n")
	if _, err := conn.Write(head.Bytes()); err != nil {
		return err
	}
	reader := bufio.NewReader(io.LimitReader(conn, maxProxyHead))
	response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return fmt.Errorf("it does not answer as a proxy does: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	switch {
	case response.StatusCode == http.StatusProxyAuthRequired:
		return errProxyRefused
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("it opens no connection to %s: HTTP status %d %s", c.cfg.hostPort, response.StatusCode, http.StatusText(response.StatusCode))
	case reader.Buffered() > 0:
		return errors.New("it sent something before it was asked") // a host waits for the client
	}
	return nil
}

// socks asks a SOCKS5 proxy for a connection to the host, whose name the proxy resolves (RFC 1928).
func (c *Client) socks(ctx context.Context, conn net.Conn) error {
	var auth *proxy.Auth
	if user := c.cfg.proxy.User; user != nil {
		password, _ := user.Password()
		auth = &proxy.Auth{User: user.Username(), Password: password}
	}
	dialer, err := proxy.SOCKS5("tcp", c.cfg.proxy.Host, auth, given{conn})
	if err != nil {
		return err
	}
	through, ok := dialer.(proxy.ContextDialer)
	if !ok {
		return errors.ErrUnsupported // the package says that it is one
	}
	_, err = through.DialContext(ctx, "tcp", c.cfg.hostPort)
	if err != nil && strings.Contains(err.Error(), "authentication") { // the package has no name for it
		return fmt.Errorf("%w: %w", errProxyRefused, err)
	}
	return err
}

// given is a dialer that gives the connection that is there already.
type given struct{ conn net.Conn }

func (g given) Dial(string, string) (net.Conn, error) { return g.conn, nil }

// DialContext is Dial.
func (g given) DialContext(context.Context, string, string) (net.Conn, error) { return g.conn, nil }
