// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Role is what a client may do. Each role includes those before it.
type Role int

// The roles.
const (
	RoleReader Role = iota + 1 // reads everything but diagnostics
	RoleWriter                 // submits and cancels jobs
	RoleAdmin                  // reads diagnostics
)

var roleNames = map[Role]string{RoleReader: "reader", RoleWriter: "writer", RoleAdmin: "admin"}

// String returns the name of the role.
func (r Role) String() string {
	if name, ok := roleNames[r]; ok {
		return name
	}
	return fmt.Sprintf("Role(%d)", int(r))
}

// ParseRole returns the role with a name: reader, writer or admin.
func ParseRole(name string) (Role, error) {
	for role, known := range roleNames {
		if name == known {
			return role, nil
		}
	}
	return 0, fmt.Errorf("role %q is not one of reader, writer and admin", name)
}

// Identity is an authenticated client.
type Identity struct {
	Name string // shown in the audit log, and the requester of its jobs
	Role Role
}

// ErrCredentials is the error of an [Authenticator] for credentials that are not valid, for [errors.Is].
var ErrCredentials = errors.New("credentials are not valid")

// Authenticator finds out who sent a request. Its methods are safe for concurrent use.
type Authenticator interface {
	// Authenticate returns the sender of a request, or nil if the request has no credentials of the kind that it checks. The error
	// wraps [ErrCredentials] if the credentials are not valid; other errors say why they could not be checked.
	Authenticate(r *http.Request) (*Identity, error)
}

// ClientCertificates authenticates by the subject of a verified client certificate. Keys are subjects in the form of
// [crypto/x509/pkix.Name.String], such as "CN=deploy,O=Lab", and the common name is the name of the identity. The server must verify
// client certificates: see [crypto/tls.Config.ClientAuth].
type ClientCertificates map[string]Role

// Authenticate implements [Authenticator].
func (c ClientCertificates) Authenticate(r *http.Request) (*Identity, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil, nil
	}
	subject := r.TLS.VerifiedChains[0][0].Subject
	role, ok := c[subject.String()]
	if !ok {
		return nil, fmt.Errorf("%w: client certificate of %q has no role", ErrCredentials, subject.String())
	}
	return &Identity{Name: subject.CommonName, Role: role}, nil
}

// localOperator is the sender of all requests of a handler without authentication.
var localOperator = Identity{Name: "local", Role: RoleAdmin}

// BearerToken returns the token in the Authorization header of a request, or an empty string.
func BearerToken(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// authenticate returns the sender of a request.
func (h *Handler) authenticate(r *http.Request) (Identity, error) {
	if len(h.opts.Authenticators) == 0 {
		return localOperator, requireLoopback(r)
	}
	for _, a := range h.opts.Authenticators {
		identity, err := a.Authenticate(r)
		switch {
		case errors.Is(err, ErrCredentials):
			h.logger.Info("authentication failed", "remote", r.RemoteAddr, "error", err)
			return Identity{}, newProblem("unauthenticated", "the credentials are not valid: use a token that is neither revoked nor expired")
		case err != nil:
			return Identity{}, fmt.Errorf("check credentials: %w", err)
		case identity != nil && roleNames[identity.Role] == "":
			return Identity{}, newProblem("forbidden", "%s has no role", identity.Name)
		case identity != nil:
			return *identity, nil
		}
	}
	p := newProblem("unauthenticated", "send a token in the Authorization header, or sign in")
	if h.login() != nil {
		p.Login = loginPath
	}
	return Identity{}, p
}

// requireLoopback refuses a request that another computer sent, or may have sent through a proxy or a browser: without authentication
// everybody on this computer is trusted, and nobody else. A browser names the host of the page in the Host header, so that a page of
// another name that resolves to a loopback address (DNS rebinding) is refused.
func requireLoopback(r *http.Request) error {
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	forwarded := r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-For") != ""
	if err != nil || !remote.Addr().Unmap().IsLoopback() || forwarded || !isLoopbackHost(r.Host) {
		return newProblem("forbidden", "the server has no authentication and serves its own computer only: configure tokens, OpenID Connect or client certificates")
	}
	return nil
}

// isLoopbackHost reports whether the host of a URL, with or without a port, names this computer.
func isLoopbackHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
