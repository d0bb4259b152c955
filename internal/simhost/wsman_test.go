// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestHeaderChecks(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{})))
	for _, c := range []struct {
		name string
		ask  wireRequest
		code uint32
		subs string
	}{
		{"a message id that is not a UUID", wireRequest{id: "17"}, codeBadHeader, "a:InvalidMessageInformationHeader"},
		{"no message id", wireRequest{id: "-"}, codeHeaderRequired, "a:MessageInformationHeaderRequired"},
		{"no action", wireRequest{action: "-"}, codeHeaderRequired, "a:MessageInformationHeaderRequired"},
		{"an unknown action", wireRequest{action: nsShell + "/Dance"}, codeBadAction, "a:ActionNotSupported"},
		{"an unknown resource", wireRequest{resource: nsShell + "/bash"}, codeNoResource, "a:DestinationUnreachable"},
		{"no resource", wireRequest{resource: "-"}, codeNoResource, "a:DestinationUnreachable"},
		{"an operation timeout above the maximum", wireRequest{timeout: "PT61S"}, codeTimeoutHeader, "w:InvalidParameter"},
		{"an operation timeout that is not a duration", wireRequest{timeout: "20s"}, codeTimeoutHeader, "w:InvalidParameter"},
		{"an envelope size below the minimum", wireRequest{size: "4096"}, codeBadHeader, "a:InvalidMessageInformationHeader"},
		{"an unknown header with mustUnderstand", wireRequest{extra: `<rsp:CompressionType s:mustUnderstand="true">xpress</rsp:CompressionType>`}, codeMustUnderstand, ""},
		{"a body that is not a shell", wireRequest{body: `<rsp:Send/>`}, codeSchema, "w:SchemaValidationError"},
		{"an idle time-out below a minute", wireRequest{body: `<rsp:Shell><rsp:IdleTimeOut>PT59S</rsp:IdleTimeOut></rsp:Shell>`}, codeIdleTimeout, "w:InvalidParameter"},
		{"a disconnection of a cmd shell", wireRequest{action: nsShell + "/Disconnect"}, codeNoDisconnect, "w:UnsupportedFeature"},
	} {
		if c.ask.action == "" {
			c.ask.action = nsTransfer + "/Create"
		}
		if c.ask.body == "" {
			c.ask.body = createBody
		}
		got := w.do(c.ask)
		if got.status != http.StatusInternalServerError || got.code != c.code || got.subs != c.subs || got.action != uriFault {
			t.Errorf("%s: status %d, fault %d %s; want fault %d %s", c.name, got.status, got.code, got.subs, c.code, c.subs)
		}
	}
	if n := w.server.Counters(); n.Shells != 0 {
		t.Errorf("%d shells were created", n.Shells)
	}
}

func TestValidHeadersAreAccepted(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{})))
	for name, a := range map[string]wireRequest{
		"a known header with mustUnderstand": {extra: `<p:SessionId s:mustUnderstand="true">uuid:` + newGUID() + `</p:SessionId>`},
		"an unknown header":                  {extra: `<x:Thing xmlns:x="urn:x" s:mustUnderstand="false">1</x:Thing>`},
		"a timeout with a fraction":          {timeout: "PT60.000S"},
		"a timeout in minutes":               {timeout: "PT1M"},
	} {
		a.action, a.body, a.id = nsTransfer+"/Create", createBody, "uuid:"+strings.ToLower(newGUID())
		if got := w.do(a); got.status != http.StatusOK || got.relate != a.id || got.action != nsTransfer+"/CreateResponse" {
			t.Errorf("%s: %d %s", name, got.status, got.raw)
		}
	}
}

