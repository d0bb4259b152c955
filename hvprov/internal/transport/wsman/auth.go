// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
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

// challenge is one challenge of a WWW-Authenticate field.
type challenge struct {
	scheme string
	token  string // token68, or empty
}

// The forms of a token and of a parameter in a challenge (RFC 9110 11.2).
var (
	token68       = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)
	authParameter = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*=[ \t]*(\"|[^= \t])")
)

// challenges returns the challenges in a response's WWW-Authenticate fields. A field may hold several, separated by commas, as do
// the parameters of one (RFC 9110 11.6.1).
func challenges(header http.Header) []challenge {
	var all []challenge
	for _, value := range header.Values("WWW-Authenticate") {
		quoted, escaped := false, false
		parts := strings.FieldsFunc(value, func(r rune) bool {
			switch {
			case escaped:
				escaped = false
			case quoted && r == '\\':
				escaped = true
			case r == '"':
				quoted = !quoted
			}
			return r == ',' && !quoted
		})
		for _, part := range parts {
			part = strings.TrimSpace(part)
			if part == "" || authParameter.MatchString(part) {
				continue // a parameter of the challenge before
			}
			scheme, rest, _ := strings.Cut(part, " ")
			c := challenge{scheme: scheme}
			if rest = strings.TrimSpace(rest); token68.MatchString(rest) {
				c.token = rest
			}
			all = append(all, c)
		}
	}
	return all
}

// offeredSchemes returns the names of the authentication schemes in a response's WWW-Authenticate fields.
func offeredSchemes(header http.Header) []string {
	var names []string
	for _, c := range challenges(header) {
		if !containsFold(names, c.scheme) {
			names = append(names, shorten(c.scheme))
		}
	}
	return names
}

// authToken returns the token in a response's WWW-Authenticate fields, or nil.
func authToken(header http.Header) []byte {
	for _, c := range challenges(header) {
		if c.token == "" || !containsFold([]string{"Negotiate", "NTLM", "Kerberos"}, c.scheme) {
			continue
		}
		if message, err := base64.StdEncoding.DecodeString(c.token); err == nil && len(message) > 0 {
			return message
		}
	}
	return nil
}

func containsFold(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}
