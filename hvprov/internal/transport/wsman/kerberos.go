// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman/kerberos"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// doKerberos authenticates the connection with a ticket and sends an envelope. Later requests on the connection need no ticket.
func (cn *conn) doKerberos(ctx context.Context, action string, envelope []byte) (*response, error) {
	c := cn.client
	timeout, body := c.responseTimeout(), envelope
	if !cn.sendsWithCredentials(action) {
		timeout, body = max(time.Until(cn.authDeadline), time.Second), nil
	}
	r, token, err := cn.sendTicket(ctx, timeout, body)
	if err == nil && r.status == http.StatusUnauthorized && !c.kerberosScheme.Load() && offersOnlyKerberos(r) && !cn.broken {
		c.kerberosScheme.Store(true)
		r, token, err = cn.sendTicket(ctx, timeout, body)
	}
	if err == nil {
		err = cn.verifyHost(r, token)
	}
	if err = cn.recordAuthResult(r, err); err != nil {
		return nil, err
	}
	if body != nil || !cn.authenticated {
		return r, nil
	}
	if r.status != http.StatusOK {
		return nil, c.statusError(action, r)
	}
	return cn.send(ctx, envelope)
}

// sendTicket sends a request with a token.
func (cn *conn) sendTicket(ctx context.Context, timeout time.Duration, body []byte) (*response, *kerberos.Token, error) {
	c := cn.client
	token, err := c.kerberos.Token(ctx, time.Until(cn.authDeadline), channelBindings(cn.certificate))
	if err != nil {
		return nil, nil, cn.ticketError(ctx, err)
	}
	authorization := negotiateHeader(token.SPNEGO)
	if c.kerberosScheme.Load() {
		authorization = "Kerberos " + base64.StdEncoding.EncodeToString(token.GSSAPI)
	}
	r, err := cn.post(ctx, timeout, contentTypeSOAP, authorization, body)
	return r, token, err
}

// offersOnlyKerberos reports whether a host that refuses the scheme Negotiate offers Kerberos, as it does when its WinRM service has
// Negotiate disabled (https://github.com/jborean93/pypsrp/issues/66). The ticket was not looked at, so that trying again does not
// count as a second attempt.
func offersOnlyKerberos(r *response) bool {
	offered := offeredSchemes(r.header)
	return containsFold(offered, "Kerberos") && !containsFold(offered, "Negotiate")
}

// verifyHost checks the response to a token: whether it proves that the host can decrypt the ticket, or why the host refuses it.
// An impostor cannot decrypt the ticket, also where the certificate is not verified.
func (cn *conn) verifyHost(r *response, token *kerberos.Token) error {
	reply := authToken(r.header)
	var refused *kerberos.Error
	switch r.status {
	case http.StatusUnauthorized:
		// No other attempt follows, not even by NTLM if the host offers that.
		if reply != nil && errors.As(token.Verify(reply), &refused) && refused.Code != 0 {
			e := cn.authError(r)
			e.Reason, e.Remedy = refused.Reason, refused.Remedy
			return cn.reject(e)
		}
		return nil
	case http.StatusOK, http.StatusInternalServerError:
	default:
		return nil
	}
	if r.status != http.StatusOK && reply == nil {
		cn.broken = true // a fault that only TLS authenticates
		return nil
	}
	if err := token.Verify(reply); err != nil {
		cn.broken = true
		return &TransportError{
			Op: "authenticate", Host: cn.client.cfg.hostPort, permanent: true,
			Err: fmt.Errorf("the host did not prove its identity: %w", err),
		}
	}
	return nil
}

// ticketError returns the typed error for a failure to obtain a ticket.
func (cn *conn) ticketError(ctx context.Context, err error) error {
	c := cn.client
	var refused *kerberos.Error
	if errors.As(err, &refused) {
		by := refused.By
		if by == "" {
			by = "Kerberos"
		}
		return cn.reject(&AuthError{
			Host: c.cfg.hostPort, By: by, Auth: winrm.AuthKerberos, Username: c.cfg.Username,
			Reason: refused.Reason, Remedy: refused.Remedy,
		})
	}
	byContext := ctx.Err() != nil && errors.Is(err, ctx.Err())
	return &TransportError{Op: "authenticate", Host: c.cfg.hostPort, Err: err, byContext: byContext, unreachable: true}
}