func TestHTTPChecks(t *testing.T) {
	t.Parallel()
	s := start(t, basicAuth(Options{Quotas: Quotas{EnvelopeBytes: 10_000}}))
	w := dial(t, s)
	do := func(method, url, kind, body string) int {
		req, err := http.NewRequestWithContext(limited(t), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(s.Username(), s.Password())
		req.Header.Set("Content-Type", kind)
		resp, err := w.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if got := resp.Header.Get("Server"); got != "Microsoft-HTTPAPI/2.0" {
			t.Errorf("server %q", got)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	for _, c := range []struct {
		name, method, url, kind, body string
		want                          int
	}{
		{"another path", http.MethodPost, strings.Replace(s.URL(), "/wsman", "/other", 1), soapType, "x", http.StatusNotFound},
		{"another method", http.MethodPut, s.URL(), soapType, "x", http.StatusMethodNotAllowed},
		{"another content type", http.MethodPost, s.URL(), "text/plain", "x", http.StatusUnsupportedMediaType},
		{"no body", http.MethodPost, s.URL(), soapType, "", http.StatusBadRequest},
		{"no XML", http.MethodPost, s.URL(), soapType, "x", http.StatusInternalServerError},
		{"an envelope above the limit", http.MethodPost, s.URL(), soapType, strings.Repeat("x", 10_001), http.StatusInternalServerError},
		{"a body far above the limit", http.MethodPost, s.URL(), soapType, strings.Repeat("x", 20_001), http.StatusRequestEntityTooLarge},
	} {
		if got := do(c.method, c.url, c.kind, c.body); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	got, err := w.post(limited(t), (wireRequest{action: nsTransfer + "/Create", body: createBody, extra: strings.Repeat(" ", 10_000)}).envelope(s.URL()))
	if err != nil || got.code != codeEnvelopeSize {
		t.Errorf("an envelope above the limit: fault %d, %v", got.code, err)
	}
}

func TestShellLifecycle(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{})))
	got := w.must(wireRequest{action: nsTransfer + "/Create", body: createBody})
	for _, want := range []string{
		"<x:ResourceCreated>", `<w:Selector Name="ShellId">`, "<rsp:Owner>Administrator</rsp:Owner>", "<rsp:ClientIP>127.0.0.1</rsp:ClientIP>",
		"<rsp:IdleTimeOut>PT7200.000S</rsp:IdleTimeOut>", "<rsp:ShellRunTime>P0DT0H0M0S</rsp:ShellRunTime>",
	} {
		if !strings.Contains(got.raw, want) {
			t.Errorf("no %s in %s", want, got.raw)
		}
	}
	shell := between(got.raw, "<rsp:ShellId>", "</rsp:ShellId>")
	if !regexp.MustCompile(`^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$`).MatchString(shell) {
		t.Errorf("shell %q", shell)
	}
	if got := w.must(wireRequest{action: nsTransfer + "/Get", resource: uriShell, shell: shell}); got.body.XMLName.Local != "Shell" {
		t.Errorf("Get: %s", got.raw)
	}
	if got := w.must(wireRequest{action: nsEnum + "/Enumerate", resource: uriShell}); !strings.Contains(got.raw, shell) {
		t.Errorf("Enumerate: %s", got.raw)
	}
	if got := w.must(deleteRequest(strings.ToLower(shell))); got.action != nsTransfer+"/DeleteResponse" {
		t.Errorf("Delete: %s", got.raw)
	}
	for name, a := range map[string]wireRequest{
		"Command": commandRequest(shell, "", "echo"), "Receive": receiveRequest(shell, newGUID()), "Send": sendRequest(shell, newGUID(), "", false),
		"Signal": signalRequest(shell, newGUID(), "terminate"), "Delete": deleteRequest(shell),
		"Get": {action: nsTransfer + "/Get", resource: uriShell, shell: shell},
	} {
		if got := w.do(a); got.code != codeNotFound || got.subs != "w:InvalidSelectors" {
			t.Errorf("%s in a deleted shell: fault %d %s", name, got.code, got.subs)
		}
	}
	if n := w.server.Counters(); n.Shells != 1 || n.OpenShells != 0 {
		t.Errorf("counted %+v", n)
	}
}

func TestShellsBelongToTheirUsers(t *testing.T) {
	t.Parallel()
	s := start(t, basicAuth(Options{Accounts: map[string]AccountState{"other": {Password: "pw"}}}))
	shell := dial(t, s).create()
	other := dial(t, s)
	other.user, other.pass = "other", "pw"
	if got := other.do(deleteRequest(shell)); got.code != codeAccessDenied {
		t.Errorf("fault %d", got.code)
	}
	if got := other.must(wireRequest{action: nsEnum + "/Enumerate", resource: uriShell}); strings.Contains(got.raw, shell) {
		t.Errorf("Enumerate shows another's shell: %s", got.raw)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{Programs: map[string]Program{"cat": cat}})))
	shell := w.create()
	long := strings.Repeat("x", maxLine+1)
	for _, c := range []struct{ name, line, stdout, stderr, exit string }{
		{"echo writes its arguments", "echo one  two", "one  two\r\n", "", "0"},
		{"echo can be run by cmd", `C:\Windows\System32\cmd.exe /c echo one`, "one\r\n", "", "0"},
		{"exit returns its code", "exit 42", "", "", "42"},
		{"exit returns codes above an int32 as negative numbers", "exit 3221225786", "", "", "-1073741510"},
		{"an unknown program is an error", "frobnicate", "", "'frobnicate' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n", "1"},
		{"a line that is too long for cmd.exe is an error", "echo " + long, "", "The command line is too long.\r\n", "1"},
		{"PowerShell is not simulated", "powershell.exe -Command 1", "", "CLIXML", "1"},
	} {
		h := w.receiveAll(shell, w.command(shell, c.line))
		if h.stdout != c.stdout || !strings.Contains(h.stderr, c.stderr) || h.exit != c.exit {
			t.Errorf("%s: got %q, %q, %s", c.name, h.stdout, h.stderr, h.exit)
		}
	}
	direct := commandRequest(shell, "", "echo "+long)
	direct.options["WINRS_SKIP_CMD_SHELL"] = "TRUE"
	if h := w.receiveAll(shell, w.must(direct).body.child(nsShell, "CommandId").text()); h.stdout != long+"\r\n" {
		t.Errorf("without cmd.exe: %d characters of %d", len(h.stdout), len(long)+2)
	}
	if got := w.do(commandRequest(shell, "", "echo "+strings.Repeat("x", maxProcess))); got.code != codeLineTooLong || !strings.Contains(got.raw, "ProviderFault") {
		t.Errorf("beyond CreateProcess: fault %d", got.code)
	}
}

