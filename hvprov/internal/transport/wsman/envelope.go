// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"encoding/xml"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	masterzen "github.com/masterzen/winrm"
	"github.com/masterzen/winrm/soap"
)

// Names of the WinRM actions in errors.
const (
	actionCreate  = "Create"
	actionCommand = "Command"
	actionSend    = "Send"
	actionReceive = "Receive"
	actionSignal  = "Signal"
	actionDelete  = "Delete"
)

const (
	resourceCmd      = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd"
	uriCreate        = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Create"
	uriCommand       = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Command"
	addressAnonymous = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
)

// createEnvelope returns a request for a shell. Unlike masterzen's, it sets the idle timeout, and does not load the profile of the
// account: the profile is unloaded when the shell ends, and with it the registry of processes that outlive the shell, whose COM and WMI
// calls then fail (https://github.com/ansible/ansible/issues/31030).
func createEnvelope(url string, params *masterzen.Parameters) string {
	message := soap.NewMessage()
	header(message, url, params).
		Action(uriCreate).
		ResourceURI(resourceCmd).
		AddOption(soap.NewHeaderOption("WINRS_NOPROFILE", "TRUE")).
		AddOption(soap.NewHeaderOption("WINRS_CODEPAGE", "65001")).
		Build()
	shell := message.CreateBodyElement("Shell", soap.DOM_NS_WIN_SHELL)
	message.CreateElement(shell, "InputStreams", soap.DOM_NS_WIN_SHELL).SetContent("stdin")
	message.CreateElement(shell, "OutputStreams", soap.DOM_NS_WIN_SHELL).SetContent("stdout stderr")
	message.CreateElement(shell, "IdleTimeOut", soap.DOM_NS_WIN_SHELL).SetContent(xmlDuration(idleTimeout))
	return message.String()
}

// commandEnvelope returns a request for a command with an identifier that the client chose. Its standard input is a pipe: in
// console mode a program that reads standard input never gets the end of the input.
func commandEnvelope(url string, params *masterzen.Parameters, shellID, commandID, commandLine string) string {
	message := soap.NewMessage()
	header(message, url, params).
		Action(uriCommand).
		ResourceURI(resourceCmd).
		ShellId(escape(shellID)).
		AddOption(soap.NewHeaderOption("WINRS_CONSOLEMODE_STDIN", "FALSE")).
		AddOption(soap.NewHeaderOption("WINRS_SKIP_CMD_SHELL", "FALSE")).
		Build()
	line := message.CreateBodyElement("CommandLine", soap.DOM_NS_WIN_SHELL)
	line.SetAttr("CommandId", commandID)
	message.CreateElement(line, "Command", soap.DOM_NS_WIN_SHELL).SetContent(escape(commandLine))
	return message.String()
}

func header(message *soap.SoapMessage, url string, params *masterzen.Parameters) *soap.SoapHeader {
	return message.Header().
		To(url).
		ReplyTo(addressAnonymous).
		MaxEnvelopeSize(params.EnvelopeSize).
		Id("uuid:" + newID()).
		Locale(params.Locale).
		Timeout(params.Timeout)
}

// newID returns a random GUID (RFC 9562, version 4) in upper case, as Windows writes it.
func newID() string { return strings.ToUpper(uuid.NewString()) }

// xmlDuration returns a duration as xs:duration in seconds.
func xmlDuration(d time.Duration) string {
	return "PT" + strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "S"
}

// escape escapes text for XML. The envelope builders do not.
func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // writing to a strings.Builder does not fail
	return b.String()
}
