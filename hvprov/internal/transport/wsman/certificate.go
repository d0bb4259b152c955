// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// certificateScheme is the Authorization header of requests that the TLS client certificate authenticates (DSP0226 C.3.3).
const certificateScheme = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"

// addClientCertificate adds the client certificate to a TLS configuration. Windows requests the certificate after it has read
// the first HTTP request, by TLS renegotiation. TLS 1.3 has no renegotiation, and crypto/tls does not support its
// post-handshake authentication: hosts with TLS 1.3 close the connection then (Server 2022 does so with every client). The
// version is therefore limited to 1.2.
func addClientCertificate(c settings, config *tls.Config) {
	pair, err := tls.X509KeyPair(c.ClientCert, c.ClientKey)
	if err != nil {
		return // validated in NewClient
	}
	config.Certificates = []tls.Certificate{pair}
	config.MaxVersion = tls.VersionTLS12
	config.Renegotiation = tls.RenegotiateOnceAsClient
}

// clientTLS returns the TLS configuration for this connection. It sends the certificate to any host that requests one, also if
// the host's list of CAs does not contain its issuer, so that the host can refuse it with a reason.
func (cn *conn) clientTLS(config *tls.Config) *tls.Config {
	if len(config.Certificates) == 0 {
		return config
	}
	config = config.Clone()
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		cn.certRequested = true
		return &config.Certificates[0], nil
	}
	return config
}

// certificateError returns an AuthError if err is a TLS alert by which the host rejects the client certificate, or else err. The
// alert may arrive during the handshake or in place of a response.
func (cn *conn) certificateError(err error) error {
	var remote *net.OpError
	if cn.client.cfg.Auth != winrm.AuthCertificate || !errors.As(err, &remote) || remote.Op != "remote error" {
		return err
	}
	alert := remote.Err.Error() // crypto/tls does not export the type of received alerts
	if !strings.Contains(alert, "certificate") && !strings.Contains(alert, "access denied") {
		return err
	}
	e := &AuthError{Host: cn.client.cfg.hostPort, Auth: winrm.AuthCertificate, Username: cn.subject()}
	e.Reason = fmt.Sprintf("the host rejects the client certificate (%s)", alert)
	e.Remedy = "check that the host trusts the issuing CA, and that the certificate allows client authentication"
	cn.explainValidity(e)
	return cn.reject(e)
}

// explainCertificate sets the reason for which the host refused a request with a client certificate.
func (cn *conn) explainCertificate(r *response, e *AuthError) {
	e.Username = cn.subject()
	switch {
	case !cn.certRequested:
		e.Reason = "the host did not request the client certificate"
		e.Remedy = `enable certificate authentication on the host: Set-Item WSMan:\localhost\Service\Auth\Certificate $true`
	case r.status == http.StatusForbidden:
		e.Reason = "the client certificate is not accepted (HTTP 403)"
		e.Remedy = "check that the host trusts the issuing CA, and that the certificate allows client authentication"
	default:
		e.Reason = "the client certificate is mapped to no account, or the account is locked, expired or not allowed, or its password was changed"
		e.Remedy = `check subject, issuer and account in WSMan:\localhost\ClientCertificate`
	}
	cn.explainValidity(e)
}

// explainValidity replaces the reason if the certificate has expired or is not valid yet.
func (cn *conn) explainValidity(e *AuthError) {
	leaf := cn.clientCertificate()
	if now := time.Now(); leaf != nil && (now.Before(leaf.NotBefore) || now.After(leaf.NotAfter)) {
		const layout = "2006-01-02 15:04 MST"
		e.Reason = fmt.Sprintf("the client certificate is valid from %s to %s only", leaf.NotBefore.Format(layout), leaf.NotAfter.Format(layout))
		e.Remedy = "renew it, and check this machine's clock"
	}
}

// subject returns the subject of the client certificate, or an empty string.
func (cn *conn) subject() string {
	if leaf := cn.clientCertificate(); leaf != nil {
		return leaf.Subject.String()
	}
	return ""
}

// clientCertificate returns the client certificate, or nil.
func (cn *conn) clientCertificate() *x509.Certificate {
	if config := cn.client.tls; config != nil && len(config.Certificates) > 0 {
		return config.Certificates[0].Leaf
	}
	return nil
}
