// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"fmt"
	"strings"
)

// Codes of wsmerror.h and winerror.h in WSManFault.
const (
	codeAccessDenied     = 5
	codeBusy             = 170
	codeAborted          = 995
	codePipeClosed       = 232
	codeNoResource       = 2150858752
	codeBadHeader        = 2150858767
	codeMustUnderstand   = 2150858768
	codeHeaderRequired   = 2150858769
	codeBadAction        = 2150858771
	codeTimedOut         = 2150858793
	codeSchema           = 2150858817
	codeEnvelopeSize     = 2150858824
	codeNotFound         = 2150858843
	codeTimeoutHeader    = 2150858881
	codeMaxShells        = 2150859173
	codeMaxOperations    = 2150859174
	codeMaxUsers         = 2150859179
	codeNoDisconnect     = 2150859205
	codeCommandIDInvalid = 2150859220
	codeCommandIDTaken   = 2150859222
	codeIdleTimeout      = 2150859250
	codeLineTooLong      = 2147942606
	codeNoQuota          = 2147944216
)

// fault is a WS-Management fault. Reasons have the texts of Windows where these are known.
type fault struct {
	code    uint32
	sender  bool   // s:Sender instead of s:Receiver
	subcode string // with its namespace prefix
	reason  string
	detail  string // last part of the w:FaultDetail, or ""
	plugin  bool   // raised by the plug-in of the shell and wrapped in a ProviderFault
}

func faultSchema(reason string) *fault {
	return &fault{code: codeSchema, sender: true, subcode: "w:SchemaValidationError", reason: reason}
}

func faultMustUnderstand(header string) *fault {
	return &fault{
		code: codeMustUnderstand, sender: true, subcode: "s:MustUnderstand",
		reason: fmt.Sprintf("The WS-Management service cannot process a SOAP header in the request that is marked as mustUnderstand by the client: %s. ", header),
	}
}

func faultHeaderRequired(header string) *fault {
	return &fault{
		code: codeHeaderRequired, sender: true, subcode: "a:MessageInformationHeaderRequired",
		reason: fmt.Sprintf("The WS-Management service cannot process the request because the header %s is missing. ", header),
	}
}

func faultHeaderInvalid(header, value string) *fault {
	return &fault{
		code: codeBadHeader, sender: true, subcode: "a:InvalidMessageInformationHeader",
		reason: fmt.Sprintf("The WS-Management service cannot process the request because the header %s is invalid: %q. ", header, value),
	}
}

func faultTimeoutHeader(value string) *fault {
	return &fault{
		code: codeTimeoutHeader, sender: true, subcode: "w:InvalidParameter", detail: "OperationTimeout",
		reason: fmt.Sprintf("The WS-Management service does not accept the OperationTimeout %q. ", value),
	}
}

func faultResource(uri string) *fault {
	return &fault{
		code: codeNoResource, sender: true, subcode: "a:DestinationUnreachable", detail: "InvalidResourceURI",
		reason: fmt.Sprintf("The WS-Management service cannot process the request. The resource URI %q was not found. ", uri),
	}
}

func faultAction(uri string) *fault {
	return &fault{
		code: codeBadAction, sender: true, subcode: "a:ActionNotSupported",
		reason: fmt.Sprintf("The WS-Management service does not support the action %q for this resource. ", uri),
	}
}

func faultEnvelopeSize(size, limit int) *fault {
	return &fault{
		code: codeEnvelopeSize, sender: true, subcode: "w:EncodingLimit", detail: "MaxEnvelopeSize",
		reason: fmt.Sprintf("The request has %d bytes, and so exceeds the configured MaxEnvelopeSize quota of %d. ", size, limit),
	}
}

func faultTimedOut() *fault {
	return &fault{
		code: codeTimedOut, subcode: "w:TimedOut",
		reason: "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.  ",
	}
}

// faultNotFound returns the fault of Windows for a missing shell or command.
func faultNotFound(what string) *fault {
	f := &fault{code: codeNotFound, sender: true, subcode: "w:InvalidSelectors", detail: "UnexpectedSelectors"}
	if what == "shell" {
		f.reason = "The request for the Windows Remote Shell failed because the shell was not found on the server. " +
			"Possible causes are: the specified ShellId is incorrect or the shell no longer exists on the server. "
	} else {
		f.reason = "The Windows Remote Shell received a request to perform an operation on a command identifier that does not exist. " +
			"Either the command has completed execution or the client specified an invalid command identifier. "
	}
	return f
}

// faultAccessDenied returns the fault of Windows for an account without the right, as in https://github.com/diyan/pywinrm/issues/336.
func faultAccessDenied() *fault {
	return &fault{code: codeAccessDenied, sender: true, subcode: "w:AccessDenied", reason: "Access is denied. "}
}

func faultQuota(code uint32, reason string) *fault {
	return &fault{code: code, subcode: "w:QuotaLimit", reason: reason}
}

func faultAborted() *fault {
	return &fault{
		code: codeAborted, subcode: "w:InternalError",
		reason: "The I/O operation has been aborted because of either a thread exit or an application request. ",
	}
}

func faultBusy() *fault {
	return &fault{code: codeBusy, subcode: "w:InternalError", reason: "The requested resource is in use. "}
}

// xml returns the fault as the content of a SOAP body.
func (f *fault) xml(machine string) string {
	var b strings.Builder
	code := "s:Receiver"
	if f.sender {
		code = "s:Sender"
	}
	b.WriteString(`<s:Fault><s:Code><s:Value>`)
	if f.subcode == "s:MustUnderstand" {
		b.WriteString(`s:MustUnderstand</s:Value></s:Code>`)
	} else {
		b.WriteString(code + `</s:Value><s:Subcode><s:Value>` + f.subcode + `</s:Value></s:Subcode></s:Code>`)
	}
	b.WriteString(`<s:Reason><s:Text xml:lang="en-US">` + escape(f.reason) + `</s:Text></s:Reason><s:Detail>`)
	if f.detail != "" {
		b.WriteString(`<w:FaultDetail>http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/` + f.detail + `</w:FaultDetail>`)
	}
	inner := escape(f.reason)
	if f.plugin {
		inner = fmt.Sprintf(`<f:ProviderFault provider="Shell cmd plugin" path="%%systemroot%%\system32\winrscmd.dll">`+
			`<f:WSManFault xmlns:f=%q Code="%d" Machine=%q><f:Message>%s</f:Message></f:WSManFault></f:ProviderFault>`,
			nsFault, f.code, machine, inner)
	}
	fmt.Fprintf(&b, `<f:WSManFault xmlns:f=%q Code="%d" Machine=%q><f:Message>%s</f:Message></f:WSManFault></s:Detail></s:Fault>`,
		nsFault, f.code, machine, inner)
	return b.String()
}
