// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// start returns a server that Cleanup closes.
func start(t *testing.T, opts Options) *Server {
	t.Helper()
	s, err := Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// basicAuth returns options with Basic authentication over HTTP.
func basicAuth(opts Options) Options {
	opts.PlainHTTP, opts.Auth = true, Auth{AllowBasic: true, AllowUnencrypted: true}
	return opts
}

// wire is a client with Basic authentication that sends valid and invalid requests.
type wire struct {
	t      *testing.T
	server *Server
	http   *http.Client
	user   string
	pass   string
}

func dial(t *testing.T, s *Server) *wire {
	transport := &http.Transport{}
	if pem := s.CACertPEM(); pem != nil {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &wire{t, s, &http.Client{Transport: transport}, s.Username(), s.Password()}
}

// answer is a parsed answer.
type answer struct {
	status int
	header http.Header
	raw    string
	body   *element // the first element of the SOAP body
	relate string
	action string
	code   uint32 // of a fault
	subs   string
}

// wireRequest is a request. Zero fields have valid values; "-" omits a header.
type wireRequest struct {
	action, resource, id, shell, timeout, size, extra, body string
	options                                                 map[string]string
}

func (a wireRequest) envelope(url string) string {
	or := func(s, d string) string {
		if s == "" {
			return d
		}
		return s
	}
	header := func(name, value string) string {
		if value == "-" { // omitted
			return ""
		}
		return "<" + name + ">" + value + "</" + name + ">"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<s:Envelope xmlns:s=%q xmlns:a=%q xmlns:w=%q xmlns:p=%q xmlns:rsp=%q><s:Header>`,
		nsSOAP, nsAddress, nsWSMan, nsMSWSMan, nsShell)
	b.WriteString(header("a:To", url))
	b.WriteString(`<a:ReplyTo><a:Address s:mustUnderstand="true">` + uriAnonymous + `</a:Address></a:ReplyTo>`)
	b.WriteString(header("a:Action", a.action) + header("a:MessageID", or(a.id, "uuid:"+newGUID())))
	b.WriteString(header("w:ResourceURI", or(a.resource, uriCmd)))
	b.WriteString(header("w:OperationTimeout", or(a.timeout, "PT20S")))
	b.WriteString(header("w:MaxEnvelopeSize", or(a.size, "153600")))
	if a.shell != "" {
		b.WriteString(`<w:SelectorSet><w:Selector Name="ShellId">` + a.shell + `</w:Selector></w:SelectorSet>`)
	}
	b.WriteString(`<w:OptionSet>`)
	for k, v := range a.options {
		fmt.Fprintf(&b, `<w:Option Name=%q>%s</w:Option>`, k, v)
	}
	b.WriteString(`</w:OptionSet>` + a.extra + `</s:Header><s:Body>` + a.body + `</s:Body></s:Envelope>`)
	return b.String()
}

// try sends a request and returns the error of a broken connection.
func (w *wire) try(ctx context.Context, a wireRequest) (answer, error) {
	return w.post(ctx, a.envelope(w.server.URL()))
}

func (w *wire) post(ctx context.Context, envelope string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.server.URL(), strings.NewReader(envelope))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", soapType)
	req.SetBasicAuth(w.user, w.pass)
	resp, err := w.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	got := answer{status: resp.StatusCode, header: resp.Header, raw: string(raw), body: &element{}}
	var e element
	if len(raw) == 0 {
		return got, nil
	}
	if err := xml.Unmarshal(raw, &e); err != nil {
		return got, fmt.Errorf("%w in %s", err, raw)
	}
	head := e.child(nsSOAP, "Header")
	got.relate, got.action = head.child(nsAddress, "RelatesTo").text(), head.child(nsAddress, "Action").text()
	if body := e.child(nsSOAP, "Body"); body != nil && len(body.Children) > 0 {
		got.body = &body.Children[0]
	}
	if got.body.XMLName.Local == "Fault" {
		_, _ = fmt.Sscan(got.body.child(nsSOAP, "Detail").child(nsFault, "WSManFault").attr("Code"), &got.code)
		got.subs = got.body.child(nsSOAP, "Code").child(nsSOAP, "Subcode").child(nsSOAP, "Value").text()
	}
	return got, nil
}

// do sends a request and fails the test if the connection breaks.
func (w *wire) do(a wireRequest) answer {
	w.t.Helper()
	got, err := w.try(context.Background(), a)
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

// must sends a request and fails the test if it does not succeed.
func (w *wire) must(a wireRequest) answer {
	w.t.Helper()
	got := w.do(a)
	if got.status != http.StatusOK {
		w.t.Fatalf("%s: status %d, %s", a.action, got.status, got.raw)
	}
	return got
}

const createBody = `<rsp:Shell><rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>`

func (w *wire) create() string {
	w.t.Helper()
	got := w.must(wireRequest{action: nsTransfer + "/Create", body: createBody})
	return strings.TrimSpace(between(got.raw, "<rsp:ShellId>", "</rsp:ShellId>"))
}

func commandRequest(shell, id, line string) wireRequest {
	attr := ""
	if id != "" {
		attr = fmt.Sprintf(` CommandId=%q`, id)
	}
	return wireRequest{
		action: nsShell + "/Command", shell: shell, options: map[string]string{"WINRS_CONSOLEMODE_STDIN": "FALSE"},
		body: `<rsp:CommandLine` + attr + `><rsp:Command>` + escape(line) + `</rsp:Command></rsp:CommandLine>`,
	}
}

func (w *wire) command(shell, line string) string {
	w.t.Helper()
	return w.must(commandRequest(shell, "", line)).body.child(nsShell, "CommandId").text()
}

func sendRequest(shell, command, text string, end bool) wireRequest {
	return wireRequest{action: nsShell + "/Send", shell: shell, body: fmt.Sprintf(`<rsp:Send><rsp:Stream Name="stdin" CommandId=%q End="%t">%s</rsp:Stream></rsp:Send>`,
		command, end, base64.StdEncoding.EncodeToString([]byte(text)))}
}

func receiveRequest(shell, command string) wireRequest {
	return wireRequest{
		action: nsShell + "/Receive", shell: shell,
		body: fmt.Sprintf(`<rsp:Receive><rsp:DesiredStream CommandId=%q>stdout stderr</rsp:DesiredStream></rsp:Receive>`, command),
	}
}

func signalRequest(shell, command, name string) wireRequest {
	return wireRequest{
		action: nsShell + "/Signal", shell: shell,
		body: fmt.Sprintf(`<rsp:Signal CommandId=%q><rsp:Code>%s/signal/%s</rsp:Code></rsp:Signal>`, command, nsShell, name),
	}
}

func deleteRequest(shell string) wireRequest {
	return wireRequest{action: nsTransfer + "/Delete", shell: shell}
}

// receivedOutput is the output in the answer to a Receive.
type receivedOutput struct {
	stdout, stderr string
	pieces         []string
	done           bool
	exit           string
}

func parseReceive(t *testing.T, got answer) receivedOutput {
	t.Helper()
	var h receivedOutput
	for i := range got.body.Children {
		c := &got.body.Children[i]
		switch c.XMLName.Local {
		case "Stream":
			data, err := base64.StdEncoding.DecodeString(c.text())
			if err != nil {
				t.Fatal(err)
			}
			if len(data) > 0 {
				h.pieces = append(h.pieces, string(data))
			}
			if c.attr("Name") == "stdout" {
				h.stdout += string(data)
			} else {
				h.stderr += string(data)
			}
		case "CommandState":
			h.done = strings.HasSuffix(c.attr("State"), "/Done")
			h.exit = c.child(nsShell, "ExitCode").text()
		}
	}
	return h
}

func (w *wire) receive(shell, command string) receivedOutput {
	w.t.Helper()
	return parseReceive(w.t, w.must(receiveRequest(shell, command)))
}

// receiveAll receives until the command has ended.
func (w *wire) receiveAll(shell, command string) receivedOutput {
	w.t.Helper()
	var all receivedOutput
	for !all.done {
		h := w.receive(shell, command)
		all.stdout, all.stderr, all.pieces = all.stdout+h.stdout, all.stderr+h.stderr, append(all.pieces, h.pieces...)
		all.done, all.exit = h.done, h.exit
	}
	return all
}

func between(s, left, right string) string {
	_, s, _ = strings.Cut(s, left)
	s, _, _ = strings.Cut(s, right)
	return s
}

// limited returns a context that ends a hanging test.
func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// cat copies its input to its output.
func cat(_ context.Context, _ string, stdin io.Reader, stdout, _ io.Writer) int {
	if _, err := io.Copy(stdout, stdin); err != nil {
		return 1
	}
	return 0
}

// hang does nothing until it is killed.
func hang(ctx context.Context, _ string, _ io.Reader, _, _ io.Writer) int {
	<-ctx.Done()
	return 0
}
