// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/bodgit/ntlmssp"
)

// Negotiate flags (MS-NLMP 2.2.2.5) and their offsets in the messages.
const (
	ntlmRequestTarget    = 0x00000004
	ntlmSign             = 0x00000010
	ntlmSeal             = 0x00000020
	ntlmNTLM             = 0x00000200
	ntlmExtendedSecurity = 0x00080000
	ntlmTargetInfo       = 0x00800000
	ntlm128              = 0x20000000
	ntlmKeyExchange      = 0x40000000

	ntlmSealed = ntlmSign | ntlmSeal | ntlmExtendedSecurity | ntlm128 | ntlmKeyExchange

	negotiateFlagsOffset = 12
	challengeFlagsOffset = 20
	challengeSize        = 48
)

// doNTLM authenticates the connection by NTLM and sends an envelope.
func (cn *conn) doNTLM(ctx context.Context, action string, envelope []byte) (*response, error) {
	c := cn.client
	ntlm, authorization, r, err := cn.negotiateNTLM(ctx)
	switch {
	case errors.Is(err, errNoChallenge):
		return nil, cn.unprovenError(action, r)
	case err != nil:
		return nil, c.wrap(ctx, "authenticate", err)
	}
	sealed := c.tls == nil
	if !sealed && cn.sendsWithCredentials(action) {
		r, err = cn.post(ctx, c.responseTimeout(), contentTypeSOAP, authorization, envelope)
		return r, cn.recordAuthResult(r, err)
	}
	r, err = cn.post(ctx, time.Until(cn.authDeadline), contentTypeSOAP, authorization, nil)
	if err = cn.recordAuthResult(r, err); err != nil {
		return nil, err
	}
	if r.status != http.StatusOK {
		return nil, c.statusError(action, r)
	}
	if sealed {
		if cn.sealing = ntlm.SecuritySession(); cn.sealing == nil {
			return nil, errors.New("host did not agree to seal messages")
		}
	}
	return cn.send(ctx, envelope)
}

// unprovenError returns the error for a response without a challenge. Its body is not read: nothing has proven that it comes from the
// host, so that anything in it, a fault too, may be forged.
func (cn *conn) unprovenError(action string, r *response) error {
	cn.broken = true
	switch r.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return cn.recordAuthResult(r, nil)
	case http.StatusOK:
		return &TransportError{
			Op: "authenticate", Host: cn.client.cfg.hostPort, permanent: true, untrusted: true,
			Err: errors.New("the host responded before it asked for the credentials, so that its response cannot be trusted: this port does not serve WinRM, or the connection is intercepted"),
		}
	}
	return cn.client.statusError(action, r)
}

// errNoChallenge reports that the response to the negotiate message contains no challenge.
var errNoChallenge = errors.New("response contains no NTLM challenge")

// negotiateNTLM sends the negotiate message in a request without a body and returns the Authorization header that responds to
// the host's challenge. With errNoChallenge it also returns the response.
func (cn *conn) negotiateNTLM(ctx context.Context) (ntlm *ntlmssp.Client, authorization string, r *response, err error) {
	cfg := cn.client.cfg
	domain, user := splitAccount(cfg.Username)
	ntlm, err = ntlmssp.NewClient(ntlmssp.SetUserInfo(user, cfg.Password), ntlmssp.SetDomain(domain))
	if err != nil {
		return nil, "", nil, err
	}
	negotiate, err := ntlm.Authenticate(nil, nil)
	if err != nil {
		return nil, "", nil, err
	}
	// The library sets neither of these flags, which Windows expects in a negotiate message. It keeps the same slice for the
	// integrity code of the authenticate message.
	flags := binary.LittleEndian.Uint32(negotiate[negotiateFlagsOffset:])
	binary.LittleEndian.PutUint32(negotiate[negotiateFlagsOffset:], flags|ntlmRequestTarget|ntlmNTLM)

	r, err = cn.post(ctx, time.Until(cn.authDeadline), contentTypeSOAP, negotiateHeader(negotiate), nil)
	if err != nil {
		return nil, "", nil, err
	}
	challenge := authToken(r.header)
	if r.status != http.StatusUnauthorized || challenge == nil {
		return nil, "", r, errNoChallenge
	}
	if cn.broken {
		return nil, "", nil, errors.New("host closed the connection during authentication")
	}
	if err := checkChallenge(challenge, cn.client.tls == nil); err != nil {
		return nil, "", nil, err
	}
	var bindings *ntlmssp.ChannelBindings
	if data := channelBindings(cn.certificate); data != nil {
		bindings = &ntlmssp.ChannelBindings{ApplicationData: data}
	}
	message, err := authenticate(ntlm, challenge, bindings)
	if err != nil {
		return nil, "", nil, err
	}
	return ntlm, negotiateHeader(message), r, nil
}

// authenticate returns the authenticate message for a challenge. The library does not check the lengths in a challenge, so a
// malicious one can cause a panic, which is returned as an error.
func authenticate(ntlm *ntlmssp.Client, challenge []byte, bindings *ntlmssp.ChannelBindings) (message []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("NTLM challenge of the host is malformed: %v", r)
		}
	}()
	return ntlm.Authenticate(challenge, bindings)
}

// checkChallenge returns an error if a challenge does not allow NTLMv2 or, if sealed is set, 128-bit sealing.
func checkChallenge(challenge []byte, sealed bool) error {
	if len(challenge) < challengeSize || !bytes.HasPrefix(challenge, []byte("NTLMSSP\x00\x02\x00\x00\x00")) {
		return errors.New("NTLM challenge of the host is malformed")
	}
	flags := binary.LittleEndian.Uint32(challenge[challengeFlagsOffset:])
	infoSize := binary.LittleEndian.Uint16(challenge[40:])
	if flags&ntlmTargetInfo == 0 || infoSize <= 4 { // the terminator alone has 4 bytes
		return errors.New("NTLM challenge of the host has no target information, which NTLMv2 requires")
	}
	if sealed && flags&ntlmSealed != ntlmSealed {
		return fmt.Errorf("host does not support sealing messages with 128 bits (flags %08x); use TLS", flags)
	}
	return nil
}

// negotiateHeader returns the Authorization header for a message.
func negotiateHeader(message []byte) string {
	return "Negotiate " + base64.StdEncoding.EncodeToString(message)
}

// channelBindings returns the channel binding for the host's certificate (RFC 5929, tls-server-end-point), which makes an
// authentication useless on another TLS connection. It returns nil without a certificate, and for a certificate whose
// signature algorithm has no hash function.
func channelBindings(certificate *x509.Certificate) []byte {
	if certificate == nil {
		return nil
	}
	var hash crypto.Hash
	switch certificate.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1,
		x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256, x509.DSAWithSHA256:
		hash = crypto.SHA256
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		hash = crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		hash = crypto.SHA512
	default:
		return nil
	}
	h := hash.New()
	h.Write(certificate.Raw)
	return append([]byte(ntlmssp.TLSServerEndPoint+":"), h.Sum(nil)...)
}

// splitAccount splits a user name into domain and user for NTLM. A name in the form user@domain is not split, and the domain
// "." of local accounts is removed.
func splitAccount(username string) (domain, user string) {
	if d, u, ok := strings.Cut(username, `\`); ok {
		if d == "." {
			d = ""
		}
		return d, u
	}
	return "", username
}
