// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// AuthError tells that the credentials were not accepted, or none of the ways of authenticating that are allowed.
type AuthError struct {
	// Host is the address and port.
	Host string
	// By names who or what refused, where it was not the host: a KDC, a credential cache, a proxy.
	By string
	// Auth is the way that was tried.
	Auth winrm.Auth
	// Username is the account that was tried, or the subject of the certificate. It is empty where a credential cache says.
	Username string
	// Offered are the schemes that the host offered, as it spelled them.
	Offered []string
	// Reason says what was refused.
	Reason string
	// Remedy says what to check.
	Remedy string
}

// Error says what was refused, what the host offers and what to check.
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
		fmt.Fprintf(&b, " (it offers %s)", strings.Join(e.Offered, ", "))
	}
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// Is tells that the error is of class ErrAuth.
func (e *AuthError) Is(target error) bool { return target == transport.ErrAuth }

// TransportError tells that a request brought no WinRM answer: the connection failed or broke, the context ended, or what
// came back was no answer.
type TransportError struct {
	// Op is what was being done: "connect", "authenticate", or the WinRM action.
	Op string
	// Host is the address and port.
	Host string
	// Err is the cause; it is the context's error where the context ended.
	Err error

	byContext   bool // the caller's context ended
	unreachable bool // no request was sent
	busy        bool // the host's HTTP layer said that it has no capacity
	permanent   bool // repeating cannot help
}

// Error says what was being done on which host, and the cause.
func (e *TransportError) Error() string {
	return fmt.Sprintf("winrm: %s on host %s: %v", e.Op, e.Host, e.Err)
}

// Unwrap returns the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// Is tells whether the error is of class ErrConnectionLost, ErrUnreachable, ErrBusy or ErrTimeout. An error made by the end
// of the caller's context is none of the first three.
func (e *TransportError) Is(target error) bool {
	switch target {
	case transport.ErrConnectionLost:
		return !e.byContext
	case transport.ErrUnreachable:
		return e.unreachable && !e.byContext
	case transport.ErrBusy:
		return e.busy && !e.byContext
	case transport.ErrTimeout:
		var n net.Error
		return errors.As(e.Err, &n) && n.Timeout() // context.DeadlineExceeded and os.ErrDeadlineExceeded are such
	}
	return false
}
