// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// admission lets one attempt to authenticate run at a time until one has succeeded, and none after one was refused: with a
// wrong password, concurrent requests must not add up to a locked account.
type admission struct {
	turn chan struct{} // holds one token during an attempt

	mu      sync.Mutex
	proven  bool
	refused *AuthError
}

func newAdmission() *admission {
	return &admission{turn: make(chan struct{}, 1)}
}

func (a *admission) look() (proven bool, refused *AuthError) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.proven, a.refused
}

// enter waits until an attempt may be made. The caller calls leave when the attempt is over.
func (a *admission) enter(ctx context.Context) (leave func(), err error) {
	proven, refused := a.look()
	if refused != nil {
		return nil, refused
	}
	if proven {
		return func() {}, nil
	}
	if err := acquire(ctx, a.turn); err != nil {
		return nil, err
	}
	if _, refused := a.look(); refused != nil {
		release(a.turn)
		return nil, refused
	}
	return func() { release(a.turn) }, nil
}

func (a *admission) set(proven bool, refused *AuthError) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.proven, a.refused = proven, refused
}

// authorization is the Authorization header of ways that send it with each request, and else empty.
func authorization(c settings) string {
	switch c.Auth {
	case winrm.AuthBasic:
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password))
	case winrm.AuthCertificate:
		return certificateScheme
	}
	return ""
}

// refusal makes the error for an answer that refuses the credentials.
func (l *lane) refusal(a *answer) *AuthError {
	c := l.client
	e := &AuthError{Host: c.cfg.hostPort, Auth: c.cfg.Auth, Username: c.cfg.Username, Offered: schemes(a.header)}
	wanted := map[winrm.Auth][]string{
		winrm.AuthBasic: {"Basic"}, winrm.AuthNTLM: {"Negotiate", "NTLM"}, winrm.AuthKerberos: {"Negotiate", "Kerberos"},
	}[c.cfg.Auth]
	offered := len(wanted) == 0 || len(e.Offered) == 0
	for _, name := range wanted {
		offered = offered || contains(e.Offered, name)
	}
	switch {
	case c.cfg.Auth == winrm.AuthCertificate:
		l.explainCertificate(a, e)
	case a.status == http.StatusForbidden:
		e.Reason = "access is forbidden (HTTP 403)"
		e.Remedy = "check that the account may use WinRM on this host"
	case !offered:
		e.Reason = "the host does not offer " + wanted[len(wanted)-1]
		e.Remedy = fmt.Sprintf("use another way of authenticating, or enable %s on the host's WinRM service", wanted[0])
	case c.cfg.Auth == winrm.AuthKerberos:
		e.Reason = "it does not accept the ticket"
		e.Remedy = fmt.Sprintf("check which account the SPN %s is registered for, and that the user may log on to this host over the network", c.cfg.Kerberos.SPN)
	default:
		e.Reason = "user name or password is wrong, or the account is locked, expired or not allowed"
		e.Remedy = "check them, and that the account may log on to this host over the network"
	}
	return e
}

// schemes lists the names of the authentication schemes that an answer offers.
func schemes(header http.Header) []string {
	var names []string
	for _, value := range header.Values("WWW-Authenticate") {
		for part := range strings.SplitSeq(value, ",") {
			name, _, _ := strings.Cut(strings.TrimSpace(part), " ")
			if name != "" && !strings.Contains(name, "=") && !contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}
