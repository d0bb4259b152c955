// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Namespaces of WS-Management.
const (
	nsSOAP     = "http://www.w3.org/2003/05/soap-envelope"
	nsAddress  = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
	nsTransfer = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
	nsEnum     = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
	nsWSMan    = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
	nsMSWSMan  = "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd"
	nsShell    = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
	nsFault    = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
	nsIdentity = "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"

	uriAnonymous = nsAddress + "/role/anonymous"
	uriShell     = nsShell
	uriCmd       = nsShell + "/cmd"
	uriFault     = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
)

// actions maps the URIs of supported actions to their names.
var actions = map[string]string{
	nsTransfer + "/Create":  ActionCreate,
	nsShell + "/Command":    ActionCommand,
	nsShell + "/Send":       ActionSend,
	nsShell + "/Receive":    ActionReceive,
	nsShell + "/Signal":     ActionSignal,
	nsTransfer + "/Delete":  ActionDelete,
	nsTransfer + "/Get":     ActionGet,
	nsEnum + "/Enumerate":   ActionEnumerate,
	nsShell + "/Disconnect": "Disconnect",
	nsShell + "/Reconnect":  "Reconnect",
	nsShell + "/Connect":    "Connect",
}

// element is any XML element.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element  `xml:",any"`
}

// child returns the first child with a name, or nil.
func (e *element) child(space, local string) *element {
	if e == nil {
		return nil
	}
	for i := range e.Children {
		if c := &e.Children[i]; c.XMLName.Local == local && c.XMLName.Space == space {
			return c
		}
	}
	return nil
}

// text returns the text of the element without surrounding space, or "" for nil.
func (e *element) text() string {
	if e == nil {
		return ""
	}
	return strings.TrimSpace(e.Text)
}

func (e *element) attr(local string) string {
	if e == nil {
		return ""
	}
	for _, a := range e.Attrs {
		if a.Name.Local == local && (a.Name.Space == "" || a.Name.Space == e.XMLName.Space) {
			return a.Value
		}
	}
	return ""
}

// isTrue reports whether s is a true xs:boolean.
func isTrue(s string) bool { return strings.EqualFold(s, "true") || s == "1" }

// message is the envelope of a request.
type message struct {
	action      string // one of the Action constants, or the URI of an unknown action
	actionURI   string
	id          string
	resource    string
	timeout     time.Duration
	maxEnvelope int
	selectors   map[string]string
	options     map[string]string // by upper-case name
	body        *element          // the first element of the body, or nil
}

