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
	// maxIterations limits the iterations that an unauthenticated KDC can request for deriving a key. 4,096 is usual.
	maxIterations = 1 << 20
	// maxReferrals is the maximum number of realms in which a service is looked up.
	maxReferrals = 5
)

// login obtains a TGT with the password. It sends preauthentication data once, and only if the KDC requires it.
func (c *Client) login(ctx context.Context) (*ticket, error) {
	request, err := messages.NewASReqForTGT(c.realm, c.config, c.user)
	if err != nil {
		return nil, c.malformed(err)
	}
	for preauthenticated := false; ; preauthenticated = true {
		message, err := request.Marshal()
		if err != nil {
			return nil, c.malformed(err)
		}
		reply, refused, err := c.exchange(ctx, c.realm, message)
		switch {
		case err != nil:
			return nil, err
		case refused == nil:
			return c.parseASReply(reply, request)
		case refused.ErrorCode != errorcode.KDC_ERR_PREAUTH_REQUIRED || preauthenticated:
			return nil, c.kdcError(c.realm, *refused)
		}
		timestamp, err := c.encryptedTimestamp(*refused)
		if err != nil {
			return nil, c.malformed(err)
		}
		request.PAData = types.PADataSequence{timestamp}
	}
}

// encryptedTimestamp returns the preauthentication data for a KDC's error: the time, encrypted with a key that is derived from the
// password.
func (c *Client) encryptedTimestamp(required messages.KRBError) (types.PAData, error) {
	var none types.PAData
	var hints types.PADataSequence
	if err := hints.Unmarshal(required.EData); err != nil {
		return none, err
	}
	etype, err := c.encryptionType(hints)
	if err != nil {
		return none, err
	}
	key, _, err := crypto.GetKeyFromPassword(c.options.Password, c.user, c.realm, etype, hints)
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

// encryptionType returns the encryption type that the KDC requires, or an error if the configuration does not permit it.
func (c *Client) encryptionType(hints types.PADataSequence) (int32, error) {
	for _, hint := range hints {
		if hint.PADataType != patype.PA_ETYPE_INFO2 {
			continue
		}
		info, err := hint.GetETypeInfo2()
		if err != nil || len(info) == 0 {
			return 0, errors.New("malformed preauthentication hint")
		}
		if !slices.Contains(c.config.LibDefaults.DefaultTktEnctypeIDs, info[0].EType) {
			return 0, fmt.Errorf("encryption type %d is required, which krb5.conf does not permit", info[0].EType)
		}
		if p := info[0].S2KParams; len(p) == 4 && binary.BigEndian.Uint32(p)-1 >= maxIterations {
			return 0, fmt.Errorf("more than %d iterations for key derivation are required", maxIterations)
		}
		return info[0].EType, nil
	}
	return 0, errors.New("required preauthentication method is not supported")
}

// parseASReply returns the TGT of a reply to a login.
func (c *Client) parseASReply(message []byte, request messages.ASReq) (*ticket, error) {
	var reply messages.ASRep
	if err := reply.Unmarshal(message); err != nil {
		return nil, c.malformed(err)
	}
	if hints := types.PADataSequence(reply.PAData); hints.Contains(patype.PA_ETYPE_INFO2) {
		if _, err := c.encryptionType(hints); err != nil {
			return nil, c.malformed(err)
		}
	}
	user := credentials.NewFromPrincipalName(c.user, c.realm).WithPassword(c.options.Password)
	if valid, err := reply.Verify(c.config, user, request); !valid {
		part := reply.DecryptedEncPart
		switch {
		case part.Nonce == 0: // decryption failed: the password is wrong, and no preauthentication was required
			return nil, c.kdcError(c.realm, messages.KRBError{ErrorCode: errorcode.KRB_AP_ERR_BAD_INTEGRITY})
		case c.isSkewed(part.AuthTime):
			return nil, c.kdcError(c.realm, messages.KRBError{ErrorCode: errorcode.KRB_AP_ERR_SKEW, STime: part.AuthTime})
		}
		return nil, c.malformed(err)
	}
	part := reply.DecryptedEncPart
	return &ticket{Ticket: reply.Ticket, key: part.Key, end: part.EndTime, renewTill: part.RenewTill}, nil
}

// serviceTicket obtains a ticket for the service. If the service is in another realm, the KDCs refer to it with TGTs for the realms
// on the path (RFC 6806).
func (c *Client) serviceTicket(ctx context.Context) (*ticket, error) {
	name, realm := types.ParseSPNString(c.options.SPN)
	name.NameType = nametype.KRB_NT_SRV_INST
	if realm == "" {
		realm = c.config.ResolveRealm(name.NameString[len(name.NameString)-1])
	}
	tgt, tgtRealm := c.tgt, c.realm
	if realm != "" && realm != tgtRealm {
		next, err := c.requestTicket(ctx, tgt, tgtRealm, types.NewPrincipalName(nametype.KRB_NT_SRV_INST, "krbtgt/"+realm), false)
		if err != nil {
			return nil, err
		}
		tgt, tgtRealm = next, referredRealm(next)
	}
	for range maxReferrals {
		next, err := c.requestTicket(ctx, tgt, tgtRealm, name, false)
		if err != nil {
			return nil, err
		}
		if next.SName.NameString[0] != "krbtgt" {
			return next, nil
		}
		tgt, tgtRealm = next, referredRealm(next)
	}
	return nil, &Error{By: "KDC of realm " + tgtRealm, Reason: "too many referrals to other realms", Remedy: "check the domain_realm of krb5.conf"}
}

// referredRealm returns the realm for which a TGT is valid.
func referredRealm(tgt *ticket) string { return tgt.SName.NameString[len(tgt.SName.NameString)-1] }

// requestTicket requests a ticket from a realm's KDC with a TGT for that realm, or renews a ticket.
func (c *Client) requestTicket(ctx context.Context, tgt *ticket, realm string, name types.PrincipalName, renew bool) (*ticket, error) {
	// Not for logins: with this flag a KDC may reply to a login for another name.
	canonical := *c.config
	canonical.LibDefaults.Canonicalize = true
	request, err := messages.NewTGSReq(c.user, realm, &canonical, tgt.Ticket, tgt.key, name, renew)
	if err != nil {
		return nil, c.malformed(err)
	}
	message, err := request.Marshal()
	if err != nil {
		return nil, c.malformed(err)
	}
	response, refused, err := c.exchange(ctx, realm, message)
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return nil, c.kdcError(realm, *refused)
	}
	var reply messages.TGSRep
	if err := reply.Unmarshal(response); err != nil {
		return nil, c.malformed(err)
	}
	if err := reply.DecryptEncPart(tgt.key); err != nil {
		return nil, c.malformed(err)
	}
	if valid, err := reply.Verify(&canonical, request); !valid {
		return nil, c.malformed(err)
	}
	part := reply.DecryptedEncPart
	return &ticket{Ticket: reply.Ticket, key: part.Key, end: part.EndTime, renewTill: part.RenewTill}, nil
}
