// SPDX-License-Identifier: MPL-2.0

package winrm

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Limits of a WinRM service (MS-WSMV, and the service's defaults).
const (
	minEnvelopeSize     = 8192
	maxOperationTimeout = 60 * time.Second
)

// Problem is one invalid setting of a [Config].
type Problem struct { //nolint:errname // a finding, as Problems returns it; Validate wraps it as an error
	// Field is the name of the Config's field, for example "Port" or "Kerberos.Realm".
	Field string
	// Missing reports whether the field is empty although it is required.
	Missing bool
	// Reason describes the problem. It contains no secrets.
	Reason string
	// Remedy describes how to fix the problem, if Reason does not imply it.
	Remedy string
}

// Error returns the field, the reason and the remedy.
func (p Problem) Error() string {
	text := p.Field + ": " + p.Reason
	if p.Remedy != "" {
		text += "; " + p.Remedy
	}
	return text
}

// Validate returns an error that wraps all Problems of the configuration, or nil if there are none.
func (c Config) Validate() error {
	var all []error
	for _, p := range c.Problems() {
		all = append(all, p)
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("winrm: invalid configuration: %w", errors.Join(all...))
}

// Problems returns the invalid settings of the configuration. It performs no I/O: files are not opened.
func (c Config) Problems() []Problem {
	v := validator{Config: c}
	if v.Auth == "" {
		v.Auth = AuthNTLM
	}
	v.checkConnection()
	v.checkAuth()
	return v.problems
}

type validator struct {
	Config
	problems []Problem
}

func (v *validator) add(field, reason, remedy string) {
	v.problems = append(v.problems, Problem{Field: field, Reason: reason, Remedy: remedy})
}

func (v *validator) require(field, value string) {
	if value == "" {
		v.problems = append(v.problems, Problem{Field: field, Missing: true, Reason: "is required"})
	}
}

// requireTLS reports a method that needs TLS. The problem is one of Auth, which users choose more often than TLS.
func (v *validator) requireTLS(reason, remedy string) {
	if !v.TLS {
		v.add("Auth", reason, remedy)
	}
}

func (v *validator) checkConnection() {
	v.require("Address", v.Address)
	v.checkAddress()
	if v.Port < 0 || v.Port > 65535 {
		v.add("Port", fmt.Sprintf("%d is not between 1 and 65535", v.Port), "")
	}
	if len(v.CACert) > 0 && !hasCertificate(v.CACert) {
		v.add("CACert", "contains no PEM certificate", "")
	}
	v.checkProxy()
	if v.ConnectTimeout < 0 {
		v.add("ConnectTimeout", fmt.Sprintf("%v is negative", v.ConnectTimeout), "")
	}
	if v.OperationTimeout < 0 || v.OperationTimeout > maxOperationTimeout {
		v.add("OperationTimeout", fmt.Sprintf("%v is not between 0 and %v", v.OperationTimeout, maxOperationTimeout), "")
	}
	if v.ResponseMargin < 0 {
		v.add("ResponseMargin", fmt.Sprintf("%v is negative", v.ResponseMargin), "")
	}
	if v.EnvelopeSize != 0 && v.EnvelopeSize < minEnvelopeSize {
		v.add("EnvelopeSize", fmt.Sprintf("%d is less than %d", v.EnvelopeSize, minEnvelopeSize), "")
	}
	if v.MaxConnections < 0 {
		v.add("MaxConnections", fmt.Sprintf("%d is negative", v.MaxConnections), "")
	}
}

// hostName is a DNS name. Names of other scripts must be in their ASCII form (RFC 5891); Windows computers may have an underscore.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?)*\.?$`)

// checkAddress accepts a DNS name or an IP address, and nothing that could change the meaning of a URL or a header.
func (v *validator) checkAddress() {
	address := v.Address
	if address == "" {
		return
	}
	if strings.HasPrefix(address, "[") && strings.HasSuffix(address, "]") {
		address = address[1 : len(address)-1]
	}
	if ip, err := netip.ParseAddr(address); err == nil && (ip.Zone() == "" || hostName.MatchString(ip.Zone())) {
		return
	}
	if len(address) <= 253 && hostName.MatchString(address) {
		return
	}
	reason := fmt.Sprintf("%q is not a DNS name or IP address", v.Address)
	if host, port, err := net.SplitHostPort(v.Address); err == nil && hostName.MatchString(host) {
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			v.add("Address", reason, "set the address to "+host+" and the port to "+port)
			return
		}
	}
	v.add("Address", reason, "leave out scheme, user name, port and path")
}

// checkProxy does not repeat the URL in its problems: it may contain a password.
func (v *validator) checkProxy() {
	if v.Proxy == "" {
		return
	}
	u, err := url.Parse(v.Proxy)
	switch {
	case err != nil || u.Hostname() == "":
		v.add("Proxy", "is not a valid URL", "use the form http://proxy.example:3128; write special characters of user name and password as %XX")
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5":
		v.add("Proxy", fmt.Sprintf("scheme %q is not supported", u.Scheme), "use http, https or socks5")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		v.add("Proxy", "contains a path, query or fragment", "remove everything after the port")
	}
}

func (v *validator) checkAuth() {
	switch v.Auth {
	case AuthNTLM:
		v.require("Username", v.Username)
		v.require("Password", v.Password)
	case AuthBasic:
		if !v.AllowClearBasic {
			v.requireTLS("basic authentication without TLS sends the password in clear text", "use TLS or NTLM")
		}
		v.require("Username", v.Username)
		v.require("Password", v.Password)
		if strings.Contains(v.Username, ":") {
			v.add("Username", "contains a colon, which basic authentication does not support", "")
		}
	case AuthKerberos:
		v.requireTLS("Kerberos authentication requires TLS: message encryption over HTTP is implemented for NTLM only", "use TLS or NTLM")
		v.checkKerberos()
	case AuthCertificate:
		v.requireTLS("certificate authentication requires TLS", "use TLS")
		v.checkCertificate()
	default:
		v.add("Auth", fmt.Sprintf("%q is not a supported authentication method", v.Auth),
			fmt.Sprintf("use %q, %q, %q or %q", AuthNTLM, AuthKerberos, AuthCertificate, AuthBasic))
	}
}

func (v *validator) checkKerberos() {
	if v.Password != "" {
		v.require("Username", v.Username)
		if v.Kerberos.CCache != "" {
			v.add("Kerberos.CCache", "conflicts with Password", "set one of them")
		}
	}
	if _, realm, found := strings.Cut(v.Username, "@"); found && v.Kerberos.Realm != "" && !strings.EqualFold(realm, v.Kerberos.Realm) {
		v.add("Kerberos.Realm", fmt.Sprintf("%q conflicts with the realm %q of the user name", v.Kerberos.Realm, realm), "set one of them")
	}
}

func (v *validator) checkCertificate() {
	v.require("ClientCert", string(v.ClientCert))
	v.require("ClientKey", string(v.ClientKey))
	if len(v.ClientCert) == 0 || len(v.ClientKey) == 0 {
		return
	}
	if !hasCertificate(v.ClientCert) {
		v.add("ClientCert", "contains no PEM certificate", "")
		return
	}
	block, _ := pem.Decode(v.ClientKey)
	_, err := tls.X509KeyPair(v.ClientCert, v.ClientKey)
	switch {
	case err == nil:
	case block == nil:
		v.add("ClientKey", "contains no PEM private key", "")
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		v.add("ClientKey", "is encrypted", "decrypt it, for example with openssl pkey")
	default:
		v.add("ClientKey", err.Error(), "")
	}
}

func hasCertificate(text []byte) bool { return x509.NewCertPool().AppendCertsFromPEM(text) }
