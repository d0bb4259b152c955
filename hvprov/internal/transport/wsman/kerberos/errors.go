// SPDX-License-Identifier: MPL-2.0

package kerberos

import (
	"fmt"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/messages"
)

// Error tells that there is no ticket, or no proof of the other side, and that asking again will not help.
type Error struct {
	// By is who or what refused: a KDC, a file. It is empty for the service itself.
	By string
	// Code is that of RFC 4120 7.5.9, or 0 where the refusal is not a KDC's or a service's.
	Code int32
	// Reason says what was refused, Remedy what to do.
	Reason, Remedy string
}

// Error says who refused what, and what to do.
func (e *Error) Error() string {
	text := e.Reason
	if e.By != "" {
		text = e.By + ": " + text
	}
	if e.Remedy != "" {
		text += "; " + e.Remedy
	}
	return text
}

// UnreachableError tells that no KDC of a realm answered.
type UnreachableError struct {
	Realm string
	Errs  []error // what happened, for each KDC that was tried
}

// Error says what happened with each KDC.
func (e *UnreachableError) Error() string {
	texts := make([]string, len(e.Errs))
	for i, err := range e.Errs {
		texts[i] = err.Error()
	}
	return fmt.Sprintf("no KDC of realm %s answered: %s; check kdc in krb5.conf, and that its port can be reached", e.Realm, strings.Join(texts, ", "))
}

// Unwrap gives what happened.
func (e *UnreachableError) Unwrap() []error { return e.Errs }

// refusal says what a KDC's error means.
func (c *Client) refusal(realm string, e messages.KRBError) *Error {
	made := explain(e, c.options.SPN)
	made.By = "KDC of realm " + realm
	return made
}

// explain says what an error of a KDC or of a service means.
func explain(e messages.KRBError, spn string) *Error {
	made := &Error{Code: e.ErrorCode}
	switch e.ErrorCode {
	case errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN:
		made.Reason, made.Remedy = "it does not know the user", "check the user name and the realm"
	case errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN:
		made.Reason = fmt.Sprintf("it does not know the service %s", spn)
		made.Remedy = "use the host's DNS name for its address, or set the SPN that the host is registered under (setspn -L)"
	case errorcode.KDC_ERR_PREAUTH_FAILED, errorcode.KRB_AP_ERR_BAD_INTEGRITY:
		made.Reason, made.Remedy = "the password is wrong", "check it"
	case errorcode.KDC_ERR_CLIENT_REVOKED:
		made.Reason, made.Remedy = "the account is locked, disabled or expired", "have it looked at by who administers it"
	case errorcode.KDC_ERR_KEY_EXPIRED:
		made.Reason, made.Remedy = "the password has expired", "change it"
	case errorcode.KDC_ERR_NAME_EXP:
		made.Reason, made.Remedy = "the account has expired", "have it looked at by who administers it"
	case errorcode.KRB_AP_ERR_SKEW:
		made.Reason, made.Remedy = skew(e.STime), "set this machine's clock by the domain's"
	case errorcode.KRB_AP_ERR_TKT_EXPIRED:
		made.Reason, made.Remedy = "the ticket has expired", "get a new one with kinit, or compare the clocks"
	case errorcode.KRB_AP_ERR_MODIFIED, errorcode.KRB_AP_ERR_NOKEY, errorcode.KRB_AP_ERR_BADKEYVER:
		made.Reason = "the ticket is made for another account than the one that the service runs as"
		made.Remedy = fmt.Sprintf("check which account the SPN %s is registered for (setspn -Q)", spn)
	case errorcode.KDC_ERR_ETYPE_NOSUPP:
		made.Reason, made.Remedy = "no encryption type is common to both sides", "check default_tkt_enctypes in krb5.conf, and those of the account"
	case errorcode.KDC_ERR_WRONG_REALM:
		made.Reason, made.Remedy = "the user belongs to another realm", "check the realm"
		if e.CRealm != "" {
			made.Remedy = "set the realm to " + e.CRealm
		}
	default:
		made.Reason = errorcode.Lookup(e.ErrorCode)
	}
	if e.EText != "" && made.Remedy == "" {
		made.Reason += " (" + e.EText + ")"
	}
	return made
}

// skew says how far the other side's clock is from this one.
func skew(theirs time.Time) string {
	apart := time.Until(theirs)
	direction := "behind"
	if apart < 0 {
		direction = "ahead of"
	}
	return fmt.Sprintf("this machine's clock is %v %s the other side's, which is too far",
		apart.Abs().Round(time.Second), direction)
}

// malformed is for what cannot be made or understood.
func (c *Client) malformed(err error) *Error {
	return &Error{By: "KDC of realm " + c.realm, Reason: err.Error(), Remedy: "check that this is the realm's KDC"}
}

// far tells whether a time of the other side is further from this side's than is allowed.
func (c *Client) far(theirs time.Time) bool {
	return time.Until(theirs).Abs() > c.config.LibDefaults.Clockskew
}
