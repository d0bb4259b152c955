// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// authSchemes are the HTTP authentication schemes of each method, the preferred one first.
var authSchemes = map[winrm.Auth][]string{
	winrm.AuthBasic: {"Basic"}, winrm.AuthNTLM: {"Negotiate", "NTLM"}, winrm.AuthKerberos: {"Negotiate", "Kerberos"},
}

// authorization returns the Authorization header of methods that send it with every request, or an empty string.
func authorization(c settings) string {
	switch c.Auth {
	case winrm.AuthBasic:
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password))
	case winrm.AuthCertificate:
		return certificateScheme
	}
	return ""
}

// authError returns the error for a response that refuses the credentials.
func (cn *conn) authError(r *response) *AuthError {
	cfg := cn.client.cfg
	e := &AuthError{Host: cfg.hostPort, Auth: cfg.Auth, Username: cfg.Username, Offered: offeredSchemes(r.header)}
	schemes := authSchemes[cfg.Auth]
	offered := len(schemes) == 0 || len(e.Offered) == 0 ||
		slices.ContainsFunc(schemes, func(name string) bool { return containsFold(e.Offered, name) })
	switch {
	case cfg.Auth == winrm.AuthCertificate:
		cn.explainCertificate(r, e)
	case r.status == http.StatusForbidden:
		e.Reason = "access is forbidden (HTTP 403)"
		e.Remedy = "check that the account may use WinRM on this host"
	case !offered:
		e.Reason = "the host does not offer " + schemes[len(schemes)-1]
		e.Remedy = fmt.Sprintf("use another authentication method, or enable %s in the host's WinRM service", schemes[0])
	case cfg.Auth == winrm.AuthKerberos:
		e.Reason = "the host does not accept the ticket"
		e.Remedy = fmt.Sprintf("check which account the SPN %s is registered for, and that the user has the right to access this host from the network", cfg.Kerberos.SPN)
	default:
		e.Reason = "user name or password is wrong, or the account is locked, expired or not allowed"
		e.Remedy = "check them, and that the account has the right to access this host from the network"
	}
	return e
}

// offeredSchemes returns the names of the authentication schemes in a response's WWW-Authenticate headers.
func offeredSchemes(header http.Header) []string {
	var names []string
	for _, value := range header.Values("WWW-Authenticate") {
		for part := range strings.SplitSeq(value, ",") {
			name, _, _ := strings.Cut(strings.TrimSpace(part), " ")
			if name != "" && !strings.Contains(name, "=") && !containsFold(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func containsFold(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}
