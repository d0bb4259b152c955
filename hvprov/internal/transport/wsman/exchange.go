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

// errAgain: the host has forgotten the authentication of a connection. It did nothing with the request, which is to be sent
// on a new connection.
var errAgain = errors.New("the connection is no longer authenticated")

// attempt sends an envelope once and returns the envelope that answers it.
func (c *Client) attempt(ctx context.Context, action, envelope string) ([]byte, error) {
	for again := false; ; again = true {
		answer, err := c.onLane(ctx, action, []byte(envelope))
		if !errors.Is(err, errAgain) || again {
			return answer, c.wrap(ctx, action, err)
		}
		c.admission.set(false, nil)
		c.lanes.drop(false)
	}
}

// wrap makes a TransportError of any error that has no type of its own yet.
func (c *Client) wrap(ctx context.Context, action string, err error) error {
	var (
		transport *TransportError
		fault     *FaultError
		auth      *AuthError
	)
	if err == nil || errors.As(err, &transport) || errors.As(err, &fault) || errors.As(err, &auth) {
		return err
	}
	byContext := ctx.Err() != nil && errors.Is(err, ctx.Err())
	return &TransportError{Op: action, Host: c.cfg.hostPort, Err: err, byContext: byContext}
}

func (c *Client) onLane(ctx context.Context, action string, envelope []byte) ([]byte, error) {
	l, err := c.lanes.take(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { c.lanes.give(l) }()
	if l == nil {
		if _, refused := c.admission.look(); refused != nil {
			return nil, refused
		}
		if l, err = c.connect(ctx); err != nil {
			return nil, err
		}
	}
	a, err := l.carry(ctx, action, envelope)
	if err != nil {
		return nil, err
	}
	answer, err := l.read(action, envelope, a)
	if err != nil && !isFaultError(err) {
		l.broken = true
	}
	return answer, err
}

// carry brings an envelope to the host in the way that the lane needs, authenticating it first where that is to be done.
func (l *lane) carry(ctx context.Context, action string, envelope []byte) (*answer, error) {
	c := l.client
	if l.authenticated {
		a, err := l.send(ctx, envelope)
		if err == nil && a.status == http.StatusUnauthorized {
			l.broken = true
			return nil, errAgain
		}
		return a, err
	}
	leave, err := c.admission.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	l.authBy = time.Now().Add(c.cfg.ConnectTimeout - l.connecting)
	switch c.cfg.Auth {
	case winrm.AuthNTLM:
		return l.carryNTLM(ctx, action, envelope)
	case winrm.AuthKerberos:
		return l.carryKerberos(ctx, action, envelope)
	}
	a, err := l.post(ctx, c.answerLimit(), contentTypeSOAP, authorization(c.cfg), envelope)
	return a, l.settle(a, l.rejected(err))
}

// mayCarry tells whether an envelope may go with the proof of the credentials. While they have never been accepted, a Receive,
// which waits for output, would keep the proof waiting, and others with it.
func (l *lane) mayCarry(action string) bool {
	proven, _ := l.client.admission.look()
	return proven || action != actionReceive
}

// settle notes the outcome of an attempt to authenticate.
func (l *lane) settle(a *answer, err error) error {
	c := l.client
	switch {
	case err != nil:
		return err
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		if proven, _ := c.admission.look(); proven {
			l.broken = true
			return errAgain // good a moment ago: one more attempt tells whether they still are
		}
		return l.refuse(l.refusal(a))
	}
	if l.authenticated = a.status == http.StatusOK || a.status == http.StatusInternalServerError; l.authenticated {
		c.admission.set(true, nil)
	} else {
		l.broken = true // half-way through; read tells what it was
	}
	return nil
}

// refuse notes that the credentials are refused, for good.
func (l *lane) refuse(refused *AuthError) error {
	l.broken = true
	l.client.admission.set(false, refused)
	return refused
}

// send sends an envelope on a lane that is authenticated, and unseals the answer on one that seals.
func (l *lane) send(ctx context.Context, envelope []byte) (*answer, error) {
	limit, authorization := l.client.answerLimit(), authorization(l.client.cfg)
	if l.sealing == nil {
		return l.post(ctx, limit, contentTypeSOAP, authorization, envelope)
	}
	body, err := seal(l.sealing, envelope)
	if err != nil {
		l.broken = true
		return nil, err
	}
	a, err := l.post(ctx, limit, sealedContentType, authorization, body)
	if err != nil {
		return nil, err
	}
	switch {
	case isSealed(a.header.Get("Content-Type")):
		a.body, err = unseal(l.sealing, a.body)
	case a.status == http.StatusOK || a.status == http.StatusInternalServerError && len(a.body) > 0:
		err = &TransportError{
			Op: "unseal", Host: l.client.cfg.hostPort, permanent: true,
			Err: errors.New("the host answered a sealed message in clear"),
		}
	default:
		a.body = nil // the HTTP service's own words, which nobody vouches for
	}
	if err != nil {
		l.broken = true
		return nil, err
	}
	return a, nil
}

// read makes an envelope or a typed error of an answer.
func (l *lane) read(action string, request []byte, a *answer) ([]byte, error) {
	c := l.client
	if a.status == http.StatusUnauthorized || a.status == http.StatusForbidden {
		return nil, l.refusal(a)
	}
	// The parsers look at what they ask for only, and would take a fault for an answer with nothing in it.
	if a.status != http.StatusOK || bytes.Contains(a.body, []byte("Fault")) {
		fault, found, err := parseFault(a.body)
		if found {
			fault.Action, fault.Host = action, c.cfg.hostPort
			return nil, fault
		}
		if a.status != http.StatusOK {
			return nil, c.status(action, a)
		}
		if err != nil {
			return nil, err
		}
	}
	if asked, told := headerText(request, "MessageID"), headerText(a.body, "RelatesTo"); told != "" && !strings.EqualFold(asked, told) {
		return nil, fmt.Errorf("the answer belongs to another request (%s)", told)
	}
	return a.body, nil
}

// status makes the error for an HTTP status that carries no fault.
func (c *Client) status(action string, a *answer) error {
	t := &TransportError{Op: action, Host: c.cfg.hostPort}
	text := fmt.Sprintf("HTTP status %d %s", a.status, http.StatusText(a.status))
	switch a.status {
	case http.StatusServiceUnavailable:
		t.busy = true
		text += ": the WinRM service is stopped, starting or overloaded"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		t.permanent = true
		text += ": this port does not serve WinRM"
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusRequestTimeout:
	default:
		t.permanent = true
	}
	t.Err = errors.New(text)
	return t
}

// headerText is the text of the first element of that local name in an envelope, or nothing.
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

func isFaultError(err error) bool {
	var fault *FaultError
	return errors.As(err, &fault)
}
