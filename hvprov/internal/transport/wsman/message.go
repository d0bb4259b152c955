// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

// Limits of a response, far above what a host sends: a bound on the bytes alone does not bound the work of parsing them.
const (
	maxDepth    = 32
	maxElements = 10_000
	maxText     = 64 << 10 // characters of an element other than Stream
)

// message is a response, as far as this package reads it. Elements are matched by their local names; those of other packages,
// such as a service's own header, are skipped.
type message struct {
	relatesTo string
	body      bool
	shellID   string
	commandID string
	receive   bool // it responds to a Receive
	output    transport.Output
	fault     *FaultError
}

// errNotSOAP reports a response that is no message of WinRM, such as a web page.
var errNotSOAP = errors.New("response is not a SOAP envelope")

// The elements that are read, by their path below Envelope.
const (
	pathRelatesTo = "Header/RelatesTo"
	pathBody      = "Body"
	pathShellID   = "Body/Shell/ShellId"
	pathSelector  = "Body/ResourceCreated/ReferenceParameters/SelectorSet/Selector"
	pathCommandID = "Body/CommandResponse/CommandId"
	pathReceive   = "Body/ReceiveResponse"
	pathStream    = "Body/ReceiveResponse/Stream"
	pathState     = "Body/ReceiveResponse/CommandState"
	pathExitCode  = "Body/ReceiveResponse/CommandState/ExitCode"
	pathFault     = "Body/Fault"
	pathSubcode   = "Body/Fault/Code/Subcode/Value"
	pathReason    = "Body/Fault/Reason/Text"
	pathWSMan     = "Body/Fault/Detail/WSManFault"
	pathMessage   = "Body/Fault/Detail/WSManFault/Message"
)

// stateDone ends the URI of the state of a command that has ended (MS-WSMV 2.2.4.9).
const stateDone = "/CommandState/Done"

// messageParser parses one response in one pass, with bounded work.
type messageParser struct {
	msg   message
	path  []string // local names of the open elements below Envelope
	attr  []xml.Attr
	text  strings.Builder
	state string // of the open CommandState
	code  int32  // exit code in the open CommandState

	reason, reported, detail []string
}

// parseMessage parses a response. A response that is not a SOAP envelope, or exceeds a limit, is an error.
func parseMessage(data []byte) (*message, error) {
	msg, err := parseXML(data)
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		// A text with characters that XML does not have, such as a terminal's escape sequences in a fault's message.
		if clean := replaceInvalidCharacters(data); !bytes.Equal(clean, data) {
			msg, err = parseXML(clean)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("parsing the response: %w", err)
	}
	return msg, nil
}

func parseXML(data []byte) (*message, error) {
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // the text is UTF-8, whatever it says
	var p messageParser
	for depth, elements := 0, 0; ; {
		token, err := dec.RawToken() // does not resolve namespaces, whose cost grows with the nesting
		if err != nil {
			if errors.Is(err, io.EOF) && depth == 0 && elements > 0 {
				p.finish()
				return &p.msg, nil
			}
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
				if elements == 0 {
					err = fmt.Errorf("%w: it has no element", errNotSOAP)
				}
			}
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			elements++
			switch {
			case depth == 1 && token.Name.Local != "Envelope":
				return nil, fmt.Errorf("%w: its root element is %q", errNotSOAP, shorten(token.Name.Local))
			case depth == 1 && elements > 1:
				return nil, errors.New("text follows the envelope")
			case depth > maxDepth:
				return nil, fmt.Errorf("elements are nested more than %d deep", maxDepth)
			case elements > maxElements:
				return nil, fmt.Errorf("it has more than %d elements", maxElements)
			case depth > 1:
				p.open(token)
			}
		case xml.EndElement:
			depth--
			if depth < 0 {
				return nil, errors.New("an element is closed that is not open")
			}
			if depth > 0 {
				if p.path[len(p.path)-1] != token.Name.Local {
					return nil, fmt.Errorf("element %q is closed by %q", shorten(p.path[len(p.path)-1]), shorten(token.Name.Local))
				}
				if err := p.close(); err != nil {
					return nil, err
				}
			}
		case xml.CharData:
			if depth > 1 {
				if err := p.characters(token); err != nil {
					return nil, err
				}
			}
		}
	}
}

func (p *messageParser) open(e xml.StartElement) {
	p.flushNested()
	p.path = append(p.path, e.Name.Local)
	p.text.Reset()
	p.attr = slices.Clone(e.Attr)
	switch p.at() {
	case pathBody:
		p.msg.body = true
	case pathReceive:
		p.msg.receive = true
	case pathFault:
		p.msg.fault = &FaultError{}
	case pathState:
		p.state, p.code = attribute(e.Attr, "State"), 0
	case pathWSMan:
		if p.msg.fault == nil {
			break
		}
		// Some hosts write the code as a negative number.
		if n, err := strconv.ParseInt(strings.TrimSpace(attribute(e.Attr, "Code")), 10, 64); err == nil {
			p.msg.fault.Code = uint32(n) //nolint:gosec // keeps the 32 bits of a negative number
		}
	}
}