var idPattern = regexp.MustCompile(`^(?i)uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// understood holds the headers that a client may mark with mustUnderstand.
var understood = map[xml.Name]bool{
	{Space: nsAddress, Local: "To"}: true, {Space: nsAddress, Local: "ReplyTo"}: true,
	{Space: nsAddress, Local: "From"}: true, {Space: nsAddress, Local: "FaultTo"}: true,
	{Space: nsAddress, Local: "Action"}: true, {Space: nsAddress, Local: "MessageID"}: true,
	{Space: nsWSMan, Local: "ResourceURI"}: true, {Space: nsWSMan, Local: "SelectorSet"}: true,
	{Space: nsWSMan, Local: "OptionSet"}: true, {Space: nsWSMan, Local: "OperationTimeout"}: true,
	{Space: nsWSMan, Local: "MaxEnvelopeSize"}: true, {Space: nsWSMan, Local: "Locale"}: true,
	{Space: nsMSWSMan, Local: "DataLocale"}: true, {Space: nsMSWSMan, Local: "SessionId"}: true,
	{Space: nsMSWSMan, Local: "OperationID"}: true, {Space: nsMSWSMan, Local: "SequenceId"}: true,
	{Space: nsMSWSMan, Local: "ActivityId"}: true,
}

// parseMessage parses an envelope and validates its headers like a strict host. With a fault it also returns the message as far as
// it was parsed, so that the fault can refer to the request.
func parseMessage(data []byte, quotas Quotas) (*message, *fault) {
	m := &message{timeout: quotas.Timeout, maxEnvelope: quotas.EnvelopeBytes}
	var envelope element
	if err := xml.NewDecoder(bytes.NewReader(data)).Decode(&envelope); err != nil {
		return m, faultSchema(fmt.Sprintf("The request is not well-formed XML: %v.", err))
	}
	if envelope.XMLName != (xml.Name{Space: nsSOAP, Local: "Envelope"}) {
		return m, faultSchema("The request is not a SOAP 1.2 envelope.")
	}
	body := envelope.child(nsSOAP, "Body")
	if body == nil {
		return m, faultSchema("The request has no SOAP body.")
	}
	if len(body.Children) > 0 {
		m.body = &body.Children[0]
	}
	if m.body != nil && m.body.XMLName == (xml.Name{Space: nsIdentity, Local: "Identify"}) {
		m.action = ActionIdentify
		return m, nil
	}
	return m, m.parseHeader(envelope.child(nsSOAP, "Header"), quotas)
}

func (m *message) parseHeader(h *element, quotas Quotas) *fault {
	m.id = h.child(nsAddress, "MessageID").text()
	m.actionURI = h.child(nsAddress, "Action").text()
	m.resource = h.child(nsWSMan, "ResourceURI").text()
	m.action = m.actionURI
	if short, ok := actions[m.actionURI]; ok {
		m.action = short
	}
	m.selectors, m.options = map[string]string{}, map[string]string{}
	if set := h.child(nsWSMan, "SelectorSet"); set != nil {
		for i := range set.Children {
			m.selectors[set.Children[i].attr("Name")] = set.Children[i].text()
		}
	}
	if set := h.child(nsWSMan, "OptionSet"); set != nil {
		for i := range set.Children {
			m.options[strings.ToUpper(set.Children[i].attr("Name"))] = set.Children[i].text()
		}
	}
	if h != nil {
		for _, c := range h.Children {
			for _, a := range c.Attrs {
				if a.Name.Local == "mustUnderstand" && isTrue(a.Value) && !understood[c.XMLName] {
					return faultMustUnderstand(c.XMLName.Local)
				}
			}
		}
	}
	for name, value := range map[string]string{
		"Action": m.actionURI, "MessageID": m.id, "To": h.child(nsAddress, "To").text(),
		"ReplyTo": h.child(nsAddress, "ReplyTo").child(nsAddress, "Address").text(),
	} {
		if value == "" {
			return faultHeaderRequired(name)
		}
	}
	if !idPattern.MatchString(m.id) {
		return faultHeaderInvalid("MessageID", m.id)
	}
	if reply := h.child(nsAddress, "ReplyTo").child(nsAddress, "Address").text(); reply != uriAnonymous {
		return faultHeaderInvalid("ReplyTo", reply)
	}
	if t := h.child(nsWSMan, "OperationTimeout"); t != nil {
		d, ok := parseDuration(t.text())
		if !ok || d <= 0 || d > quotas.Timeout {
			return faultTimeoutHeader(t.text())
		}
		m.timeout = d
	}
	if size := h.child(nsWSMan, "MaxEnvelopeSize"); size != nil {
		n, err := strconv.Atoi(size.text())
		if err != nil || n < minEnvelope {
			return faultHeaderInvalid("MaxEnvelopeSize", size.text())
		}
		m.maxEnvelope = min(n, quotas.EnvelopeBytes)
	}
	return nil
}

// minEnvelope is the smallest MaxEnvelopeSize that services must accept (DSP0226).
const minEnvelope = 8192

var durationPattern = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$`)

// parseDuration parses an xs:duration without years and months.
func parseDuration(s string) (time.Duration, bool) {
	m := durationPattern.FindStringSubmatch(s)
	if m == nil || strings.Join(m[1:], "") == "" {
		return 0, false
	}
	var seconds float64
	for i, unit := range []float64{86400, 3600, 60, 1} {
		if m[i+1] != "" {
			n, err := strconv.ParseFloat(m[i+1], 64)
			if err != nil {
				return 0, false
			}
			seconds += n * unit
		}
	}
	if seconds > math.MaxInt32 {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// formatDuration formats an xs:duration in the form of WinRM.
func formatDuration(d time.Duration) string { return fmt.Sprintf("PT%.3fS", d.Seconds()) }
