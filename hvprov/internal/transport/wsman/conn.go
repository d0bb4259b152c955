// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/bodgit/ntlmssp"
)

const (
	contentTypeSOAP = "application/soap+xml;charset=UTF-8"

	// idleLimit is how long a connection is kept idle. Windows closes idle connections after two minutes.
	idleLimit = 100 * time.Second
	// probeAfter is the idle time after which a connection is probed before it is reused.
	probeAfter = 500 * time.Millisecond
	// probeTime is how long a probe waits for the end of the connection.
	probeTime = time.Millisecond
	// maxInterim is the maximum number of interim responses (HTTP 1xx) before a response.
	maxInterim = 5
)

// conn is a TCP connection to the host with its authentication state. It carries one request at a time: NTLM and Kerberos
// authenticate the connection, and sealed messages are numbered per connection.
type conn struct {
	client *Client
	tcp    net.Conn // the TCP connection or tunnel
	stream net.Conn // tcp, or TLS on it
	limit  *io.LimitedReader
	reader *bufio.Reader

	certificate   *x509.Certificate // the host's certificate, with TLS
	certRequested bool              // the host requested the client certificate
	authenticated bool
	sealing       *ntlmssp.SecuritySession // set if messages are sealed

	connectTime  time.Duration // the part of ConnectTimeout that connecting took
	authDeadline time.Time     // for authentication
	idleSince    time.Time
	broken       bool // must not be reused
}

// response is a complete HTTP response.
type response struct {
	status int
	header http.Header
	body   []byte
}

// post sends an HTTP request and returns the response. After an error the connection is broken. The end of the context
// interrupts the request at once; the error is then the context's.
func (cn *conn) post(ctx context.Context, timeout time.Duration, contentType, authorization string, body []byte) (*response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := cn.stream.SetDeadline(time.Now().Add(timeout)); err != nil {
		cn.broken = true
		return nil, err
	}
	// A deadline in the past interrupts pending reads and writes.
	stop := context.AfterFunc(ctx, func() { _ = cn.stream.SetDeadline(time.Unix(1, 0)) })
	r, err := cn.exchange(contentType, authorization, body)
	ended := !stop()
	if err != nil || ended {
		cn.broken = true
	}
	switch {
	case err == nil:
		return r, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("no response within %v: %w", timeout, os.ErrDeadlineExceeded)
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("host closed the connection before it responded: %w", io.ErrUnexpectedEOF)
	}
	return nil, err
}

// exchange writes a request and reads its response.
func (cn *conn) exchange(contentType, authorization string, body []byte) (*response, error) {
	var request bytes.Buffer
	request.WriteString("POST /wsman HTTP/1.1\r\nHost: " + cn.client.cfg.hostPort + "\r\nUser-Agent: hvprov\r\n")
	request.WriteString("Content-Type: " + contentType + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n")
	if authorization != "" {
		request.WriteString("Authorization: " + authorization + "\r\n")
	}
	request.WriteString("\r\n")
	request.Write(body)

	cn.client.requests.Add(1)
	if _, err := cn.stream.Write(request.Bytes()); err != nil {
		return nil, err
	}
	cn.limit.N = cn.client.maxResponse()
	r, err := http.ReadResponse(cn.reader, nil)
	for n := 0; err == nil && r.StatusCode < http.StatusOK && n < maxInterim; n++ {
		r, err = http.ReadResponse(cn.reader, nil)
	}
	if err != nil {
		return nil, cn.explainLimit(err)
	}
	defer func() { _ = r.Body.Close() }()
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, cn.explainLimit(err)
	}
	if r.Close {
		cn.broken = true
	}
	return &response{status: r.StatusCode, header: r.Header, body: content}, nil
}

// explainLimit replaces the read error of a response that exceeded the size limit.
func (cn *conn) explainLimit(err error) error {
	if cn.limit.N <= 0 {
		return fmt.Errorf("response is larger than %d bytes", cn.client.maxResponse())
	}
	return err
}

// usable reports whether an idle connection can carry a request: it has not been idle for too long, and the host has neither
// closed it nor sent unexpected data.
func (cn *conn) usable(now time.Time) bool {
	idle := now.Sub(cn.idleSince)
	switch {
	case cn.broken || cn.reader.Buffered() > 0 || idle > idleLimit:
		return false
	case idle < cn.client.probeAfter:
		return true
	}
	if err := cn.stream.SetReadDeadline(time.Now().Add(probeTime)); err != nil {
		return false
	}
	_, err := cn.reader.Peek(1)
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// close closes the connection. It skips TLS close_notify on broken connections, because it could block.
func (cn *conn) close() {
	if cn.broken {
		_ = cn.tcp.Close()
		return
	}
	_ = cn.stream.Close()
}
