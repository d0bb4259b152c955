// SPDX-License-Identifier: MPL-2.0

package kerberos

import (
	"crypto/md5" //nolint:gosec // RFC 4121 4.1.1.2 requires MD5 for channel bindings
	"encoding/binary"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/chksumtype"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"
)

// Token authenticates a client to a service, once.
type Token struct {
	// SPNEGO is the token for the HTTP scheme Negotiate (RFC 4178, RFC 4559).
	SPNEGO []byte
	// GSSAPI is the same token without SPNEGO (RFC 4121), for the HTTP scheme Kerberos.
	GSSAPI []byte

	spn   string
	key   types.EncryptionKey
	ctime time.Time
	cusec int
}

// newToken returns a token with the service ticket.
func (c *Client) newToken(bindings []byte) (*Token, error) {
	authenticator, err := types.NewAuthenticator(c.realm, c.user)
	if err != nil {
		return nil, c.malformed(err)
	}
	// Services reject a second authenticator with the same time in microseconds as a replay.
	now := time.Now().UTC().Truncate(time.Microsecond)
	if !now.After(c.lastTime) {
		now = c.lastTime.Add(time.Microsecond)
	}
	c.lastTime = now
	authenticator.CTime, authenticator.Cusec = now.Truncate(time.Second), now.Nanosecond()/int(time.Microsecond)
	authenticator.Cksum = types.Checksum{CksumType: chksumtype.GSSAPI, Checksum: checksum(bindings)}

	request, err := messages.NewAPReq(c.service.Ticket, c.service.key, authenticator)
	if err != nil {
		return nil, c.malformed(err)
	}
	types.SetFlag(&request.APOptions, flags.APOptionMutualRequired)
	message, err := request.Marshal()
	if err != nil {
		return nil, c.malformed(err)
	}
	mechanism, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	if err != nil {
		return nil, c.malformed(err)
	}
	// RFC 4121 4.1: the mechanism, 01 00 for AP-REQ, and the AP-REQ.
	inner := asn1tools.AddASNAppTag(append(append(mechanism, 1, 0), message...), 0)
	outer := spnego.SPNEGOToken{Init: true, NegTokenInit: spnego.NegTokenInit{
		MechTypes: []asn1.ObjectIdentifier{gssapi.OIDKRB5.OID()}, MechTokenBytes: inner,
	}}
	encoded, err := outer.Marshal()
	if err != nil {
		return nil, c.malformed(err)
	}
	return &Token{SPNEGO: encoded, GSSAPI: inner, spn: c.options.SPN, key: c.service.key, ctime: authenticator.CTime, cusec: authenticator.Cusec}, nil
}

// checksum returns the checksum field of RFC 4121 4.1.1: the hash of the channel bindings, or zeros, and the context flags.
func checksum(bindings []byte) []byte {
	field := make([]byte, 24)
	binary.LittleEndian.PutUint32(field, md5.Size)
	if bindings != nil {
		var addresses [16]byte                                                        // no initiator and acceptor addresses
		data := binary.LittleEndian.AppendUint32(addresses[:], uint32(len(bindings))) //nolint:gosec // less than 100 bytes
		sum := md5.Sum(append(data, bindings...))                                     //nolint:gosec // see the import
		copy(field[4:], sum[:])
	}
	binary.LittleEndian.PutUint32(field[20:], gssapi.ContextFlagMutual|gssapi.ContextFlagInteg)
	return field
}

// Verify verifies that the service's reply to the token proves that the service could decrypt the ticket, so that it is the one
// for which the ticket was issued. The reply is in the form of the token that was sent. If the reply is an error message, Verify returns an *[Error] with the service's reason.
func (t *Token) Verify(reply []byte) error {
	return recoverPanic(func() error {
		var inner spnego.KRB5Token
		var outer spnego.SPNEGOToken
		if err := outer.Unmarshal(reply); err == nil && outer.Resp {
			reply = outer.NegTokenResp.ResponseToken
		}
		if err := inner.Unmarshal(reply); err != nil {
			return notVerified("reply contains no Kerberos token")
		}
		if inner.IsKRBError() {
			return newError(inner.KRBError, t.spn)
		}
		if !inner.IsAPRep() || outer.Resp && outer.NegTokenResp.State() == spnego.NegStateReject {
			return notVerified("token is rejected")
		}
		plain, err := crypto.DecryptEncPart(inner.APRep.EncPart, t.key, keyusage.AP_REP_ENCPART)
		if err != nil {
			return notVerified("reply is not encrypted with the ticket's key")
		}
		var part messages.EncAPRepPart
		if err := part.Unmarshal(plain); err != nil {
			return notVerified("reply is malformed")
		}
		if !part.CTime.Equal(t.ctime) || part.Cusec != t.cusec {
			return notVerified("reply belongs to another token")
		}
		return nil
	})
}

func notVerified(reason string) *Error {
	return &Error{Reason: reason, Remedy: "make sure that this is the intended host and that the connection is not intercepted"}
}
