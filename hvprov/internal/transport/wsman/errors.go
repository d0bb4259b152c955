// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// AuthError reports that the credentials or the authentication method were not accepted.
type AuthError struct {
	// Host is the address and port.
	Host string
	// By is the name of what refused, if it was not the host: a KDC, a credential cache or a proxy.
	By string
	// Auth is the authentication method.
	Auth winrm.Auth
	// Username is the account or the subject of the certificate. It is empty if it follows from a credential cache.
	Username string
	// Offered lists the authentication schemes that the host offered, as it wrote them.
	Offered []string
	// Reason describes the cause.
	Reason string
	// Remedy describes what to check.
	Remedy string
}

// Error returns the host, the authentication method, the cause, the schemes that the host offers and the remedy.
func (e *AuthError) Error() string {
	var b strings.Builder
	user := ""
	if e.Username != "" {
		user = fmt.Sprintf(" of user %q", e.Username)
	}
	if e.By == "" {
		fmt.Fprintf(&b, "winrm: host %s refused %s authentication%s: %s", e.Host, e.Auth, user, e.Reason)
	} else {
		fmt.Fprintf(&b, "winrm: %s authentication%s for host %s failed: %s: %s", e.Auth, user, e.Host, e.By, e.Reason)
	}
	if len(e.Offered) > 0 {
		fmt.Fprintf(&b, " (the host offers %s)", strings.Join(e.Offered, ", "))
	}
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// Is reports whether target is ErrAuth.
func (e *AuthError) Is(target error) bool { return target == transport.ErrAuth }

// TransportError reports that a request got no WinRM response: the connection failed, the context ended, or the response was
// not a WinRM response.
type TransportError struct {
	// Op is the operation: "connect", "authenticate", "unseal" or the WinRM action.
	Op string
	// Host is the address and port.
	Host string
	// Err is the cause. It is the context's error if the context ended.
	Err error

	byContext   bool // the caller's context ended
	unreachable bool // no request was sent
	busy        bool // the host's HTTP service has no capacity
	permanent   bool // a retry cannot succeed
	untrusted   bool // the host did not prove its identity
}

// Error returns the operation, the host and the cause.
func (e *TransportError) Error() string {
	return fmt.Sprintf("winrm: %s on host %s: %v", e.Op, e.Host, e.Err)
}

// Unwrap returns the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// Is reports whether the error belongs to the class ErrConnectionLost, ErrUnreachable, ErrBusy, ErrUntrusted or ErrTimeout. An
// error caused by the caller's context belongs to none of the first three.
func (e *TransportError) Is(target error) bool {
	switch target {
	case transport.ErrConnectionLost:
		return !e.byContext
	case transport.ErrUnreachable:
		return e.unreachable && !e.byContext
	case transport.ErrBusy:
		return e.busy && !e.byContext
	case transport.ErrUntrusted:
		return e.untrusted
	case transport.ErrTimeout:
		var n net.Error
		return errors.As(e.Err, &n) && n.Timeout() // includes context.DeadlineExceeded and os.ErrDeadlineExceeded
	}
	return false
}

// wrap returns err as a TransportError unless it has a type of this package already.
func (c *Client) wrap(ctx context.Context, op string, err error) error {
	var (
		failed *TransportError
		fault  *FaultError
		auth   *AuthError
	)
	if err == nil || errors.As(err, &failed) || errors.As(err, &fault) || errors.As(err, &auth) {
		return err
	}
	return &TransportError{Op: op, Host: c.cfg.hostPort, Err: err, byContext: ctx.Err() != nil && errors.Is(err, ctx.Err())}
}
