// SPDX-License-Identifier: MPL-2.0

package ntlm

import (
	"encoding/asn1"
	"fmt"
	"slices"
)

var (
	oidSPNEGO = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 2}
	oidNTLM   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 2, 2, 10}
)

// States of a negotiation (RFC 4178).
const (
	acceptCompleted  = 0
	acceptIncomplete = 1
)

type negTokenInit struct {
	MechTypes   []asn1.ObjectIdentifier `asn1:"explicit,tag:0"`
	ReqFlags    asn1.BitString          `asn1:"explicit,optional,tag:1"`
	MechToken   []byte                  `asn1:"explicit,optional,tag:2"`
	MechListMIC []byte                  `asn1:"explicit,optional,tag:3"`
}

type negTokenResp struct {
	State         asn1.Enumerated       `asn1:"explicit,optional,tag:0,default:-1"`
	SupportedMech asn1.ObjectIdentifier `asn1:"explicit,optional,tag:1"`
	ResponseToken []byte                `asn1:"explicit,optional,tag:2"`
	MechListMIC   []byte                `asn1:"explicit,optional,tag:3"`
}

// Unwrap returns the NTLM message of a Negotiate token, which is either the message itself or SPNEGO with the message.
func Unwrap(token []byte) (message []byte, spnego bool, err error) {
	if Kind(token) != 0 {
		return token, false, nil
	}
	var outer asn1.RawValue
	if _, err := asn1.Unmarshal(token, &outer); err != nil {
		return nil, false, fmt.Errorf("negotiate token: %w", ErrMessage)
	}
	switch {
	case outer.Class == asn1.ClassApplication && outer.Tag == 0:
		var mech asn1.ObjectIdentifier
		rest, err := asn1.Unmarshal(outer.Bytes, &mech)
		if err != nil || !mech.Equal(oidSPNEGO) {
			return nil, true, fmt.Errorf("negotiate token: not SPNEGO: %w", ErrMessage)
		}
		var init negTokenInit
		if _, err := asn1.UnmarshalWithParams(rest, &init, "explicit,tag:0"); err != nil {
			return nil, true, fmt.Errorf("negotiate token: %w", ErrMessage)
		}
		if !slices.ContainsFunc(init.MechTypes, oidNTLM.Equal) {
			return nil, true, fmt.Errorf("negotiate token: NTLM is not offered: %w", ErrMessage)
		}
		return init.MechToken, true, nil
	case outer.Class == asn1.ClassContextSpecific && outer.Tag == 1:
		var resp negTokenResp
		if _, err := asn1.UnmarshalWithParams(token, &resp, "explicit,tag:1"); err != nil {
			return nil, true, fmt.Errorf("negotiate token: %w", ErrMessage)
		}
		return resp.ResponseToken, true, nil
	}
	return nil, false, fmt.Errorf("negotiate token: %w", ErrMessage)
}

// Wrap wraps a server message in SPNEGO. Without a message it returns the token for a successful negotiation.
func Wrap(message []byte) ([]byte, error) {
	resp := negTokenResp{State: acceptIncomplete, SupportedMech: oidNTLM, ResponseToken: message}
	if message == nil {
		resp = negTokenResp{State: acceptCompleted}
	}
	return asn1.MarshalWithParams(resp, "explicit,tag:1")
}
