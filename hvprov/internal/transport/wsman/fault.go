// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

// Fault codes that this package acts on, as wsmerror.h and winerror.h name them.
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
	codeDifferentToken        = 2150859177 // ERROR_WSMAN_DIFFERENT_AUTHZ_TOKEN: the next request reauthorises
	codeQuotaMaxShellUsers    = 2150859179 // ERROR_WSMAN_QUOTA_MAX_SHELLUSERS
	codeShellDisconnected     = 2150859204 // ERROR_WINRS_SHELL_DISCONNECTED
	codeCommandTerminated     = 2150859212 // ERROR_WSMAN_COMMAND_TERMINATED
	codeCommandIDConflict     = 2150859222 // ERROR_WINRS_SHELLCOMMAND_CLIENTID_RESOURCE_CONFLICT
	codeStreamDisconnected    = 2150859230 // ERROR_WSMAN_SERVICE_STREAM_DISCONNECTED
	codeQuotaFirstPlugin      = 2150859236 // the first ERROR_WSMAN_QUOTA_…_PPQ …
	codeQuotaLastPlugin       = 2150859242 // … and the last
	codeClientSessionUnusable = 2150859258 // ERROR_WSMAN_CLIENT_SESSION_UNUSABLE: the service was restarted
)

// FaultError is a fault that the host answered a request with.
type FaultError struct {
	// Code is the host's error code, for example 2150858843; 0 when the fault carried none.
	Code uint32
	// Subcode is the SOAP subcode, for example "w:InvalidSelectors".
	Subcode string
	// Reason is the host's message.
	Reason string
	// Detail is what the part of the host that failed added, if anything.
	Detail string
	// Action is the request's WinRM action, for example "Receive".
	Action string
	// Host is the address and port.
	Host string
}

// Error gives action, host, the host's message and the code.
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
		b.WriteString("; check that the account is a member of the host's Remote Management Users or Administrators group")
	case codeQuotaMaxShells:
		b.WriteString("; close unused shells or raise MaxShellsPerUser on the host")
	}
	return b.String()
}

// Is tells whether the fault belongs to the class target.
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
	case transport.ErrAuth:
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

// parseFault reads the fault out of an envelope; found is false when the envelope is whole and holds none.
//
// The outermost code counts: a provider's own fault may be nested in the message, and becomes part of Detail.
func parseFault(envelope []byte) (fault *FaultError, found bool, err error) {
	dec := xml.NewDecoder(strings.NewReader(string(envelope)))
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var path []string
	var reason, message, detail strings.Builder
	fault = &FaultError{}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, false, fmt.Errorf("reading a fault: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			path = append(path, t.Name.Local)
			switch t.Name.Local {
			case "Fault":
				found = true
			case "WSManFault":
				if fault.Code == 0 {
					fault.Code = faultCode(t.Attr)
				}
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if !found || len(path) == 0 {
				continue
			}
			switch joined := strings.Join(path, "/"); {
			case strings.HasSuffix(joined, "/Subcode/Value"):
				fault.Subcode = strings.TrimSpace(string(t))
			case strings.HasSuffix(joined, "/Reason/Text"):
				reason.Write(t)
			case strings.Contains(joined, "/ProviderFault"):
				detail.WriteString(" ")
				detail.Write(t)
			case strings.Contains(joined, "/WSManFault/Message"):
				message.Write(t)
			}
		}
	}
	fault.Reason = squeeze(message.String())
	if fault.Reason == "" {
		fault.Reason = squeeze(reason.String())
	}
	fault.Detail = squeeze(detail.String())
	return fault, found, nil
}

// faultCode is the Code attribute; hosts write it as a decimal number, some proxies of them as a negative one.
func faultCode(attrs []xml.Attr) uint32 {
	for _, a := range attrs {
		if a.Name.Local == "Code" {
			if n, err := strconv.ParseInt(strings.TrimSpace(a.Value), 10, 64); err == nil {
				return uint32(n) //nolint:gosec // a negative number is the same 32 bits
			}
		}
	}
	return 0
}

// squeeze joins a message's lines and drops the blanks that hosts end them with.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }
