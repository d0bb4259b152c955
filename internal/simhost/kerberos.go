// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"crypto/hmac"
	"encoding/base64"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/internal/krb5"
)

// kerberos authenticates the connection with a Kerberos token.
func (x *exchange) kerberos(token []byte, empty bool) bool {
	x.conn.forget()
	client, answer, err := x.server.kerberos.Accept(token)
	if err != nil {
		x.rejectKerberos(err.Error(), answer)
		return false
	}
	name, _, _ := strings.Cut(client.Name, "@")
	account, known := x.server.account(client.Name)
	if !known {
		account, known = x.server.account(name)
	}
	why := account.rejection()
	if !known {
		why = "no such user"
	}
	if why == "" {
		why = x.bindingError(client.Binding)
	}
	if why != "" {
		x.rejectKerberos(why, x.server.kerberos.Refuse(token))
		return false
	}
	x.conn.user, x.user = account.name, account.name
	if answer != nil {
		scheme, _, _ := strings.Cut(x.r.Header.Get("Authorization"), " ")
		x.w.Header().Set("Www-Authenticate", scheme+" "+base64.StdEncoding.EncodeToString(answer))
	}
	return x.accepted(empty)
}

// rejectKerberos answers HTTP 401 with the Kerberos error token, if there is one.
func (x *exchange) rejectKerberos(note string, answer []byte) {
	x.unauthorized(note, base64.StdEncoding.EncodeToString(answer))
}

// bindingError returns what is wrong with a channel binding, or "".
func (x *exchange) bindingError(given []byte) string {
	switch {
	case x.r.TLS == nil:
	case given == nil && x.server.opts.Auth.RequireChannelBinding:
		return "a channel binding is required"
	case given != nil && !hmac.Equal(given, channelBinding(x.server.certHash)):
		return "the channel binding belongs to another connection"
	}
	return ""
}

// isKerberos reports whether a token is a Kerberos token and the host has a keytab.
func (x *exchange) isKerberos(token []byte) bool {
	return x.server.kerberos != nil && krb5.IsToken(token)
}
