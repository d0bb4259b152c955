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

// The format of sealed messages (MS-WSMV 2.2.9.1). It resembles MIME multipart but is not: there is no line break before the
// last boundary, and white space is as Windows writes it.
const (
	sealedProtocol    = "application/HTTP-SPNEGO-session-encrypted"
	sealedBoundary    = "--Encrypted Boundary"
	sealedContentType = `multipart/encrypted;protocol="` + sealedProtocol + `";boundary="Encrypted Boundary"`
	sealedOctets      = "Content-Type: application/octet-stream\r\n"
	sealedEnd         = sealedBoundary + "--"
	signatureSize     = 16
)

// seal returns the encrypted and signed body for an envelope.
func seal(session *ntlmssp.SecuritySession, envelope []byte) ([]byte, error) {
	ciphertext, signature, err := session.Wrap(envelope)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(len(envelope) + 512)
	fmt.Fprintf(&b, "%s\r\n\tContent-Type: %s\r\n\tOriginalContent: type=%s;Length=%d\r\n%s\r\n\t%s",
		sealedBoundary, sealedProtocol, contentTypeSOAP, len(envelope), sealedBoundary, sealedOctets)
	_ = binary.Write(&b, binary.LittleEndian, uint32(len(signature))) //nolint:gosec // 16 bytes
	b.Write(signature)
	b.Write(ciphertext)
	b.WriteString(sealedEnd + "\r\n")
	return b.Bytes(), nil
}

// isSealed reports whether contentType is that of a sealed body.
func isSealed(contentType string) bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(contentType)), "multipart/encrypted")
}

// unseal decrypts a sealed body and verifies its signature, which includes its sequence number.
func unseal(session *ntlmssp.SecuritySession, body []byte) ([]byte, error) {
	_, sealed, found := bytes.Cut(body, []byte(sealedOctets))
	end := bytes.LastIndex(sealed, []byte(sealedEnd))
	if !found || end < 4+signatureSize {
		return nil, errors.New("sealed response is malformed")
	}
	if binary.LittleEndian.Uint32(sealed) != signatureSize {
		return nil, errors.New("sealed response has a signature of unknown size")
	}
	signature, ciphertext := sealed[4:4+signatureSize], sealed[4+signatureSize:end]
	envelope, err := session.Unwrap(ciphertext, signature)
	if err != nil {
		return nil, fmt.Errorf("sealed response is not authentic: %w", err)
	}
	return envelope, nil
}
