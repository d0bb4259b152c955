// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// errNotAuthenticated reports that the host no longer considers the connection authenticated. The host did not act on the
// request, which must be sent on a new connection.
var errNotAuthenticated = errors.New("connection is no longer authenticated")

// attempt sends an envelope and returns the response. It repeats the request once if the host has dropped the
// authentication of a connection.
func (c *Client) attempt(ctx context.Context, action, envelope string) (*message, error) {
	for repeated := false; ; repeated = true {
		response, err := c.roundTrip(ctx, action, []byte(envelope))
		if !errors.Is(err, errNotAuthenticated) || repeated {
			return response, c.wrap(ctx, action, err)
		}
		c.authGate.set(false, nil)
		c.pool.closeIdle(false)
	}
}

// roundTrip sends an envelope on a pooled or new connection and returns the response.
func (c *Client) roundTrip(ctx context.Context, action string, envelope []byte) (*message, error) {
	cn, err := c.pool.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { c.pool.release(cn) }()
	if cn == nil {
		if _, rejected := c.authGate.state(); rejected != nil {
			return nil, rejected
		}
		if cn, err = c.connect(ctx); err != nil {
			return nil, err
		}
	}
	r, err := cn.do(ctx, action, envelope)
	if err != nil {
		return nil, err
	}
	msg, err := c.parse(cn, action, envelope, r)
	var fault *FaultError
	if err != nil && !errors.As(err, &fault) {
		cn.broken = true
	}
	return msg, err
}

// do sends an envelope and returns the response. It authenticates the connection first if necessary.
func (cn *conn) do(ctx context.Context, action string, envelope []byte) (*response, error) {
	c := cn.client
	if cn.authenticated {
		r, err := cn.send(ctx, envelope)
		if err == nil && r.status == http.StatusUnauthorized {
			cn.broken = true
			return nil, errNotAuthenticated
		}
		return r, err
	}
	leave, err := c.authGate.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	cn.authDeadline = time.Now().Add(c.cfg.ConnectTimeout - cn.connectTime)
	switch c.cfg.Auth {
	case winrm.AuthNTLM:
		return cn.doNTLM(ctx, action, envelope)
	case winrm.AuthKerberos:
		return cn.doKerberos(ctx, action, envelope)
	}
	r, err := cn.post(ctx, c.responseTimeout(), contentTypeSOAP, authorization(c.cfg), envelope)
	return r, cn.recordAuthResult(r, cn.certificateError(err))
}

// send sends an envelope on an authenticated connection. If the connection seals messages, the envelope is sealed and the
// response unsealed.
func (cn *conn) send(ctx context.Context, envelope []byte) (*response, error) {
	timeout, authorization := cn.client.responseTimeout(), authorization(cn.client.cfg)
	if cn.sealing == nil {
		return cn.post(ctx, timeout, contentTypeSOAP, authorization, envelope)
	}
	body, err := seal(cn.sealing, envelope)
	if err != nil {
		cn.broken = true
		return nil, err
	}
	r, err := cn.post(ctx, timeout, sealedContentType, authorization, body)
	if err != nil {
		return nil, err
	}
	switch {
	case isSealed(r.header.Get("Content-Type")):
		r.body, err = unseal(cn.sealing, r.body)
	case r.status == http.StatusOK || r.status == http.StatusInternalServerError && len(r.body) > 0:
		err = &TransportError{
			Op: "unseal", Host: cn.client.cfg.hostPort, permanent: true, untrusted: true,
			Err: errors.New("host responded to a sealed message in clear text"),
		}
	default:
		r.body = nil // from the HTTP service, and not authenticated
	}
	if err != nil {
		cn.broken = true
		return nil, err
	}
	return r, nil
}

// parse returns the content of a response, or a typed error.
func (c *Client) parse(cn *conn, action string, request []byte, r *response) (*message, error) {
	if r.status == http.StatusUnauthorized || r.status == http.StatusForbidden {
		return nil, cn.authError(r)
	}
	msg, err := parseMessage(r.body)
	switch {
	case err == nil && msg.fault != nil:
		msg.fault.Action, msg.fault.Host, msg.fault.Username = action, c.cfg.hostPort, c.cfg.Username
		return nil, msg.fault
	case r.status != http.StatusOK:
		return nil, c.statusError(action, r)
	case errors.Is(err, errNotSOAP):
		return nil, &TransportError{Op: action, Host: c.cfg.hostPort, Err: fmt.Errorf("this port does not serve WinRM: %w", err), permanent: true}
	case err != nil:
		return nil, err
	}
	if sent := headerText(request, "MessageID"); msg.relatesTo != "" && !strings.EqualFold(sent, msg.relatesTo) {
		return nil, fmt.Errorf("response belongs to another request (%s)", shorten(msg.relatesTo))
	}
	return msg, nil
}

// statusError returns the error for a response without a fault whose HTTP status is not 200.
func (c *Client) statusError(action string, r *response) error {
	e := &TransportError{Op: action, Host: c.cfg.hostPort}
	text := fmt.Sprintf("HTTP status %d %s", r.status, http.StatusText(r.status))
	if location := r.header.Get("Location"); location != "" {
		text += fmt.Sprintf(" to %q, which is not followed", shorten(location))
	}
	switch r.status {
	case http.StatusServiceUnavailable:
		e.busy = true
		text += ": the WinRM service is stopped, starting or overloaded"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		e.permanent = true
		text += ": this port does not serve WinRM"
	case http.StatusBadRequest:
		e.permanent = true
		if !c.cfg.TLS {
			text += ": this port may require TLS: the default WinRM ports are 5986 for HTTPS and 5985 for HTTP"
		}
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusRequestTimeout:
	default:
		e.permanent = true
	}
	e.Err = errors.New(text)
	return e
}

// headerText returns the text of the first element with the given local name in an envelope, or an empty string.
func headerText(envelope []byte, name string) string {
	envelope = envelope[:min(len(envelope), 4096)] // headers come first
	i := bytes.Index(envelope, []byte(":"+name))
	if i < 0 {
		return ""
	}
	_, rest, _ := bytes.Cut(envelope[i:], []byte(">"))
	text, _, found := bytes.Cut(rest, []byte("<"))
	if !found {
		return ""
	}
	return strings.TrimSpace(string(text))
}
