// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"crypto/rand"
	"encoding/xml"
	"fmt"
	"strings"
)

// newGUID gives a random GUID in upper case, as WinRM writes them.
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder does not fail
	return b.String()
}

// replyOverhead is more than what an envelope has beyond its body, in bytes.
const replyOverhead = 1536

// reply puts body, the answer to m, into an envelope.
func reply(m *message, body string) []byte {
	return envelope(m.actionURI+"Response", m.id, body)
}

// replyFault puts f, the answer to m, into an envelope.
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

// identify answers Identify. Who has not authenticated does not learn the system's version.
func identify(authenticated bool) []byte {
	version := "OS: 0.0.0 SP: 0.0 Stack: 3.0"
	if authenticated {
		version = "OS: 10.0.20348 SP: 0.0 Stack: 3.0"
	}
	return []byte(`<s:Envelope xml:lang="en-US" xmlns:s="` + nsSOAP + `"><s:Header/><s:Body><wsmid:IdentifyResponse xmlns:wsmid="` +
		nsIdentity + `"><wsmid:ProtocolVersion>` + nsWSMan + `</wsmid:ProtocolVersion><wsmid:ProductVendor>Microsoft Corporation` +
		`</wsmid:ProductVendor><wsmid:ProductVersion>` + version + `</wsmid:ProductVersion></wsmid:IdentifyResponse></s:Body></s:Envelope>`)
}
