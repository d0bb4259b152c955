// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"fmt"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

// Fault codes that this package handles, with their names in wsmerror.h and winerror.h.
const (
	codeAccessDenied          = 5          // ERROR_ACCESS_DENIED
	codeBusy                  = 170        // ERROR_BUSY
	codeAborted               = 995        // ERROR_OPERATION_ABORTED: the shell was deleted under a waiting request
	codeKeyDeleted            = 2147943418 // ERROR_KEY_DELETED: the profile is being unloaded
	codeOperationTimedOut     = 2150858793 // ERROR_WSMAN_OPERATION_TIMEDOUT
	codeQuotaLimit            = 2150858815 // ERROR_WSMAN_QUOTA_LIMIT
	codeUnexpectedSelectors   = 2150858843 // ERROR_WSMAN_UNEXPECTED_SELECTORS: no such shell or command
	codeQuotaMaxShells        = 2150859173 // ERROR_WSMAN_QUOTA_MAX_SHELLS
	codeQuotaMaxOperations    = 2150859174 // ERROR_WSMAN_QUOTA_MAX_OPERATIONS
	codeQuotaUser             = 2150859175 // ERROR_WSMAN_QUOTA_USER
	codeQuotaSystem           = 2150859176 // ERROR_WSMAN_QUOTA_SYSTEM
	codeDifferentToken        = 2150859177 // ERROR_WSMAN_DIFFERENT_AUTHZ_TOKEN: the next request is authorized again
	codeQuotaMaxShellUsers    = 2150859179 // ERROR_WSMAN_QUOTA_MAX_SHELLUSERS
	codeShellDisconnected     = 2150859204 // ERROR_WINRS_SHELL_DISCONNECTED
	codeCommandTerminated     = 2150859212 // ERROR_WSMAN_COMMAND_TERMINATED
	codeCommandIDConflict     = 2150859222 // ERROR_WINRS_SHELLCOMMAND_CLIENTID_RESOURCE_CONFLICT
	codeStreamDisconnected    = 2150859230 // ERROR_WSMAN_SERVICE_STREAM_DISCONNECTED
	codeQuotaFirstPlugin      = 2150859236 // the first ERROR_WSMAN_QUOTA_…_PPQ …
	codeQuotaLastPlugin       = 2150859242 // … and the last
	codeClientSessionUnusable = 2150859258 // ERROR_WSMAN_CLIENT_SESSION_UNUSABLE: the service was restarted
)

// FaultError is a SOAP fault in the response to a request.
type FaultError struct {
	// Code is the host's error code, for example 2150858843, or 0 if the fault contains none.
	Code uint32
	// Subcode is the SOAP subcode, for example "w:InvalidSelectors".
	Subcode string
	// Reason is the host's message.
	Reason string
	// Detail is the message of a nested provider fault, if there is one.
	Detail string
	// Action is the WinRM action of the request, for example "Receive".
	Action string
	// Host is the address and port.
	Host string
	// Username is the account. It is empty if it follows from a credential cache or a certificate.
	Username string
}

// Error returns the action, the host, the host's message, the code and, for some codes, a remedy.
func (e *FaultError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "winrm: %s on host %s: %s", e.Action, e.Host, e.Reason)
	if e.Detail != "" && e.Detail != e.Reason {
		b.WriteString(": " + e.Detail)
	}
	fmt.Fprintf(&b, " (fault %d", e.Code)
	if e.Subcode != "" {
		b.WriteString(" " + e.Subcode)
	}
	b.WriteString(")")
	switch e.Code {
	case codeAccessDenied:
		b.WriteString(e.deniedRemedy())
	case codeQuotaMaxShells:
		b.WriteString("; close unused shells or raise MaxShellsPerUser on the host")
	}
	return b.String()
}

// deniedRemedy returns the remedy for an account that may log in, but may not do what it requested.
//
// The shell of WinRM is guarded by its root security descriptor, which admits only administrators; members of the group Remote
// Management Users may open sessions of PowerShell, which have another descriptor. A local account in Administrators, other than the
// built-in one, has filtered rights over the network. See https://github.com/diyan/pywinrm/issues/336 and 338.
func (e *FaultError) deniedRemedy() string {
	if e.Action != actionCreate {
		return "; check that the account has opened this shell, and that its rights on the host were not removed"
	}
	account := e.Username
	if account == "" {
		account = "<account>"
	}
	return "; the host accepted the credentials, but the account may not open a WinRM shell: RootSDDL, the root security descriptor of WinRM, admits " +
		"administrators only (members of Remote Management Users, and local accounts in Administrators whose rights are filtered over the " +
		`network, are not enough); print a script with "hvprov script grant > Grant-HypervvmAccess.ps1", and run it on the host as an administrator: ` +
		".\\Grant-HypervvmAccess.ps1 -Account '" + strings.ReplaceAll(account, "'", "''") + "'"
}

// Is reports whether the fault belongs to the error class target.
func (e *FaultError) Is(target error) bool {
	switch target {
	case transport.ErrProcessLost:
		switch e.Code {
		case codeUnexpectedSelectors, codeAborted, codeCommandTerminated, codeShellDisconnected, codeStreamDisconnected,
			codeClientSessionUnusable:
			return true
		case codeKeyDeleted:
			return e.Action != actionCreate
		}
	case transport.ErrQuota:
		return e.isQuota()
	case transport.ErrBusy:
		return e.Code == codeBusy || e.Code == codeDifferentToken || e.Code == codeKeyDeleted && e.Action == actionCreate
	case transport.ErrDenied:
		return e.Code == codeAccessDenied
	case transport.ErrTimeout:
		return e.Code == codeOperationTimedOut
	}
	return false
}

func (e *FaultError) isQuota() bool {
	switch e.Code {
	case codeQuotaLimit, codeQuotaMaxShells, codeQuotaMaxOperations, codeQuotaUser, codeQuotaSystem, codeQuotaMaxShellUsers:
		return true
	}
	return e.Code >= codeQuotaFirstPlugin && e.Code <= codeQuotaLastPlugin || strings.HasSuffix(e.Subcode, ":QuotaLimit")
}
