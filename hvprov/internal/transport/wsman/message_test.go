// SPDX-License-Identifier: MPL-2.0

package wsman_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport/wsman"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost"
)

// receiveResponse returns a response to a Receive.
func receiveResponse(content string) []byte {
	return []byte(`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell">` +
		`<s:Header/><s:Body><rsp:ReceiveResponse>` + content + `</rsp:ReceiveResponse></s:Body></s:Envelope>`)
}

func stream(name, text string) string {
	return `<rsp:Stream Name="` + name + `" CommandId="1">` + text + `</rsp:Stream>`
}

const (
	stateURI = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/"
	running  = `<rsp:CommandState CommandId="1" State="` + stateURI + `Running">%s</rsp:CommandState>`
	done     = `<rsp:CommandState CommandId="1" State="` + stateURI + `Done"><rsp:ExitCode>%s</rsp:ExitCode></rsp:CommandState>`
)

func TestTheOutputOfACommandIsReadFromAResponse(t *testing.T) {
	t.Parallel()
	const text = "line one\nline two\nline three\n"
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	for name, c := range map[string]struct {
		content string
		want    transport.Output
		err     string
	}{
		"several streams":                           {stream("stdout", "YQ==") + stream("stderr", "Yg==") + stream("stdout", "Yw==") + stream("stdout", ""), transport.Output{Stdout: []byte("ac"), Stderr: []byte("b")}, ""},
		"blanks in base64":                          {stream("stdout", encoded[:12]+" \t\r\n "+encoded[12:]), transport.Output{Stdout: []byte(text)}, ""},
		"base64 that was cut":                       {stream("stdout", encoded[:len(encoded)-3]), transport.Output{}, "not valid base64"},
		"a bad character":                           {stream("stdout", encoded[:10]+"*"+encoded[11:]), transport.Output{}, "not valid base64"},
		"the end":                                   {fmt.Sprintf(done, "7"), transport.Output{Done: true, ExitCode: 7}, ""},
		"a signed exit code":                        {fmt.Sprintf(done, "-1073741510"), transport.Output{Done: true, ExitCode: -1073741510}, ""},
		"an unsigned exit code":                     {fmt.Sprintf(done, "3221225786"), transport.Output{Done: true, ExitCode: -1073741510}, ""},
		"an exit code beyond 32 bits":               {fmt.Sprintf(done, "4294967296"), transport.Output{}, "not a number of 32 bits"},
		"no exit code":                              {`<rsp:CommandState State="` + stateURI + `Done"/>`, transport.Output{Done: true}, ""},
		"the exit code of a state that is not Done": {fmt.Sprintf(running, "<rsp:ExitCode>0</rsp:ExitCode>") + fmt.Sprintf(done, "17"), transport.Output{Done: true, ExitCode: 17}, ""},
		"a state after Done":                        {fmt.Sprintf(done, "17") + fmt.Sprintf(running, "<rsp:ExitCode>0</rsp:ExitCode>"), transport.Output{Done: true, ExitCode: 17}, ""},
	} {
		got, err := wsman.ParseOutput(receiveResponse(c.content))
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: got %+v, %v, want %q", name, got, err, c.err)
			}
		case err != nil || string(got.Stdout) != string(c.want.Stdout) || string(got.Stderr) != string(c.want.Stderr) ||
			got.Done != c.want.Done || got.ExitCode != c.want.ExitCode:
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

// TestTheWorkOfParsingIsBounded parses responses within the limit of bytes whose parsing would take minutes or gigabytes without
// limits on depth and elements. The test ends only because the parser gives up: what it must not do does not end within a day.
func TestTheWorkOfParsingIsBounded(t *testing.T) {
	t.Parallel()
	nested := func(open string, n int) string {
		name, _, _ := strings.Cut(strings.Trim(open, "<>"), " ")
		return strings.Repeat(open, n) + strings.Repeat("</"+name+">", n)
	}
	for name, c := range map[string]struct{ content, want string }{
		"nested elements":                     {nested("<a>", 700_000), "nested more than 32 deep"},
		"nested elements with namespaces":     {nested(`<a xmlns:n="urn:x">`, 200_000), "nested more than 32 deep"},
		"many elements":                       {strings.Repeat("<a/>", 1_700_000), "more than 10000 elements"},
		"many streams":                        {strings.Repeat(`<rsp:Stream Name="stdout">YQ==</rsp:Stream>`, 170_000), "more than 10000 elements"},
		"a long text":                         {"<a>" + strings.Repeat("x", 7_000_000) + "</a>", "more than 65536 characters"},
		"many comments":                       {strings.Repeat("x<!---->", 900_000), "more than 65536 characters"},
		"no end":                              {"<a>", "unexpected EOF"},
		"an element that is closed too early": {"<a></b></a>", `element "a" is closed by "b"`},
	} {
		envelope := receiveResponse(c.content)
		if name == "no end" {
			envelope = envelope[:len(envelope)-80]
		}
		if _, err := wsman.ParseOutput(envelope); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %.200v, want %q", name, err, c.want)
		}
	}
	long := fmt.Sprintf(faultEnvelope, `<f:WSManFault `+faultNS+` Code="5"><f:Message>`+nested("<x>a", 20)+strings.Repeat("x", 7_000_000)+`</f:Message></f:WSManFault>`)
	fault, _, err := wsman.ParseFault([]byte(long))
	if err != nil || fault.Code != 5 || len(fault.Reason) > 70_000 {
		t.Errorf("a fault with a long text: %v", err)
	}
}

