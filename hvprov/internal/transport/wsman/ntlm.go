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

// Flags of MS-NLMP 2.2.2.5, and where they stand in the messages.
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

	negotiateFlagsAt = 12
	challengeFlagsAt = 20
	challengeSize    = 48
)

// carryNTLM authenticates a lane by NTLM and brings an envelope to the host.
func (l *lane) carryNTLM(ctx context.Context, action string, envelope []byte) (*answer, error) {
	c := l.client
	client, authorization, a, err := l.ntlmExchange(ctx)
	switch {
	case errors.Is(err, errNoChallenge):
		if a.status != http.StatusUnauthorized {
			return a, nil // no WinRM service, or one in trouble: read tells which
		}
		return nil, l.settle(a, nil)
	case err != nil:
		return nil, &TransportError{Op: "authenticate", Host: c.cfg.hostPort, Err: err, byContext: ctx.Err() != nil && errors.Is(err, ctx.Err())}
	}
	sealed := c.tls == nil
	if !sealed && l.mayCarry(action) {
		a, err = l.post(ctx, c.answerLimit(), contentTypeSOAP, authorization, envelope)
		return a, l.settle(a, err)
	}
	a, err = l.post(ctx, time.Until(l.authBy), contentTypeSOAP, authorization, nil)
	if err = l.settle(a, err); err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, c.status(action, a)
	}
	if sealed {
		if l.sealing = client.SecuritySession(); l.sealing == nil {
			return nil, errors.New("sealing was not agreed")
		}
	}
	return l.send(ctx, envelope)
}

// errNoChallenge: the host answered the first message with something other than a challenge.
var errNoChallenge = errors.New("no challenge")

// ntlmExchange sends the first message, without a body, and makes the Authorization header that answers the host's challenge.
// The answer is returned with errNoChallenge when it holds no challenge.
func (l *lane) ntlmExchange(ctx context.Context) (client *ntlmssp.Client, authorization string, a *answer, err error) {
	domain, user := account(l.client.cfg.Username)
	client, err = ntlmssp.NewClient(ntlmssp.SetUserInfo(user, l.client.cfg.Password), ntlmssp.SetDomain(domain))
	if err != nil {
		return nil, "", nil, err
	}
	first, err := client.Authenticate(nil, nil)
	if err != nil {
		return nil, "", nil, err
	}
	// The library asks for neither a target name nor NTLM by name, which Windows expects of a first message. It keeps this
	// same slice for the integrity code of the last message.
	flags := binary.LittleEndian.Uint32(first[negotiateFlagsAt:])
	binary.LittleEndian.PutUint32(first[negotiateFlagsAt:], flags|ntlmRequestTarget|ntlmNTLM)

	a, err = l.post(ctx, time.Until(l.authBy), contentTypeSOAP, negotiate(first), nil)
	if err != nil {
		return nil, "", nil, err
	}
	challenge := token(a.header)
	if a.status != http.StatusUnauthorized || challenge == nil {
		return nil, "", a, errNoChallenge
	}
	if l.broken {
		return nil, "", nil, errors.New("the host closed the connection in the middle of authentication")
	}
	if err := checkChallenge(challenge, l.client.tls == nil); err != nil {
		return nil, "", nil, err
	}
	var binding *ntlmssp.ChannelBindings
	if data := bindings(l.certificate); data != nil {
		binding = &ntlmssp.ChannelBindings{ApplicationData: data}
	}
	last, err := authenticate(client, challenge, binding)
	if err != nil {
		return nil, "", nil, err
	}
	return client, negotiate(last), a, nil
}

// authenticate answers a challenge. The library takes the fields of a challenge on trust and can panic on one that was made
// to harm; that must not end the whole program.
func authenticate(client *ntlmssp.Client, challenge []byte, bindings *ntlmssp.ChannelBindings) (message []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the host's NTLM challenge is malformed: %v", r)
		}
	}()
	return client.Authenticate(challenge, bindings)
}

// checkChallenge refuses a challenge that would lead to less than NTLMv2, or to less than full sealing where that is needed.
func checkChallenge(challenge []byte, sealed bool) error {
	if len(challenge) < challengeSize || !bytes.HasPrefix(challenge, []byte("NTLMSSP\x00\x02\x00\x00\x00")) {
		return errors.New("the host's NTLM challenge is malformed")
	}
	flags := binary.LittleEndian.Uint32(challenge[challengeFlagsAt:])
	infoSize := binary.LittleEndian.Uint16(challenge[40:])
	if flags&ntlmTargetInfo == 0 || infoSize <= 4 { // the end mark alone takes 4
		return errors.New("the host's NTLM challenge does not describe the host, so NTLMv2 is not possible")
	}
	if sealed && flags&ntlmSealed != ntlmSealed {
		return fmt.Errorf("the host does not agree to seal messages with 128 bits (flags %08x); use TLS", flags)
	}
	return nil
}

func negotiate(message []byte) string {
	return "Negotiate " + base64.StdEncoding.EncodeToString(message)
}

// token is the message that an answer's WWW-Authenticate headers carry, or nil.
func token(header http.Header) []byte {
	for _, value := range header.Values("WWW-Authenticate") {
		scheme, encoded, _ := strings.Cut(value, " ")
		if !contains([]string{"Negotiate", "NTLM", "Kerberos"}, scheme) {
			continue
		}
		if message, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded)); err == nil && len(message) > 0 {
			return message
		}
	}
	return nil
}

// bindings ties the authentication to the server's certificate (RFC 5929, tls-server-end-point), so that it is worth nothing
// on another TLS connection. Certificates with a signature that names no hash have no such binding.
func bindings(certificate *x509.Certificate) []byte {
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

// account splits Username into domain and user as NTLM wants them. A user@domain name travels whole, without a domain, and
// the domain "." of local accounts is left out.
func account(username string) (domain, user string) {
	if d, u, ok := strings.Cut(username, `\`); ok {
		if d == "." {
			d = ""
		}
		return d, u
	}
	return "", username
}
