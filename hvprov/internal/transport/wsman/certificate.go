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

// certificateScheme stands in the Authorization header of requests whose account follows from the TLS connection's client
// certificate, as DSP0226 C.3.3 has it.
const certificateScheme = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"

// withClientCertificate prepares TLS for a client certificate. Windows asks for it when it has read the first request, by
// beginning TLS anew. TLS 1.3 has no such thing, and its own way to ask late is none that crypto/tls knows: hosts that speak 1.3
// break the connection then (Server 2022, with every client). So it is 1.2.
func withClientCertificate(c settings, config *tls.Config) {
	pair, err := tls.X509KeyPair(c.ClientCert, c.ClientKey)
	if err != nil {
		return // NewClient has seen that they are good
	}
	config.Certificates = []tls.Certificate{pair}
	config.MaxVersion = tls.VersionTLS12
	config.Renegotiation = tls.RenegotiateOnceAsClient
}

// present gives the TLS configuration for this lane. The certificate is given to whatever host asks for one, and not only where
// it fits the host's list of authorities: it is for the host to refuse it, with a reason.
func (l *lane) present(config *tls.Config) *tls.Config {
	if len(config.Certificates) == 0 {
		return config
	}
	config = config.Clone()
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		l.asked = true
		return &config.Certificates[0], nil
	}
	return config
}

// rejected makes an AuthError of an alert by which the host rejects the client certificate within TLS. It may come in the
// handshake or in place of an answer.
func (l *lane) rejected(err error) error {
	var remote *net.OpError
	if l.client.cfg.Auth != winrm.AuthCertificate || !errors.As(err, &remote) || remote.Op != "remote error" {
		return err
	}
	alert := remote.Err.Error() // the type of alerts is not exported
	if !strings.Contains(alert, "certificate") && !strings.Contains(alert, "access denied") {
		return err
	}
	e := &AuthError{Host: l.client.cfg.hostPort, Auth: winrm.AuthCertificate, Username: l.subject()}
	e.Reason = fmt.Sprintf("it rejects the client certificate (%s)", alert)
	e.Remedy = "check that the host trusts the authority that issued it, and that it is for client authentication"
	l.explainValidity(e)
	return l.refuse(e)
}

// explainCertificate says why a host may have refused a request that came with a client certificate.
func (l *lane) explainCertificate(a *answer, e *AuthError) {
	e.Username = l.subject()
	switch {
	case !l.asked:
		e.Reason = "the host did not ask for the client certificate"
		e.Remedy = `enable it there: Set-Item WSMan:\localhost\Service\Auth\Certificate $true`
	case a.status == http.StatusForbidden:
		e.Reason = "the client certificate is not accepted (HTTP 403)"
		e.Remedy = "check that the host trusts the authority that issued it, and that it is for client authentication"
	default:
		e.Reason = "the client certificate is mapped to no account, or the account is locked, expired or not allowed, or its password was changed"
		e.Remedy = `check subject, issuer and account in WSMan:\localhost\ClientCertificate`
	}
	l.explainValidity(e)
}

// explainValidity puts first what explains it all.
func (l *lane) explainValidity(e *AuthError) {
	leaf := l.leaf()
	if now := time.Now(); leaf != nil && (now.Before(leaf.NotBefore) || now.After(leaf.NotAfter)) {
		const layout = "2006-01-02 15:04 MST"
		e.Reason = fmt.Sprintf("the client certificate is valid from %s to %s only", leaf.NotBefore.Format(layout), leaf.NotAfter.Format(layout))
		e.Remedy = "renew it, and look at this machine's clock"
	}
}

func (l *lane) subject() string {
	if leaf := l.leaf(); leaf != nil {
		return leaf.Subject.String()
	}
	return ""
}

func (l *lane) leaf() *x509.Certificate {
	if config := l.client.tls; config != nil && len(config.Certificates) > 0 {
		return config.Certificates[0].Leaf
	}
	return nil
}