// TestAFaultKeepsItsCode covers texts with characters that XML does not have.
func TestAFaultKeepsItsCode(t *testing.T) {
	t.Parallel()
	for name, reason := range map[string]string{
		"a reference":     "Zugriff &#x1B;[31mverweigert&#x1B;[0m",
		"a raw character": "Zugriff \x1b[31mverweigert",
		"a null":          "Zugriff verweigert&#x0; &#0;",
		"invalid UTF-8":   "Zugriff \xff verweigert",
	} {
		detail := `<f:WSManFault ` + faultNS + ` Code="5"><f:Message>` + reason + `</f:Message></f:WSManFault>`
		fault, _, err := wsman.ParseFault([]byte(strings.Replace(faultEnvelope, "%s", detail, 1)))
		if err != nil || fault == nil || fault.Code != 5 || !strings.HasPrefix(fault.Reason, "Zugriff ") {
			t.Errorf("%s: got %v, %v", name, fault, err)
			continue
		}
		if strings.ContainsAny(fault.Error(), "\x1b\x00") {
			t.Errorf("%s: the error contains a control character: %q", name, fault.Error())
		}
	}
}

// TestNothingIsBelievedBeforeTheHostAuthenticates answers the first message of NTLM as a man in the middle could: the response
// says nothing about the host, so none of it may reach the caller.
func TestNothingIsBelievedBeforeTheHostAuthenticates(t *testing.T) {
	t.Parallel()
	forged := strings.NewReplacer("<s:Body>", `<s:Body><rsp:Shell><rsp:ShellId>FORGED</rsp:ShellId></rsp:Shell>`).Replace(string(receiveResponse(stream("stdout", "Zm9yZ2Vk"))))
	fault := strings.Replace(faultEnvelope, "%s", `<f:WSManFault `+faultNS+` Code="2150858843"><f:Message>FORGED</f:Message></f:WSManFault>`, 1)
	for _, status := range []string{"200 OK", "302 Found", "400 Bad Request", "401 Unauthorized", "500 Internal Server Error"} {
		for kind, body := range map[string]string{"an answer": forged, "a fault": fault} {
			t.Run(status+" with "+kind, func(t *testing.T) {
				t.Parallel()
				reply := fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: application/soap+xml\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
				traffic := &wire{replies: map[int]string{0: reply}}
				config := configFor(startHost(t, simhost.Options{PlainHTTP: true}), winrm.AuthNTLM)
				config.Dial = traffic.dial
				_, err := newClient(t, config).CreateShell(testContext(t))
				if err == nil || strings.Contains(err.Error(), "FORGED") || errors.Is(err, transport.ErrProcessLost) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// TestNothingIsInjectedIntoASealedSession lets a new connection of a running session receive a forged output.
func TestNothingIsInjectedIntoASealedSession(t *testing.T) {
	t.Parallel()
	body := string(receiveResponse(stream("stdout", "SU5KRUNURUQ=") + fmt.Sprintf(done, "0")))
	traffic := &wire{}
	config := configFor(startHost(t, simhost.Options{PlainHTTP: true}), winrm.AuthNTLM)
	config.Dial = traffic.dial
	client := newClient(t, config)
	command := startCommand(t, createShell(t, client), "silent")
	client.Close() // the next request opens a connection
	traffic.mu.Lock()
	traffic.replies = map[int]string{0: fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)}
	traffic.mu.Unlock()
	output, err := command.Receive(testContext(t))
	if err == nil || output.Done || len(output.Stdout) > 0 {
		t.Errorf("got %+v, %v", output, err)
	}
}

// TestAWebServerIsToldApartFromWinRM sends responses of other services than WinRM.
func TestAWebServerIsToldApartFromWinRM(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]string{
		"HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n<html><body>Hi</body></html":                      `this port does not serve WinRM: response is not a SOAP envelope`,
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":                                                  "this port does not serve WinRM: response is not a SOAP envelope",
		"HTTP/1.1 302 Found\r\nLocation: https://portal.lab.example/login\r\nContent-Length: 0\r\n\r\n": `HTTP status 302 Found to "https://portal.lab.example/login", which is not followed`,
	} {
		client := clientWithReply(t, reply)
		_, err := client.CreateShell(testContext(t))
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "parsing the response: ", ""), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if n := client.Stats().Requests; n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	}
}

// TestTheChallengeIsFoundWhereverItStands covers fields that hold several challenges (RFC 9110 11.6.1).
func TestTheChallengeIsFoundWhereverItStands(t *testing.T) {
	t.Parallel()
	const basic = `Basic realm="WSMAN, the hall", charset="UTF-8"`
	for _, value := range []string{
		"Negotiate dG9rZW4=", "Negotiate dG9rZW4=, " + basic, basic + ", Negotiate dG9rZW4=", "Kerberos,Negotiate dG9rZW4=,CredSSP", basic + `,negotiate   dG9rZW4=`,
	} {
		token, offered := wsman.ParseChallenges(http.Header{"Www-Authenticate": {value}})
		if string(token) != "token" {
			t.Errorf("%s: token %q", value, token)
		}
		for _, name := range offered {
			if !strings.Contains("Basic Negotiate negotiate Kerberos CredSSP", name) {
				t.Errorf("%s: offers %q", value, offered)
			}
		}
	}
}

// TestTheZoneOfAnAddressStaysOnThisMachine covers link-local addresses (RFC 6874, section 4).
func TestTheZoneOfAnAddressStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	config := configFor(startHost(t, simhost.Options{PlainHTTP: true, Auth: simhost.Auth{AllowBasic: true, AllowUnencrypted: true}}), winrm.AuthBasic)
	target := net.JoinHostPort(config.Address, fmt.Sprint(config.Port))
	traffic := &wire{}
	var dialed string
	config.AllowClearBasic, config.Address = true, "fe80::20d:3aff:fe6d:4068%eth7"
	config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed = address
		return traffic.dial(ctx, network, target)
	}
	createShell(t, newClient(t, config))
	if want := fmt.Sprintf("[fe80::20d:3aff:fe6d:4068%%eth7]:%d", config.Port); dialed != want {
		t.Errorf("dialed %s, want %s", dialed, want)
	}
	if traffic.contains("eth7") || !traffic.contains("Host: [fe80::20d:3aff:fe6d:4068]:") {
		t.Error("the zone of the address was sent to the host")
	}
}
