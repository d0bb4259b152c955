// SPDX-License-Identifier: MPL-2.0

package winrm

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Limits of what a host accepts (MS-WSMV, and the service's own defaults).
const (
	minEnvelopeSize     = 8192
	maxOperationTimeout = 60 * time.Second
)

// WithDefaults returns the configuration with its zero values replaced by the defaults, or an error that lists everything that
// is invalid.
func (c Config) WithDefaults() (Config, error) {
	if c.Auth == "" {
		c.Auth = AuthNTLM
	}
	if problems := append(c.problems(), c.authProblems()...); len(problems) > 0 {
		return c, fmt.Errorf("winrm: invalid configuration: %w", errors.Join(problems...))
	}
	if c.Port == 0 {
		c.Port = DefaultPort
		if c.TLS {
			c.Port = DefaultTLSPort
		}
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = DefaultConnectTimeout
	}
	if c.ResponseMargin == 0 {
		c.ResponseMargin = DefaultResponseMargin
	}
	if c.OperationTimeout == 0 {
		c.OperationTimeout = DefaultOperationTimeout
	}
	if c.EnvelopeSize == 0 {
		c.EnvelopeSize = DefaultEnvelopeSize
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = DefaultMaxConnections
	}
	if c.Kerberos.SPN == "" {
		c.Kerberos.SPN = "HTTP/" + strings.Trim(c.Address, "[]")
	}
	return c, nil
}

// problems is what is wrong with the way to the host.
func (c Config) problems() (problems []error) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if c.Address == "" {
		bad("address is empty")
	} else if strings.ContainsAny(c.Address, "/@ \t\r\n") {
		bad("address %q must be a host name or an IP address, without scheme or path", c.Address)
	}
	if c.Port < 0 || c.Port > 65535 {
		bad("port %d is not between 1 and 65535", c.Port)
	}
	if len(c.CACert) > 0 && !x509.NewCertPool().AppendCertsFromPEM(c.CACert) {
		bad("the CA certificate holds no certificate in PEM form")
	}
	if _, err := ParseProxy(c.Proxy); err != nil {
		bad("%w", err)
	}
	if c.ConnectTimeout < 0 {
		bad("connect timeout %v is negative", c.ConnectTimeout)
	}
	if c.OperationTimeout < 0 || c.OperationTimeout > maxOperationTimeout {
		bad("operation timeout %v is not between 0 and %v", c.OperationTimeout, maxOperationTimeout)
	}
	if c.ResponseMargin < 0 {
		bad("response margin %v is negative", c.ResponseMargin)
	}
	if c.EnvelopeSize != 0 && c.EnvelopeSize < minEnvelopeSize {
		bad("envelope size %d is below %d", c.EnvelopeSize, minEnvelopeSize)
	}
	if c.MaxConnections < 0 {
		bad("number of connections %d is negative", c.MaxConnections)
	}
	return problems
}

// authProblems is what is wrong with the way of authenticating.
func (c Config) authProblems() (problems []error) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	needsUser := true
	switch c.Auth {
	case AuthNTLM:
	case AuthBasic:
		if !c.TLS && !c.AllowClearBasic {
			bad("basic authentication without TLS would send the password in clear: use TLS or NTLM")
		}
		if strings.Contains(c.Username, ":") {
			bad("a user name with a colon cannot be sent by basic authentication")
		}
	case AuthKerberos:
		needsUser = c.Password != ""
		if !c.TLS {
			bad("kerberos authentication needs TLS: the sealing of messages over HTTP is implemented for NTLM only")
		}
		if _, realm, found := strings.Cut(c.Username, "@"); found && c.Kerberos.Realm != "" && !strings.EqualFold(realm, c.Kerberos.Realm) {
			bad("user name %q is of another realm than %s: leave one of them out", c.Username, c.Kerberos.Realm)
		}
	case AuthCertificate:
		needsUser = false
		if !c.TLS {
			bad("authentication by certificate needs TLS")
		}
		if _, err := tls.X509KeyPair(c.ClientCert, c.ClientKey); err != nil {
			bad("client certificate and key: %w", err)
		}
	default:
		bad("auth %q is not known: use %q, %q, %q or %q", c.Auth, AuthNTLM, AuthKerberos, AuthCertificate, AuthBasic)
	}
	if needsUser && c.Username == "" {
		bad("username is empty")
	}
	return problems
}
