// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"crypto/hmac"
	"encoding/base64"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/simhost/internal/krb5"
)

// kerberos takes a token of Kerberos, which authenticates its connection.
func (x *exchange) kerberos(token []byte, empty bool) bool {
	x.conn.forget()
	client, answer, err := x.server.kerberos.Accept(token)
	if err != nil {
		x.rejected(err.Error(), answer)
		return false
	}
	name, _, _ := strings.Cut(client.Name, "@")
	account, known := x.server.account(client.Name)
	if !known {
		account, known = x.server.account(name)
	}
	why := account.refused()
	if !known {
		why = "no such user"
	}
	if why == "" {
		why = x.wrongBinding(client.Binding)
	}
	if why != "" {
		x.rejected(why, x.server.kerberos.Refuse(token))
		return false
	}
	x.conn.user, x.user = account.name, account.name
	if answer != nil {
		x.w.Header().Set("Www-Authenticate", "Negotiate "+base64.StdEncoding.EncodeToString(answer))
	}
	return x.accepted(empty)
}

// rejected answers HTTP 401, with the reason where Kerberos has one.
func (x *exchange) rejected(note string, answer []byte) {
	x.unauthorized(note, base64.StdEncoding.EncodeToString(answer))
}

// wrongBinding says what is wrong with a channel binding, if anything is.
func (x *exchange) wrongBinding(given []byte) string {
	switch {
	case x.r.TLS == nil:
	case given == nil && x.server.opts.Auth.RequireChannelBinding:
		return "a channel binding is required"
	case given != nil && !hmac.Equal(given, channelBinding(x.server.certHash)):
		return "the channel binding is that of another connection"
	}
	return ""
}

// isKerberos tells whether a token is for Kerberos, and the host has a keytab to read it with.
func (x *exchange) isKerberos(token []byte) bool {
	return x.server.kerberos != nil && krb5.IsToken(token)
}
