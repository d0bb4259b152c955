// SPDX-License-Identifier: MPL-2.0

package kerberos

import (
	"fmt"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/messages"
)

// Error reports that a ticket was refused or that the service was not authenticated. A retry cannot succeed.
type Error struct {
	// By is the name of what refused: a KDC or a file. It is empty for the service itself.
	By string
	// Code is the error code (RFC 4120 7.5.9), or 0 if the error is not that of a KDC or a service.
	Code int32
	// Reason describes the cause, Remedy what to check.
	Reason, Remedy string
}

// Error returns what refused, the cause and the remedy.
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

// UnreachableError reports that no KDC of a realm answered.
type UnreachableError struct {
	Realm string
	Errs  []error // the failure of each KDC
}

// Error returns the failure of each KDC and the remedy.
func (e *UnreachableError) Error() string {
	texts := make([]string, len(e.Errs))
	for i, err := range e.Errs {
		texts[i] = err.Error()
	}
	return fmt.Sprintf("no KDC of realm %s answered: %s; check kdc in krb5.conf, and that its TCP port is reachable", e.Realm, strings.Join(texts, ", "))
}

// Unwrap returns the failure of each KDC.
func (e *UnreachableError) Unwrap() []error { return e.Errs }

// kdcError returns the Error for the error message of a KDC.
func (c *Client) kdcError(realm string, e messages.KRBError) *Error {
	err := newError(e, c.options.SPN)
	err.By = "KDC of realm " + realm
	return err
}

// newError returns the Error for the error message of a KDC or service.
func newError(e messages.KRBError, spn string) *Error {
	err := &Error{Code: e.ErrorCode}
	switch e.ErrorCode {
	case errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN:
		err.Reason, err.Remedy = "the user is unknown", "check the user name and the realm"
	case errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN:
		err.Reason = fmt.Sprintf("the service %s is unknown", spn)
		err.Remedy = "use the host's DNS name as its address, or set the SPN that is registered for the host (setspn -L)"
	case errorcode.KDC_ERR_PREAUTH_FAILED, errorcode.KRB_AP_ERR_BAD_INTEGRITY:
		err.Reason, err.Remedy = "the password is wrong", "check it"
	case errorcode.KDC_ERR_CLIENT_REVOKED:
		err.Reason, err.Remedy = "the account is locked, disabled or expired", "ask the domain's administrator"
	case errorcode.KDC_ERR_KEY_EXPIRED:
		err.Reason, err.Remedy = "the password has expired", "change it"
	case errorcode.KDC_ERR_NAME_EXP:
		err.Reason, err.Remedy = "the account has expired", "ask the domain's administrator"
	case errorcode.KRB_AP_ERR_SKEW:
		err.Reason, err.Remedy = skewText(e.STime), "synchronize this machine's clock with the domain"
	case errorcode.KRB_AP_ERR_TKT_EXPIRED:
		err.Reason, err.Remedy = "the ticket has expired", "get a new one with kinit, or compare the clocks"
	case errorcode.KRB_AP_ERR_MODIFIED, errorcode.KRB_AP_ERR_NOKEY, errorcode.KRB_AP_ERR_BADKEYVER:
		err.Reason = "the ticket was issued for another account than the service's"
		err.Remedy = fmt.Sprintf("check which account the SPN %s is registered for (setspn -Q)", spn)
	case errorcode.KDC_ERR_ETYPE_NOSUPP:
		err.Reason, err.Remedy = "client and KDC have no common encryption type", "check default_tkt_enctypes in krb5.conf and the encryption types of the account"
	case errorcode.KDC_ERR_WRONG_REALM:
		err.Reason, err.Remedy = "the user belongs to another realm", "check the realm"
		if e.CRealm != "" {
			err.Remedy = "set the realm to " + e.CRealm
		}
	default:
		err.Reason = errorcode.Lookup(e.ErrorCode)
	}
	if e.EText != "" && err.Remedy == "" {
		err.Reason += " (" + e.EText + ")"
	}
	return err
}

// skewText describes the difference between this machine's clock and the other side's.
func skewText(theirs time.Time) string {
	apart := time.Until(theirs)
	direction := "behind"
	if apart < 0 {
		direction = "ahead of"
	}
	return fmt.Sprintf("this machine's clock is %v %s the other side's, which is too much",
		apart.Abs().Round(time.Second), direction)
}

// malformed returns the Error for a message that cannot be created or parsed.
func (c *Client) malformed(err error) *Error {
	return &Error{By: "KDC of realm " + c.realm, Reason: err.Error(), Remedy: "check that this is a KDC of the realm"}
}

// isSkewed reports whether the other side's time differs from this machine's by more than the configured clockskew.
func (c *Client) isSkewed(theirs time.Time) bool {
	return time.Until(theirs).Abs() > c.config.LibDefaults.Clockskew
}
