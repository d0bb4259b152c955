// SPDX-License-Identifier: MPL-2.0

package kerberos

import (
	"crypto/md5" //nolint:gosec // RFC 4121 4.1.1.2 has channel bindings hashed so
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

// Token is what a client sends to a service to prove itself, once.
type Token struct {
	// Bytes are the token, in SPNEGO's form (RFC 4178).
	Bytes []byte

	spn   string
	key   types.EncryptionKey
	ctime time.Time
	cusec int
}

// newToken makes a token with the ticket at hand.
func (c *Client) newToken(bindings []byte) (*Token, error) {
	proof, err := types.NewAuthenticator(c.realm, c.user)
	if err != nil {
		return nil, c.malformed(err)
	}
	// Services refuse a second authenticator of the same microsecond as a repetition of the first.
	now := time.Now().UTC().Truncate(time.Microsecond)
	if !now.After(c.last) {
		now = c.last.Add(time.Microsecond)
	}
	c.last = now
	proof.CTime, proof.Cusec = now.Truncate(time.Second), now.Nanosecond()/int(time.Microsecond)
	proof.Cksum = types.Checksum{CksumType: chksumtype.GSSAPI, Checksum: checksum(bindings)}

	request, err := messages.NewAPReq(c.service.Ticket, c.service.key, proof)
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
	// RFC 4121 4.1: the mechanism, 01 00 for AP-REQ, and that.
	inner := append(append(mechanism, 1, 0), message...)
	outer := spnego.SPNEGOToken{Init: true, NegTokenInit: spnego.NegTokenInit{
		MechTypes: []asn1.ObjectIdentifier{gssapi.OIDKRB5.OID()}, MechTokenBytes: asn1tools.AddASNAppTag(inner, 0),
	}}
	encoded, err := outer.Marshal()
	if err != nil {
		return nil, c.malformed(err)
	}
	return &Token{Bytes: encoded, spn: c.options.SPN, key: c.service.key, ctime: proof.CTime, cusec: proof.Cusec}, nil
}

// checksum is the field of RFC 4121 4.1.1: the hash of the channel bindings, or zeros, and what is asked for.
func checksum(bindings []byte) []byte {
	field := make([]byte, 24)
	binary.LittleEndian.PutUint32(field, md5.Size)
	if bindings != nil {
		var data [16]byte                                                             // no addresses, of either side
		described := binary.LittleEndian.AppendUint32(data[:], uint32(len(bindings))) //nolint:gosec // some dozen
		sum := md5.Sum(append(described, bindings...))                                //nolint:gosec // as above
		copy(field[4:], sum[:])
	}
	binary.LittleEndian.PutUint32(field[20:], gssapi.ContextFlagMutual|gssapi.ContextFlagInteg)
	return field
}

// Verify proves by the service's answer to the token that the service could read it, and so is the one that the ticket is for.
// An answer that refuses gives an *[Error] with the service's reason.
func (t *Token) Verify(answer []byte) error {
	return guard(func() error {
		var outer spnego.SPNEGOToken
		if err := outer.Unmarshal(answer); err != nil || !outer.Resp {
			return unproven("its answer is no SPNEGO token")
		}
		var inner spnego.KRB5Token
		if err := inner.Unmarshal(outer.NegTokenResp.ResponseToken); err != nil {
			return unproven("its answer holds no token of Kerberos")
		}
		if inner.IsKRBError() {
			return explain(inner.KRBError, t.spn)
		}
		if !inner.IsAPRep() || outer.NegTokenResp.State() == spnego.NegStateReject {
			return unproven("it rejects the token")
		}
		plain, err := crypto.DecryptEncPart(inner.APRep.EncPart, t.key, keyusage.AP_REP_ENCPART)
		if err != nil {
			return unproven("its answer is not encrypted with the ticket's key")
		}
		var part messages.EncAPRepPart
		if err := part.Unmarshal(plain); err != nil {
			return unproven("its answer is malformed")
		}
		if !part.CTime.Equal(t.ctime) || part.Cusec != t.cusec {
			return unproven("it answers another token")
		}
		return nil
	})
}

func unproven(reason string) *Error {
	return &Error{Reason: reason, Remedy: "make sure that this is the host that was meant, and no one stands between"}
}
