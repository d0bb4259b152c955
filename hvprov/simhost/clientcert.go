// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net/http"
	"strings"
)

// certificateScheme is what the Authorization header of a request holds whose account follows from a client certificate.
const certificateScheme = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"

// certificate finds the account that the connection's client certificate is mapped to.
func (x *exchange) certificate() bool {
	switch {
	case x.server.clientCAs == nil || x.r.TLS == nil:
		x.unauthorized("client certificates are not served", "")
		return false
	case len(x.r.TLS.PeerCertificates) == 0:
		x.refuse(http.StatusForbidden, "no client certificate was given")
		return false
	}
	leaf := x.r.TLS.PeerCertificates[0]
	between := x509.NewCertPool()
	for _, c := range x.r.TLS.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: x.server.clientCAs, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		x.refuse(http.StatusForbidden, "the client certificate: "+err.Error())
		return false
	}
	account, err := x.server.mapped(leaf)
	if err == nil && account.refused() != "" {
		err = errors.New(account.refused())
	}
	if err != nil {
		x.unauthorized(err.Error(), "")
		return false
	}
	x.user = account.name
	return true
}

// mapped finds the account of a certificate by the user principal name that it bears, as Windows does.
func (s *Server) mapped(leaf *x509.Certificate) (credentials, error) {
	upn := principalName(leaf)
	if upn == "" {
		return credentials{}, errors.New("the client certificate bears no user principal name")
	}
	for subject, name := range s.opts.Auth.ClientAccounts {
		if !strings.EqualFold(subject, upn) {
			continue
		}
		if account, known := s.account(name); known {
			return account, nil
		}
	}
	return credentials{}, errors.New("the client certificate of " + upn + " is mapped to no account")
}

var (
	oidAlternativeName = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidPrincipalName   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 20, 2, 3}
)

// principalName is the user principal name among a certificate's alternative names, which crypto/x509 does not read.
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
