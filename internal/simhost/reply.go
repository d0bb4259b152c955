// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"encoding/xml"
	"strings"

	"github.com/google/uuid"
)

// newGUID returns a random GUID in upper case, the form of WinRM.
func newGUID() string { return strings.ToUpper(uuid.NewString()) }

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder does not fail
	return b.String()
}

// replyOverhead is an upper bound of the size of an envelope without its body, in bytes.
const replyOverhead = 1536

// reply returns the envelope of the answer to m.
func reply(m *message, body string) []byte {
	return envelope(m.actionURI+"Response", m.id, body)
}

// replyFault returns the envelope of a fault that answers m.
func replyFault(m *message, f *fault, machine string) []byte {
	return envelope(uriFault, m.id, f.xml(machine))
}

func envelope(action, relatesTo, body string) []byte {
	relates := ""
	if relatesTo != "" {
		relates = `<a:RelatesTo>` + escape(relatesTo) + `</a:RelatesTo>`
	}
	return []byte(`<s:Envelope xml:lang="en-US" xmlns:s="` + nsSOAP + `" xmlns:a="` + nsAddress + `" xmlns:x="` + nsTransfer +
		`" xmlns:w="` + nsWSMan + `" xmlns:rsp="` + nsShell + `" xmlns:p="` + nsMSWSMan + `"><s:Header><a:Action>` + escape(action) +
		`</a:Action><a:MessageID>uuid:` + newGUID() + `</a:MessageID><a:To>` + uriAnonymous + `</a:To>` + relates +
		`</s:Header><s:Body>` + body + `</s:Body></s:Envelope>`)
}

// identify serves Identify. The answer has the version of the system only for authenticated users.
func identify(authenticated bool) []byte {
	version := "OS: 0.0.0 SP: 0.0 Stack: 3.0"
	if authenticated {
		version = "OS: 10.0.20348 SP: 0.0 Stack: 3.0"
	}
	return []byte(`<s:Envelope xml:lang="en-US" xmlns:s="` + nsSOAP + `"><s:Header/><s:Body><wsmid:IdentifyResponse xmlns:wsmid="` +
		nsIdentity + `"><wsmid:ProtocolVersion>` + nsWSMan + `</wsmid:ProtocolVersion><wsmid:ProductVendor>Microsoft Corporation` +
		`</wsmid:ProductVendor><wsmid:ProductVersion>` + version + `</wsmid:ProductVersion></wsmid:IdentifyResponse></s:Body></s:Envelope>`)
}
