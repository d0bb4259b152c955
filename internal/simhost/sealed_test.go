// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/bodgit/ntlmssp"
)

// ntlmClient is an NTLM client on one connection, with the implementation of another project.
type ntlmClient struct {
	server  *Server
	http    *http.Client
	ntlm    *ntlmssp.Client
	spnego  bool
	binding *ntlmssp.ChannelBindings
}

func newNTLMClient(t *testing.T, s *Server) *ntlmClient {
	t.Helper()
	client, err := ntlmssp.NewClient(ntlmssp.SetUserInfo(s.Username(), s.Password()), ntlmssp.SetVersion(ntlmssp.DefaultVersion()))
	if err != nil {
		t.Fatal(err)
	}
	transport := dial(t, s).http.Transport.(*http.Transport)
	transport.MaxConnsPerHost = 1
	dialed := false
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if dialed { // authentication belongs to the connection
			return nil, errors.New("the client needs a second connection")
		}
		dialed = true
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	return &ntlmClient{server: s, http: &http.Client{Transport: transport}, ntlm: client}
}

func (l *ntlmClient) post(ctx context.Context, kind, authorization string, body []byte) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.server.URL(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", kind)
	if authorization != "" {
		req.Header.Set("Authorization", "Negotiate "+authorization)
	}
	resp, err := l.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return resp, raw, err
}

// token returns a message of the client, wrapped in SPNEGO if configured.
func (l *ntlmClient) token(message []byte, first bool) (string, error) {
	if !l.spnego {
		return base64.StdEncoding.EncodeToString(message), nil
	}
	type initToken struct {
		MechTypes []asn1.ObjectIdentifier `asn1:"explicit,tag:0"`
		MechToken []byte                  `asn1:"explicit,tag:2"`
	}
	type respToken struct {
		ResponseToken []byte `asn1:"explicit,tag:2"`
	}
	if !first {
		der, err := asn1.MarshalWithParams(respToken{message}, "explicit,tag:1")
		return base64.StdEncoding.EncodeToString(der), err
	}
	inner, err := asn1.MarshalWithParams(initToken{[]asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 311, 2, 2, 10}}, message}, "explicit,tag:0")
	if err != nil {
		return "", err
	}
	oid, err := asn1.Marshal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 2})
	if err != nil {
		return "", err
	}
	der, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassApplication, Tag: 0, IsCompound: true, Bytes: append(oid, inner...)})
	return base64.StdEncoding.EncodeToString(der), err
}

// handshake authenticates the connection and returns the last answer.
func (l *ntlmClient) handshake(ctx context.Context) (*http.Response, error) {
	message, err := l.ntlm.Authenticate(nil, nil)
	if err != nil {
		return nil, err
	}
	token, err := l.token(message, true)
	if err != nil {
		return nil, err
	}
	resp, _, err := l.post(ctx, soapType, token, nil)
	if err != nil {
		return nil, err
	}
	reply, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(resp.Header.Get("Www-Authenticate"), "Negotiate "))
	if err != nil {
		return nil, err
	}
	if at := bytes.Index(reply, []byte("NTLMSSP\x00")); l.spnego && at > 0 {
		reply = reply[at:]
	}
	if message, err = l.ntlm.Authenticate(reply, l.binding); err != nil {
		return nil, err
	}
	if token, err = l.token(message, false); err != nil {
		return nil, err
	}
	resp, _, err = l.post(ctx, soapType, token, nil)
	return resp, err
}

// call sends a sealed envelope and decrypts the answer.
func (l *ntlmClient) call(ctx context.Context, envelope string) (string, error) {
	sealed, sig, err := l.ntlm.SecuritySession().Wrap([]byte(envelope))
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\r\n\tContent-Type: %s\r\n\tOriginalContent: type=%s;Length=%d\r\n%s\r\n%s",
		boundary, sealedProtocol, soapType, len(envelope), boundary, octets)
	_ = binary.Write(&b, binary.LittleEndian, uint32(len(sig)))
	b.Write(sig)
	b.Write(sealed)
	b.WriteString(boundary + "--\r\n")
	resp, raw, err := l.post(ctx, sealedType, "", b.Bytes())
	if err != nil {
		return "", err
	}
	_, payload, found := bytes.Cut(raw, []byte(octets))
	payload, ended := bytes.CutSuffix(payload, []byte(boundary+"--\r\n"))
	if !found || !ended || resp.Header.Get("Content-Type") != sealedType {
		return "", fmt.Errorf("answer %d is not sealed: %q", resp.StatusCode, raw)
	}
	plain, err := l.ntlm.SecuritySession().Unwrap(payload[20:], payload[4:20])
	return string(plain), err
}