// characters adds text to the open element. The text of elements that are not read is dropped.
func (p *messageParser) characters(text []byte) error {
	at := p.at()
	if at != pathStream && p.text.Len()+len(text) > maxText {
		if !strings.HasPrefix(at, pathFault) {
			return fmt.Errorf("element %q has more than %d characters", shorten(p.path[len(p.path)-1]), maxText)
		}
		text = text[:maxText-p.text.Len()] // the code of a fault counts, not the length of its message
	}
	p.text.Write(text)
	return nil
}

func (p *messageParser) close() error {
	text := p.text.String()
	p.text.Reset()
	var err error
	switch at := p.at(); at {
	case pathRelatesTo:
		p.msg.relatesTo = strings.TrimSpace(text)
	case pathShellID:
		p.msg.shellID = strings.TrimSpace(text)
	case pathSelector:
		if p.msg.shellID == "" && attribute(p.attr, "Name") == "ShellId" {
			p.msg.shellID = strings.TrimSpace(text)
		}
	case pathCommandID:
		p.msg.commandID = strings.TrimSpace(text)
	case pathStream:
		err = p.stream(text)
	case pathExitCode:
		// Hosts write the 32 bits of an exit code as a signed or as an unsigned number.
		var n int64
		if n, err = strconv.ParseInt(strings.TrimSpace(text), 10, 64); err != nil || n < -1<<31 || n >= 1<<32 {
			err = fmt.Errorf("exit code %q is not a number of 32 bits", shorten(text))
		}
		p.code = int32(n) //nolint:gosec // keeps the 32 bits
	case pathState:
		if strings.HasSuffix(p.state, stateDone) {
			p.msg.output.Done, p.msg.output.ExitCode = true, p.code
		}
	case pathSubcode:
		p.msg.fault.Subcode = strings.TrimSpace(text)
	case pathReason:
		p.reason = append(p.reason, text)
	case pathMessage:
		p.reported = append(p.reported, text)
	default:
		if strings.HasPrefix(at, pathMessage+"/") {
			p.detail = append(p.detail, text)
		}
	}
	p.attr = nil
	p.path = p.path[:len(p.path)-1]
	return err
}

// flushNested keeps the text of a fault's message that stands before a nested element.
func (p *messageParser) flushNested() {
	if p.text.Len() == 0 || p.msg.fault == nil {
		return
	}
	switch at := p.at(); {
	case at == pathMessage:
		p.reported = append(p.reported, p.text.String())
	case strings.HasPrefix(at, pathMessage+"/"):
		p.detail = append(p.detail, p.text.String())
	}
}

// stream adds the content of a Stream element to the output. Blanks in base64 have no meaning (XML Schema Part 2, 3.2.16).
func (p *messageParser) stream(text string) error {
	name := attribute(p.attr, "Name")
	data, err := base64.StdEncoding.DecodeString(strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, text))
	if err != nil {
		return fmt.Errorf("stream %q is not valid base64: %w", shorten(name), err)
	}
	switch name {
	case "stdout":
		p.msg.output.Stdout = append(p.msg.output.Stdout, data...)
	case "stderr":
		p.msg.output.Stderr = append(p.msg.output.Stderr, data...)
	}
	return nil
}

func (p *messageParser) finish() {
	f := p.msg.fault
	if f == nil {
		return
	}
	f.Reason, f.Detail = joinLines(strings.Join(p.reported, " ")), joinLines(strings.Join(p.detail, " "))
	if f.Reason == "" {
		f.Reason = joinLines(strings.Join(p.reason, " "))
	}
}

func (p *messageParser) at() string { return strings.Join(p.path, "/") }

func attribute(attr []xml.Attr, name string) string {
	for _, a := range attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// characterReference is a reference such as &#27; or &#x1B;.
var characterReference = regexp.MustCompile(`&#(?:x([0-9A-Fa-f]{1,8})|([0-9]{1,8}));`)

// replaceInvalidCharacters replaces characters that XML 1.0 does not have, and references to them, by U+FFFD.
func replaceInvalidCharacters(data []byte) []byte {
	data = characterReference.ReplaceAllFunc(data, func(ref []byte) []byte {
		m := characterReference.FindSubmatch(ref)
		n, err := strconv.ParseUint(string(m[1]), 16, 32)
		if len(m[2]) > 0 {
			n, err = strconv.ParseUint(string(m[2]), 10, 32)
		}
		if err == nil && n <= utf8.MaxRune && isXMLCharacter(rune(n)) {
			return ref
		}
		return []byte("\uFFFD")
	})
	return bytes.Map(func(r rune) rune {
		if isXMLCharacter(r) {
			return r
		}
		return utf8.RuneError
	}, data)
}

// isXMLCharacter reports whether a character may occur in XML 1.0 (section 2.2, Char).
func isXMLCharacter(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r':
		return true
	case r < 0x20, r >= 0xD800 && r < 0xE000, r == 0xFFFE, r == 0xFFFF:
		return false
	}
	return r <= utf8.MaxRune
}

// joinLines joins the lines of a message and removes trailing white space. The characters that control a terminal are replaced.
func joinLines(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7F && r < 0xA0 {
			return utf8.RuneError
		}
		return r
	}, strings.Join(strings.Fields(s), " "))
}

// shorten shortens text of a host for an error message.
func shorten(s string) string {
	const limit = 64
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
