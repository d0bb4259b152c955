// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman/kerberos"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// carryKerberos authenticates a lane by a ticket and brings an envelope to the host. What follows on the lane needs no ticket.
func (l *lane) carryKerberos(ctx context.Context, action string, envelope []byte) (*answer, error) {
	c := l.client
	proof, err := c.kerberos.Token(ctx, time.Until(l.authBy), bindings(l.certificate))
	if err != nil {
		return nil, l.noTicket(ctx, err)
	}
	limit, first := c.answerLimit(), envelope
	if !l.mayCarry(action) {
		limit, first = max(time.Until(l.authBy), time.Second), nil
	}
	a, err := l.post(ctx, limit, contentTypeSOAP, negotiate(proof.Bytes), first)
	if err == nil {
		err = l.answered(a, proof)
	}
	if err = l.settle(a, err); err != nil {
		return nil, err
	}
	if first != nil || !l.authenticated {
		return a, nil
	}
	if a.status != http.StatusOK {
		return nil, c.status(action, a)
	}
	return l.send(ctx, envelope)
}

// answered looks at what the host answers to a proof: that it can read the ticket, or why it refuses it. Who has taken the
// host's name cannot read the ticket, even where the certificate is not verified.
func (l *lane) answered(a *answer, proof *kerberos.Token) error {
	answer := token(a.header)
	var refused *kerberos.Error
	switch a.status {
	case http.StatusUnauthorized:
		// There is no other attempt, and none by NTLM, whatever the host offers.
		if answer != nil && errors.As(proof.Verify(answer), &refused) && refused.Code != 0 {
			e := l.refusal(a)
			e.Reason, e.Remedy = refused.Reason, refused.Remedy
			return l.refuse(e)
		}
		return nil
	case http.StatusOK, http.StatusInternalServerError:
	default:
		return nil
	}
	if a.status != http.StatusOK && answer == nil {
		l.broken = true // a fault that nobody vouches for but TLS
		return nil
	}
	if err := proof.Verify(answer); err != nil {
		l.broken = true
		return &TransportError{Op: "authenticate", Host: l.client.cfg.hostPort, permanent: true, Err: unproven{err}}
	}
	return nil
}

// unproven is the cause where the host has accepted a ticket and not proved that it can read it.
type unproven struct{ error }

// Error says that it is the host's identity that is in doubt.
func (e unproven) Error() string { return "the host did not prove its identity: " + e.error.Error() }

// Unwrap gives the reason.
func (e unproven) Unwrap() error { return e.error }

// noTicket gives the error of a ticket that could not be had its type.
func (l *lane) noTicket(ctx context.Context, err error) error {
	c := l.client
	var refused *kerberos.Error
	if errors.As(err, &refused) {
		by := refused.By
		if by == "" {
			by = "Kerberos"
		}
		return l.refuse(&AuthError{
			Host: c.cfg.hostPort, By: by, Auth: winrm.AuthKerberos, Username: c.cfg.Username,
			Reason: refused.Reason, Remedy: refused.Remedy,
		})
	}
	byContext := ctx.Err() != nil && errors.Is(err, ctx.Err())
	return &TransportError{Op: "authenticate", Host: c.cfg.hostPort, Err: err, byContext: byContext, unreachable: true}
}
