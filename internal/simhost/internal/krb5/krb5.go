// SPDX-License-Identifier: MPL-2.0

// Package krb5 implements the service side of Kerberos authentication over HTTP: it accepts Negotiate tokens (RFC 4559, 4178, 4121)
// with the keys of a keytab and answers with a proof of its identity.
package krb5

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/asnAppTag"
	"github.com/jcmturner/gokrb5/v8/iana/chksumtype"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/jcmturner/gokrb5/v8/types"
)

// maxSkew is the maximum difference between the clocks of client and service.
const maxSkew = 5 * time.Minute

// Service accepts tokens. Its methods may be called from many goroutines.
type Service struct {
	keys *keytab.Keytab

	mu   sync.Mutex
	seen map[string]bool // authenticators, to reject replays
}

// NewService returns a service with the keys of a keytab in the format of ktadd.
func NewService(file []byte) (service *Service, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("malformed keytab: %v", r)
		}
	}()
	keys := keytab.New()
	if err := keys.Unmarshal(file); err != nil {
		return nil, fmt.Errorf("keytab: %w", err)
	}
	return &Service{keys: keys, seen: map[string]bool{}}, nil
}

// Client is the authenticated client of a token.
type Client struct {
	// Name is user@REALM.
	Name string
	// Binding is the hash of the channel binding in the token, or nil.
	Binding []byte
}

// IsToken reports whether a token contains a Kerberos token, within SPNEGO or bare.
func IsToken(token []byte) bool {
	_, err := open(token)
	return err == nil
}

// open returns the Kerberos token in a SPNEGO token (scheme Negotiate), or a bare one (scheme Kerberos).
func open(token []byte) (inner spnego.KRB5Token, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("malformed token: %v", r)
		}
	}()
	if isBare(token) {
		return inner, inner.Unmarshal(token)
	}
	var outer spnego.SPNEGOToken
	if err := outer.Unmarshal(token); err != nil {
		return inner, err
	}
	if !outer.Init || !slices.ContainsFunc(outer.NegTokenInit.MechTypes, gssapi.OIDKRB5.OID().Equal) {
		return inner, errors.New("the token does not offer Kerberos")
	}
	if err := inner.Unmarshal(outer.NegTokenInit.MechTokenBytes); err != nil {
		return inner, err
	}
	if !inner.IsAPReq() {
		return inner, errors.New("the token holds no ticket")
	}
	return inner, nil
}

// isBare reports whether a token is one of RFC 4121 without SPNEGO: it begins with the mechanism Kerberos.
func isBare(token []byte) bool {
	mechanism, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	return err == nil && bytes.Contains(token[:min(len(token), len(mechanism)+6)], mechanism)
}

// inFormOf returns an answer in the form of the token that it answers: within SPNEGO, or bare.
func inFormOf(token, answer []byte) []byte {
	var outer spnego.SPNEGOToken
	if !isBare(token) || outer.Unmarshal(answer) != nil {
		return answer
	}
	return outer.NegTokenResp.ResponseToken
}

// Accept verifies a token. It returns the client and the answer: a proof of identity, or with an error the Kerberos error for the
// client.
func (s *Service) Accept(token []byte) (client Client, answer []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("malformed token: %v", r)
		}
		answer = inFormOf(token, answer)
	}()
	inner, err := open(token)
	if err != nil {
		return Client{}, nil, err
	}
	request := inner.APReq
	if _, err := request.Verify(s.keys, maxSkew, types.HostAddress{}, nil); err != nil {
		return Client{}, refuse(request, code(err)), err
	}
	proof := request.Authenticator
	if s.repeated(proof) {
		return Client{}, refuse(request, errorcode.KRB_AP_ERR_REPEAT), errors.New("the authenticator was used before")
	}
	if client.Binding, err = binding(proof.Cksum); err != nil {
		return Client{}, refuse(request, errorcode.KRB_AP_ERR_INAPP_CKSUM), err
	}
	client.Name = proof.CName.PrincipalNameString() + "@" + proof.CRealm
	if !types.IsFlagSet(&request.APOptions, flags.APOptionMutualRequired) {
		return client, nil, nil
	}
	answer, err = accept(request)
	return client, answer, err
}

