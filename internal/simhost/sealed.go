// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/internal/ntlm"
)

const (
	sealedProtocol = "application/HTTP-SPNEGO-session-encrypted"
	sealedType     = `multipart/encrypted;protocol="` + sealedProtocol + `";boundary="Encrypted Boundary"`
	boundary       = "--Encrypted Boundary"
	octets         = "\tContent-Type: application/octet-stream\r\n"
)

var originalLength = regexp.MustCompile(`(?i)OriginalContent:[^\r\n]*;Length=(\d+)`)

// decrypt returns the envelope of the request in clear text. If it returns nil, the request has been answered.
func (x *exchange) decrypt(body []byte) []byte {
	kind := strings.ToLower(x.r.Header.Get("Content-Type"))
	switch {
	case strings.HasPrefix(kind, "multipart/encrypted"):
		if x.conn.session == nil || !x.conn.session.Seals() {
			x.unauthorized("sealed message without an NTLM session of this connection", "")
			return nil
		}
		plain, err := unseal(x.conn.session, body)
		if err != nil {
			x.conn.forget()
			x.refuse(http.StatusBadRequest, err.Error())
			return nil
		}
		x.entry.Sealed = true
		return plain
	case !strings.HasPrefix(kind, "application/soap+xml"):
		x.refuse(http.StatusUnsupportedMediaType, "content type "+kind)
		return nil
	case x.server.opts.PlainHTTP && !x.server.opts.Auth.AllowUnencrypted:
		x.unauthorized("unencrypted messages are not allowed", "")
		return nil
	case len(body) == 0:
		x.refuse(http.StatusBadRequest, "no envelope")
		return nil
	}
	return body
}

// unseal decrypts a body in the form of MS-WSMV 2.2.9.1.
func unseal(session *ntlm.Session, body []byte) ([]byte, error) {
	head, payload, found := bytes.Cut(body, []byte(octets))
	if !found || !bytes.HasPrefix(head, []byte(boundary+"\r\n")) {
		return nil, errors.New("sealed body: no encrypted part")
	}
	payload, found = bytes.CutSuffix(payload, []byte(boundary+"--\r\n"))
	if !found {
		return nil, errors.New("sealed body: no end")
	}
	length := originalLength.FindSubmatch(head)
	if length == nil || !bytes.Contains(head, []byte("Content-Type: "+sealedProtocol)) {
		return nil, errors.New("sealed body: no OriginalContent")
	}
	if len(payload) < 4 || binary.LittleEndian.Uint32(payload) != ntlm.SignatureSize {
		return nil, errors.New("sealed body: no signature")
	}
	plain, err := session.Open(payload[4:])
	if err != nil {
		return nil, fmt.Errorf("sealed body: %w", err)
	}
	if want, err := strconv.Atoi(string(length[1])); err != nil || want != len(plain) {
		return nil, fmt.Errorf("sealed body: %d bytes, OriginalContent has %s", len(plain), length[1])
	}
	return plain, nil
}

// seal encrypts a body in the form of MS-WSMV 2.2.9.1.
func seal(session *ntlm.Session, plain []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\r\n\tContent-Type: %s\r\n\tOriginalContent: type=%s;Length=%d\r\n%s\r\n%s",
		boundary, sealedProtocol, soapType, len(plain), boundary, octets)
	_ = binary.Write(&b, binary.LittleEndian, uint32(ntlm.SignatureSize)) // a bytes.Buffer does not fail
	b.Write(session.Seal(plain))
	b.WriteString(boundary + "--\r\n")
	return b.Bytes()
}
