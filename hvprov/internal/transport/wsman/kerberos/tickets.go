// SPDX-License-Identifier: MPL-2.0

package kerberos

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

const (
	// maxIterations bounds the work that a KDC, which has not proved itself yet, may ask for to derive a key; 4,096 is usual.
	maxIterations = 1 << 20
	// maxReferrals bounds the realms that a ticket for a service is sought in.
	maxReferrals = 5
)

// logIn obtains a TGT with the password. It proves to know the password once, and only when the KDC asks for it.
func (c *Client) logIn(ctx context.Context) (*ticket, error) {
	request, err := messages.NewASReqForTGT(c.realm, c.config, c.user)
	if err != nil {
		return nil, c.malformed(err)
	}
	for proved := false; ; proved = true {
		message, err := request.Marshal()
		if err != nil {
			return nil, c.malformed(err)
		}
		answer, refused, err := c.exchange(ctx, c.realm, message)
		switch {
		case err != nil:
			return nil, err
		case refused == nil:
			return c.accept(answer, request)
		case refused.ErrorCode != errorcode.KDC_ERR_PREAUTH_REQUIRED || proved:
			return nil, c.refusal(c.realm, *refused)
		}
		proof, err := c.proof(*refused)
		if err != nil {
			return nil, c.malformed(err)
		}
		request.PAData = types.PADataSequence{proof}
	}
}

// proof is the time, encrypted with the key that follows from the password in the way that the KDC's error says.
func (c *Client) proof(wanted messages.KRBError) (types.PAData, error) {
	var none types.PAData
	var hints types.PADataSequence
	if err := hints.Unmarshal(wanted.EData); err != nil {
		return none, err
	}
	kind, err := c.encryption(hints)
	if err != nil {
		return none, err
	}
	key, _, err := crypto.GetKeyFromPassword(c.options.Password, c.user, c.realm, kind, hints)
	if err != nil {
		return none, err
	}
	stamp, err := types.GetPAEncTSEncAsnMarshalled()
	if err != nil {
		return none, err
	}
	sealed, err := crypto.GetEncryptedData(stamp, key, keyusage.AS_REQ_PA_ENC_TIMESTAMP, 0)
	if err != nil {
		return none, err
	}
	value, err := sealed.Marshal()
	return types.PAData{PADataType: patype.PA_ENC_TIMESTAMP, PADataValue: value}, err
}

// encryption is the type that the KDC wants, if it is one that was offered.
func (c *Client) encryption(hints types.PADataSequence) (int32, error) {
	for _, hint := range hints {
		if hint.PADataType != patype.PA_ETYPE_INFO2 {
			continue
		}
		info, err := hint.GetETypeInfo2()
		if err != nil || len(info) == 0 {
			return 0, errors.New("what it wants as a proof of the password cannot be read")
		}
		if !slices.Contains(c.config.LibDefaults.DefaultTktEnctypeIDs, info[0].EType) {
			return 0, fmt.Errorf("it wants encryption type %d, which krb5.conf does not permit", info[0].EType)
		}
		if p := info[0].S2KParams; len(p) == 4 && binary.BigEndian.Uint32(p)-1 >= maxIterations {
			return 0, fmt.Errorf("it asks for more than %d rounds to derive a key", maxIterations)
		}
		return info[0].EType, nil
	}
	return 0, errors.New("it wants a proof of the password in a way that is not known here")
}

// accept takes the TGT out of the answer to a login.
func (c *Client) accept(answer []byte, request messages.ASReq) (*ticket, error) {
	var reply messages.ASRep
	if err := reply.Unmarshal(answer); err != nil {
		return nil, c.malformed(err)
	}
	if hints := types.PADataSequence(reply.PAData); hints.Contains(patype.PA_ETYPE_INFO2) {
		if _, err := c.encryption(hints); err != nil {
			return nil, c.malformed(err)
		}
	}
	user := credentials.NewFromPrincipalName(c.user, c.realm).WithPassword(c.options.Password)
	if good, err := reply.Verify(c.config, user, request); !good {
		part := reply.DecryptedEncPart
		switch {
		case part.Nonce == 0: // it could not be decrypted, and the KDC did not ask for a proof before
			return nil, c.refusal(c.realm, messages.KRBError{ErrorCode: errorcode.KRB_AP_ERR_BAD_INTEGRITY})
		case c.far(part.AuthTime):
			return nil, c.refusal(c.realm, messages.KRBError{ErrorCode: errorcode.KRB_AP_ERR_SKEW, STime: part.AuthTime})
		}
		return nil, c.malformed(err)
	}
	part := reply.DecryptedEncPart
	return &ticket{Ticket: reply.Ticket, key: part.Key, end: part.EndTime, renewTill: part.RenewTill}, nil
}

// serviceTicket obtains a ticket for the service. Where the service is in another realm, KDCs give tickets for realms on the
// way to it (RFC 6806).
func (c *Client) serviceTicket(ctx context.Context) (*ticket, error) {
	name, realm := types.ParseSPNString(c.options.SPN)
	name.NameType = nametype.KRB_NT_SRV_INST
	if realm == "" {
		realm = c.config.ResolveRealm(name.NameString[len(name.NameString)-1])
	}
	granter, at := c.granter, c.realm
	if realm != "" && realm != at {
		next, err := c.ask(ctx, granter, at, types.NewPrincipalName(nametype.KRB_NT_SRV_INST, "krbtgt/"+realm), false)
		if err != nil {
			return nil, err
		}
		granter, at = next, referred(next)
	}
	for range maxReferrals {
		got, err := c.ask(ctx, granter, at, name, false)
		if err != nil {
			return nil, err
		}
		if got.SName.NameString[0] != "krbtgt" {
			return got, nil
		}
		granter, at = got, referred(got)
	}
	return nil, &Error{By: "KDC of realm " + at, Reason: "it refers to another realm once more", Remedy: "check the domain_realm of krb5.conf"}
}

// referred is the realm that a TGT is for.
func referred(tgt *ticket) string { return tgt.SName.NameString[len(tgt.SName.NameString)-1] }

// ask obtains a ticket from a realm's KDC, in exchange for a TGT of that realm, or renews one.
func (c *Client) ask(ctx context.Context, granter *ticket, realm string, name types.PrincipalName, renew bool) (*ticket, error) {
	// Only here: with it set, a KDC may answer a login for another name than the one asked for.
	canonical := *c.config
	canonical.LibDefaults.Canonicalize = true
	request, err := messages.NewTGSReq(c.user, realm, &canonical, granter.Ticket, granter.key, name, renew)
	if err != nil {
		return nil, c.malformed(err)
	}
	message, err := request.Marshal()
	if err != nil {
		return nil, c.malformed(err)
	}
	answer, refused, err := c.exchange(ctx, realm, message)
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return nil, c.refusal(realm, *refused)
	}
	var reply messages.TGSRep
	if err := reply.Unmarshal(answer); err != nil {
		return nil, c.malformed(err)
	}
	if err := reply.DecryptEncPart(granter.key); err != nil {
		return nil, c.malformed(err)
	}
	if good, err := reply.Verify(&canonical, request); !good {
		return nil, c.malformed(err)
	}
	part := reply.DecryptedEncPart
	return &ticket{Ticket: reply.Ticket, key: part.Key, end: part.EndTime, renewTill: part.RenewTill}, nil
}