func TestArgumentsAreJoined(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{})))
	shell := w.create()
	a := commandRequest(shell, "", "echo")
	a.body = `<rsp:CommandLine><rsp:Command>echo</rsp:Command><rsp:Arguments>a&amp;b</rsp:Arguments><rsp:Arguments>c</rsp:Arguments></rsp:CommandLine>`
	if h := w.receiveAll(shell, w.must(a).body.child(nsShell, "CommandId").text()); h.stdout != "a&b c\r\n" {
		t.Errorf("got %q", h.stdout)
	}
}

func TestTheClientMayChooseTheCommandID(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{})))
	shell, id := w.create(), newGUID()
	got := w.must(commandRequest(shell, strings.ToLower(id), "echo hi"))
	if have := got.body.child(nsShell, "CommandId").text(); have != id {
		t.Errorf("command %q, want %q", have, id)
	}
	if got := w.do(commandRequest(shell, id, "echo hi")); got.code != codeCommandIDTaken {
		t.Errorf("the same id again: fault %d", got.code)
	}
	if got := w.do(commandRequest(shell, "seventeen", "echo hi")); got.code != codeCommandIDInvalid {
		t.Errorf("an id that is not a GUID: fault %d", got.code)
	}
	if n := w.server.Counters().Processes; n != 1 {
		t.Errorf("%d processes", n)
	}
	if h := w.receiveAll(shell, id); h.stdout != "hi\r\n" {
		t.Errorf("got %q", h.stdout)
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{Programs: map[string]Program{"hang": hang}})))
	shell := w.create()
	for _, name := range []string{"terminate", "ctrl_c", "ctrl_break"} {
		id := w.command(shell, "hang")
		w.must(signalRequest(shell, id, name))
		if n := w.server.Counters().RunningProcesses; n != 0 {
			t.Errorf("%s: %d processes run", name, n)
		}
		if h := w.receive(shell, id); !h.done || h.exit != fmt.Sprint(exitKilled) {
			t.Errorf("%s: got %+v", name, h)
		}
		if got := w.do(signalRequest(shell, id, "ctrl_c")); got.code != codeNotFound {
			t.Errorf("ctrl_c after %s: fault %d", name, got.code)
		}
		w.must(signalRequest(shell, id, "terminate")) // removes the command
		if got := w.do(receiveRequest(shell, id)); got.code != codeNotFound {
			t.Errorf("Receive of a removed command: fault %d", got.code)
		}
	}
	if got := w.do(signalRequest(shell, w.command(shell, "hang"), "wink")); got.code != codeSchema {
		t.Errorf("an unknown signal: fault %d", got.code)
	}
}

func TestInput(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{Programs: map[string]Program{"cat": cat}})))
	shell := w.create()
	id := w.command(shell, "cat")
	w.must(sendRequest(shell, id, "one\n", false))
	if h := w.receive(shell, id); h.stdout != "one\n" || h.done {
		t.Errorf("got %+v", h)
	}
	w.must(sendRequest(shell, id, "two\n", true))
	if h := w.receiveAll(shell, id); h.stdout != "two\n" || h.exit != "0" {
		t.Errorf("got %+v", h)
	}
	if got := w.do(sendRequest(shell, id, "three\n", false)); got.code != codePipeClosed {
		t.Errorf("Send to a process that has ended: fault %d", got.code)
	}
	if got := w.do(wireRequest{action: nsShell + "/Send", shell: shell, body: `<rsp:Send><rsp:Stream Name="stdin" CommandId="` + id + `">%%</rsp:Stream></rsp:Send>`}); got.code != codeSchema {
		t.Errorf("input that is not base64: fault %d", got.code)
	}
}

func TestConsoleInputHasNoEnd(t *testing.T) {
	t.Parallel()
	w := dial(t, start(t, basicAuth(Options{Programs: map[string]Program{"cat": cat}})))
	shell := w.create()
	a := commandRequest(shell, "", "cat")
	a.options["WINRS_CONSOLEMODE_STDIN"] = "TRUE"
	id := w.must(a).body.child(nsShell, "CommandId").text()
	w.must(sendRequest(shell, id, "one", true))
	w.must(sendRequest(shell, id, "two", true)) // would be rejected after the end of input
	got := w.receive(shell, id)
	if !strings.HasPrefix("onetwo", got.stdout) || got.done {
		t.Errorf("got %+v", got)
	}
}

func TestProgramsReceiveTheirArguments(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	w := dial(t, start(t, basicAuth(Options{Programs: map[string]Program{
		"show": func(_ context.Context, args string, _ io.Reader, _, _ io.Writer) int { got <- args; return 0 },
	}})))
	shell := w.create()
	w.receiveAll(shell, w.command(shell, `"C:\Program Files\Show.exe" "a b" c`))
	if args := <-got; args != `"a b" c` {
		t.Errorf("arguments %q", args)
	}
}
