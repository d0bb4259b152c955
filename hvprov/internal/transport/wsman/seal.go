// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/bodgit/ntlmssp"
)

// The form of sealed messages, as MS-WSMV 2.2.9.1 gives it. It looks like MIME multipart and is not: there is no line end
// before the last boundary, and blanks are as Windows writes them.
const (
	sealedProtocol    = "application/HTTP-SPNEGO-session-encrypted"
	sealedBoundary    = "--Encrypted Boundary"
	sealedContentType = `multipart/encrypted;protocol="` + sealedProtocol + `";boundary="Encrypted Boundary"`
	sealedOctets      = "Content-Type: application/octet-stream\r\n"
	sealedEnd         = sealedBoundary + "--"
	signatureSize     = 16
)

// seal makes the body that carries an envelope in secret.
func seal(session *ntlmssp.SecuritySession, envelope []byte) ([]byte, error) {
	ciphertext, signature, err := session.Wrap(envelope)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(len(envelope) + 512)
	fmt.Fprintf(&b, "%s\r\n\tContent-Type: %s\r\n\tOriginalContent: type=%s;Length=%d\r\n%s\r\n\t%s",
		sealedBoundary, sealedProtocol, contentTypeSOAP, len(envelope), sealedBoundary, sealedOctets)
	_ = binary.Write(&b, binary.LittleEndian, uint32(len(signature))) //nolint:gosec // 16
	b.Write(signature)
	b.Write(ciphertext)
	b.WriteString(sealedEnd + "\r\n")
	return b.Bytes(), nil
}

// isSealed tells whether a Content-Type announces a sealed body.
func isSealed(contentType string) bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(contentType)), "multipart/encrypted")
}

// unseal reads a sealed body and proves that the host made it, as the next in order.
func unseal(session *ntlmssp.SecuritySession, body []byte) ([]byte, error) {
	_, sealed, found := bytes.Cut(body, []byte(sealedOctets))
	end := bytes.LastIndex(sealed, []byte(sealedEnd))
	if !found || end < 4+signatureSize {
		return nil, errors.New("a sealed answer is malformed")
	}
	if binary.LittleEndian.Uint32(sealed) != signatureSize {
		return nil, errors.New("a sealed answer has a signature of unknown size")
	}
	signature, ciphertext := sealed[4:4+signatureSize], sealed[4+signatureSize:end]
	envelope, err := session.Unwrap(ciphertext, signature)
	if err != nil {
		return nil, fmt.Errorf("a sealed answer is not genuine: %w", err)
	}
	return envelope, nil
}
