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

	// idleLimit is how long a lane may lie unused; Windows closes connections after two minutes.
	idleLimit = 100 * time.Second
	// idleUnchecked is how long a lane may lie unused and be used again without a look whether the host has closed it.
	idleUnchecked = 500 * time.Millisecond
	// idleLook is how long that look takes.
	idleLook = time.Millisecond
)

// lane is one TCP connection and what was agreed on it. One request at a time uses it: authentication belongs to the
// connection, and sealed messages are numbered on it.
type lane struct {
	client *Client
	raw    net.Conn // TCP
	conn   net.Conn // TCP, or TLS over it
	limit  *io.LimitedReader
	reader *bufio.Reader

	certificate   *x509.Certificate // the server's, with TLS
	asked         bool              // the server asked for the client's
	authenticated bool
	sealing       *ntlmssp.SecuritySession // set when bodies must be sealed

	connecting time.Duration // the time it took to connect, which counts towards that for authentication
	authBy     time.Time     // when authentication must be over
	idleSince  time.Time
	broken     bool // not to be used again
}

// answer is an HTTP answer, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// post sends one HTTP request on the lane and reads the answer. An error leaves the lane broken; it is the context's own where
// the context ended, which breaks off at once.
func (l *lane) post(ctx context.Context, limit time.Duration, contentType, authorization string, body []byte) (*answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := l.conn.SetDeadline(time.Now().Add(limit)); err != nil {
		l.broken = true
		return nil, err
	}
	// A deadline in the past ends reads and writes that are under way.
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetDeadline(time.Unix(1, 0)) })
	a, err := l.roundTrip(contentType, authorization, body)
	ended := !stop()
	if err != nil || ended {
		l.broken = true
	}
	switch {
	case err == nil:
		return a, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("no answer within %v: %w", limit, os.ErrDeadlineExceeded)
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("the host closed the connection before it answered: %w", io.ErrUnexpectedEOF)
	}
	return nil, err
}

func (l *lane) roundTrip(contentType, authorization string, body []byte) (*answer, error) {
	var head bytes.Buffer
	head.WriteString("POST /wsman HTTP/1.1\r\nHost: " + l.client.cfg.hostPort + "\r\nUser-Agent: hvprov\r\n")
	head.WriteString("Content-Type: " + contentType + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n")
	if authorization != "" {
		head.WriteString("Authorization: " + authorization + "\r\n")
	}
	head.WriteString("\r\n")
	head.Write(body)

	l.client.requests.Add(1)
	if _, err := l.conn.Write(head.Bytes()); err != nil {
		return nil, err
	}
	l.limit.N = l.client.maxAnswer()
	response, err := http.ReadResponse(l.reader, nil)
	for n := 0; err == nil && response.StatusCode < http.StatusOK && n < 5; n++ { // "100 Continue" and the like
		response, err = http.ReadResponse(l.reader, nil)
	}
	if err != nil {
		return nil, l.tooLong(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, l.tooLong(err)
	}
	if response.Close {
		l.broken = true
	}
	return &answer{status: response.StatusCode, header: response.Header, body: content}, nil
}

// tooLong replaces the error of an answer that went past the limit.
func (l *lane) tooLong(err error) error {
	if l.limit.N <= 0 {
		return fmt.Errorf("the answer is longer than %d bytes", l.client.maxAnswer())
	}
	return err
}

// usable tells whether an idle lane can take a request: it is not too old, and the host has neither closed it nor said
// anything that was not asked for.
func (l *lane) usable(now time.Time) bool {
	idle := now.Sub(l.idleSince)
	switch {
	case l.broken || l.reader.Buffered() > 0 || idle > idleLimit:
		return false
	case idle < l.client.idleUnchecked:
		return true
	}
	if err := l.conn.SetReadDeadline(time.Now().Add(idleLook)); err != nil {
		return false
	}
	_, err := l.reader.Peek(1)
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// close closes the connection; on a broken one without the farewell of TLS, which could wait for the host.
func (l *lane) close() {
	if l.broken {
		_ = l.raw.Close()
		return
	}
	_ = l.conn.Close()
}