func TestSealedExchange(t *testing.T) {
	t.Parallel()
	for _, spnego := range []bool{false, true} {
		t.Run(fmt.Sprintf("with SPNEGO %t", spnego), func(t *testing.T) {
			t.Parallel()
			s := start(t, Options{PlainHTTP: true})
			l := newNTLMClient(t, s)
			l.spnego = spnego
			resp, err := l.handshake(limited(t))
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("handshake: %v, %v", resp, err)
			}
			if done := resp.Header.Get("Www-Authenticate"); (done != "") != spnego {
				t.Errorf("the handshake ends with %q", done)
			}
			for range 3 { // the ciphers of both sides stay in step
				got, err := l.call(limited(t), (wireRequest{action: nsTransfer + "/Create", body: createBody}).envelope(s.URL()))
				if err != nil || !strings.Contains(got, "<rsp:ShellId>") {
					t.Fatalf("got %s, %v", got, err)
				}
			}
			// Faults are sealed as well.
			got, err := l.call(limited(t), deleteRequest(newGUID()).envelope(s.URL()))
			if err != nil || !strings.Contains(got, fmt.Sprint(codeNotFound)) {
				t.Errorf("got %s, %v", got, err)
			}
			if n := s.Counters(); n.POSTs != 6 || n.Connections != 1 || n.Shells != 3 {
				t.Errorf("counted %+v", n)
			}
			checkSealed(t, s, true)
		})
	}
}

func TestMessagesWithABrokenSealAreRejected(t *testing.T) {
	t.Parallel()
	s := start(t, Options{PlainHTTP: true})
	l := newNTLMClient(t, s)
	if _, err := l.handshake(limited(t)); err != nil {
		t.Fatal(err)
	}
	// A message that was encrypted and not sent puts the ciphers out of step.
	if _, _, err := l.ntlm.SecuritySession().Wrap([]byte("lost")); err != nil {
		t.Fatal(err)
	}
	if got, err := l.call(limited(t), "<x/>"); err == nil {
		t.Fatalf("got %q", got)
	}
	log := s.Log()
	if last := log[len(log)-1]; last.Status != http.StatusBadRequest {
		t.Errorf("answered %d", last.Status)
	}
	// The connection is not authenticated any more.
	if _, err := l.call(limited(t), "<x/>"); err == nil {
		t.Error("a second message was accepted")
	}
}

func TestChannelBinding(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Auth: Auth{RequireChannelBinding: true}})
	for _, c := range []struct {
		name string
		data func(cert []byte) []byte
		want int
	}{
		{"the binding of the server", func(cert []byte) []byte { h := sha256.Sum256(cert); return h[:] }, http.StatusOK},
		{"another binding", func([]byte) []byte { return make([]byte, 32) }, http.StatusUnauthorized},
		{"no binding", nil, http.StatusUnauthorized},
	} {
		l := newNTLMClient(t, s)
		if c.data != nil {
			conn, err := tls.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(s.URL(), "https://"), "/wsman"), l.http.Transport.(*http.Transport).TLSClientConfig)
			if err != nil {
				t.Fatal(err)
			}
			cert := conn.ConnectionState().PeerCertificates[0].Raw
			_ = conn.Close()
			l.binding = &ntlmssp.ChannelBindings{ApplicationData: append([]byte("tls-server-end-point:"), c.data(cert)...)}
		}
		resp, err := l.handshake(limited(t))
		if err != nil || resp.StatusCode != c.want {
			t.Errorf("%s: %v, %v", c.name, resp, err)
		}
	}
}

func TestManySealedConnections(t *testing.T) {
	t.Parallel()
	s := start(t, Options{PlainHTTP: true})
	const clients, calls = 8, 20
	errs := make(chan error, clients)
	for range clients {
		l := newNTLMClient(t, s)
		go func() {
			_, err := l.handshake(t.Context())
			for range calls {
				got, callErr := l.call(t.Context(), (wireRequest{action: nsEnum + "/Enumerate", resource: uriShell}).envelope(s.URL()))
				if callErr == nil && !strings.Contains(got, "EnumerateResponse") {
					callErr = errors.New(got)
				}
				err = errors.Join(err, callErr)
			}
			errs <- err
		}()
	}
	for range clients {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := s.Counters(); n.POSTs != clients*(calls+2) || n.Connections != clients {
		t.Errorf("counted %+v", n)
	}
	checkSealed(t, s, true)
}
