// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"context"
	"net/http"
	"sync"
)

// authGate limits attempts to authenticate: one at a time until one has succeeded, and none after one was rejected. Without
// it, concurrent requests with a wrong password would lock the account.
type authGate struct {
	attempt chan struct{} // holds one token during an attempt

	mu       sync.Mutex
	verified bool
	rejected *AuthError
}

func newAuthGate() *authGate { return &authGate{attempt: make(chan struct{}, 1)} }

// state returns whether the credentials have been accepted, and the error if they have been rejected.
func (g *authGate) state() (verified bool, rejected *AuthError) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.verified, g.rejected
}

func (g *authGate) set(verified bool, rejected *AuthError) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.verified, g.rejected = verified, rejected
}

// enter waits until an attempt is allowed. The caller must call leave after the attempt.
func (g *authGate) enter(ctx context.Context) (leave func(), err error) {
	verified, rejected := g.state()
	if rejected != nil {
		return nil, rejected
	}
	if verified {
		return func() {}, nil
	}
	if err := acquire(ctx, g.attempt); err != nil {
		return nil, err
	}
	if _, rejected := g.state(); rejected != nil {
		release(g.attempt)
		return nil, rejected
	}
	return func() { release(g.attempt) }, nil
}

// sendsWithCredentials reports whether the request with the credentials may carry an envelope. A Receive must not while the
// credentials are unverified: it waits for output, and other requests would wait for the result of the attempt.
func (cn *conn) sendsWithCredentials(action string) bool {
	verified, _ := cn.client.authGate.state()
	return verified || action != actionReceive
}

// recordAuthResult records the outcome of an attempt to authenticate in the connection and the gate.
func (cn *conn) recordAuthResult(r *response, err error) error {
	gate := cn.client.authGate
	if err != nil {
		return err
	}
	if r.status == http.StatusUnauthorized || r.status == http.StatusForbidden {
		if verified, _ := gate.state(); verified {
			cn.broken = true
			return errNotAuthenticated // they were accepted before: one more attempt is justified
		}
		return cn.reject(cn.authError(r))
	}
	cn.authenticated = r.status == http.StatusOK || r.status == http.StatusInternalServerError
	if cn.authenticated {
		gate.set(true, nil)
	} else {
		cn.broken = true // the authentication is incomplete; the status explains why
	}
	return nil
}

// reject records that the credentials are rejected and returns the error.
func (cn *conn) reject(rejected *AuthError) error {
	cn.broken = true
	cn.client.authGate.set(false, rejected)
	return rejected
}
