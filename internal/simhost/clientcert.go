// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net/http"
	"strings"
)

// certificateScheme is the Authorization header of a request that is authenticated by a client certificate.
const certificateScheme = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"

// certificate authenticates the request with the client certificate of the connection.
func (x *exchange) certificate() bool {
	switch {
	case x.server.clientCAs == nil || x.r.TLS == nil:
		x.unauthorized("client certificates are not enabled", "")
		return false
	case len(x.r.TLS.PeerCertificates) == 0:
		x.refuse(http.StatusForbidden, "no client certificate was sent")
		return false
	}
	leaf := x.r.TLS.PeerCertificates[0]
	intermediates := x509.NewCertPool()
	for _, c := range x.r.TLS.PeerCertificates[1:] {
		intermediates.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: x.server.clientCAs, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		x.refuse(http.StatusForbidden, "client certificate: "+err.Error())
		return false
	}
	account, err := x.server.certificateAccount(leaf)
	if err == nil && account.rejection() != "" {
		err = errors.New(account.rejection())
	}
	if err != nil {
		x.unauthorized(err.Error(), "")
		return false
	}
	x.user = account.name
	return true
}

// certificateAccount returns the account that the user principal name of a certificate is mapped to, as on Windows.
func (s *Server) certificateAccount(leaf *x509.Certificate) (credentials, error) {
	upn := principalName(leaf)
	if upn == "" {
		return credentials{}, errors.New("the client certificate has no user principal name")
	}
	for subject, name := range s.opts.Auth.ClientAccounts {
		if !strings.EqualFold(subject, upn) {
			continue
		}
		if account, known := s.account(name); known {
			return account, nil
		}
	}
	return credentials{}, errors.New("the client certificate of " + upn + " is not mapped to an account")
}

var (
	oidAlternativeName = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidPrincipalName   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
)

// principalName returns the user principal name in the alternative names of a certificate, which crypto/x509 does not parse.
func principalName(c *x509.Certificate) string {
	for _, extension := range c.Extensions {
		var names []asn1.RawValue
		if !extension.Id.Equal(oidAlternativeName) {
			continue
		}
		if _, err := asn1.Unmarshal(extension.Value, &names); err != nil {
			return ""
		}
		for _, name := range names {
			var kind asn1.ObjectIdentifier
			var upn string
			if name.Class != asn1.ClassContextSpecific || name.Tag != 0 {
				continue
			}
			rest, err := asn1.Unmarshal(name.Bytes, &kind)
			if err != nil || !kind.Equal(oidPrincipalName) {
				continue
			}
			if _, err := asn1.UnmarshalWithParams(rest, &upn, "explicit,tag:0,utf8"); err == nil {
				return upn
			}
		}
	}
	return ""
}
