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
		b.WriteString("; check that the account is a member of the host's Remote Management Users or Administrators group")
	case codeQuotaMaxShells:
		b.WriteString("; close unused shells or raise MaxShellsPerUser on the host")
	}
	return b.String()
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

// parseFault returns the fault of an envelope. found is false if the envelope is well-formed and contains none.
//
// The code is that of the outermost fault. A provider's fault may be nested in the message and becomes Detail.
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
			return nil, false, fmt.Errorf("parsing a fault: %w", err)
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
	fault.Reason = joinLines(message.String())
	if fault.Reason == "" {
		fault.Reason = joinLines(reason.String())
	}
	fault.Detail = joinLines(detail.String())
	return fault, found, nil
}

// faultCode returns the Code attribute, which some hosts write as a negative number.
func faultCode(attrs []xml.Attr) uint32 {
	for _, a := range attrs {
		if a.Name.Local == "Code" {
			if n, err := strconv.ParseInt(strings.TrimSpace(a.Value), 10, 64); err == nil {
				return uint32(n) //nolint:gosec // keeps the 32 bits of a negative number
			}
		}
	}
	return 0
}

// joinLines joins the lines of a message and removes trailing white space.
func joinLines(s string) string { return strings.Join(strings.Fields(s), " ") }