// Refuse returns the answer to a token of an account that must not log on.
func (s *Service) Refuse(token []byte) []byte {
	inner, err := open(token)
	if err != nil {
		return nil
	}
	return inFormOf(token, refuse(inner.APReq, errorcode.KDC_ERR_CLIENT_REVOKED))
}

func (s *Service) repeated(proof types.Authenticator) bool {
	key := fmt.Sprintf("%s@%s %d.%06d", proof.CName.PrincipalNameString(), proof.CRealm, proof.CTime.Unix(), proof.Cusec)
	s.mu.Lock()
	defer s.mu.Unlock()
	again := s.seen[key]
	s.seen[key] = true
	return again
}

// binding parses the checksum of RFC 4121 4.1.1.
func binding(sum types.Checksum) ([]byte, error) {
	if sum.CksumType != chksumtype.GSSAPI || len(sum.Checksum) < 24 || binary.LittleEndian.Uint32(sum.Checksum) != 16 {
		return nil, errors.New("the checksum of the authenticator is not a GSS-API checksum")
	}
	hash := sum.Checksum[4:20]
	if bytes.Equal(hash, make([]byte, 16)) {
		return nil, nil
	}
	return hash, nil
}

// code returns the error code for the client.
func code(err error) int32 {
	var known messages.KRBError
	if errors.As(err, &known) {
		return known.ErrorCode
	}
	return errorcode.KRB_AP_ERR_MODIFIED // the ticket cannot be decrypted
}

// apRep and encAPRepPart are the messages of RFC 4120 5.5.2, which gokrb5 cannot encode.
type apRep struct {
	PVNO    int                 `asn1:"explicit,tag:0"`
	MsgType int                 `asn1:"explicit,tag:1"`
	EncPart types.EncryptedData `asn1:"explicit,tag:2"`
}

type encAPRepPart struct {
	CTime time.Time `asn1:"generalized,explicit,tag:0"`
	Cusec int       `asn1:"explicit,tag:1"`
}

// accept returns the proof that the service decrypted the ticket: the time of the authenticator, encrypted with its key.
func accept(request messages.APReq) ([]byte, error) {
	part, err := asn1.Marshal(encAPRepPart{request.Authenticator.CTime, request.Authenticator.Cusec})
	if err != nil {
		return nil, err
	}
	part = asn1tools.AddASNAppTag(part, asnAppTag.EncAPRepPart)
	sealed, err := crypto.GetEncryptedData(part, request.Ticket.DecryptedEncPart.Key, keyusage.AP_REP_ENCPART, 0)
	if err != nil {
		return nil, err
	}
	message, err := asn1.Marshal(apRep{PVNO: 5, MsgType: msgtype.KRB_AP_REP, EncPart: sealed})
	if err != nil {
		return nil, err
	}
	return wrap(spnego.NegStateAcceptCompleted, 2, asn1tools.AddASNAppTag(message, asnAppTag.APREP))
}

// refuse returns the Kerberos error for a token.
func refuse(request messages.APReq, code int32) []byte {
	e := messages.NewKRBError(request.Ticket.SName, request.Ticket.Realm, code, "")
	message, err := e.Marshal()
	if err != nil {
		return nil
	}
	answer, err := wrap(spnego.NegStateReject, 3, message)
	if err != nil {
		return nil
	}
	return answer
}

// wrap wraps a message of a kind (RFC 4121 4.1) in SPNEGO.
func wrap(state spnego.NegState, kind byte, message []byte) ([]byte, error) {
	mechanism, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	if err != nil {
		return nil, err
	}
	inner := append(append(mechanism, kind, 0), message...)
	outer := spnego.NegTokenResp{
		NegState: asn1.Enumerated(state), SupportedMech: gssapi.OIDKRB5.OID(), ResponseToken: asn1tools.AddASNAppTag(inner, 0),
	}
	return outer.Marshal()
}
