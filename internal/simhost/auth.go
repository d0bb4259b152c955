// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/internal/simhost/internal/ntlm"
)

// authenticate determines the user of the request. If it returns false, the request has been answered.
func (x *exchange) authenticate(body []byte) bool {
	header := x.r.Header.Get("Authorization")
	scheme, credentials, _ := strings.Cut(header, " ")
	switch {
	case header == "" && x.conn.user != "" && len(body) > 0:
		x.user = x.conn.user
		return true
	case header == "":
		x.conn.forget() // an empty request starts a new handshake
		x.unauthorized("no credentials", "")
	case strings.EqualFold(scheme, "Basic"):
		return x.basic(credentials)
	case x.server.opts.Auth.NoNegotiate && !strings.EqualFold(scheme, "Kerberos"):
		x.unauthorized("authentication scheme "+scheme+" is disabled", "")
	case strings.EqualFold(scheme, "Negotiate"), strings.EqualFold(scheme, "Kerberos"):
		return x.negotiate(credentials, len(body) == 0)
	case strings.EqualFold(scheme, certificateScheme):
		return x.certificate()
	default:
		x.unauthorized("authentication scheme "+scheme+" is not supported", "")
	}
	return false
}

// unauthorized answers HTTP 401 without a body. Only the log has the reason.
func (x *exchange) unauthorized(note, challenge string) {
	negotiate := "Negotiate"
	if x.server.opts.Auth.NoNegotiate {
		negotiate = "Kerberos"
	}
	if challenge != "" {
		negotiate += " " + challenge
	}
	x.w.Header().Add("Www-Authenticate", negotiate)
	if challenge == "" && x.server.kerberos != nil && !x.server.opts.Auth.NoNegotiate {
		x.w.Header().Add("Www-Authenticate", "Kerberos")
	}
	if challenge == "" && x.server.opts.Auth.AllowBasic {
		x.w.Header().Add("Www-Authenticate", `Basic realm="WSMAN"`)
	}
	x.refuse(http.StatusUnauthorized, note)
}

func (x *exchange) basic(encoded string) bool {
	auth := x.server.opts.Auth
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	name, password, found := strings.Cut(string(raw), ":")
	account, known := x.server.account(name)
	switch {
	case !auth.AllowBasic:
		x.unauthorized("Basic is not allowed", "")
	case x.server.opts.PlainHTTP && !auth.AllowUnencrypted:
		x.unauthorized("Basic over HTTP needs unencrypted messages to be allowed", "")
	case err != nil || !found:
		x.unauthorized("malformed credentials", "")
	case !known || !hmac.Equal([]byte(account.Password), []byte(password)):
		x.unauthorized("wrong user name or password", "")
	case account.rejection() != "":
		x.unauthorized(account.rejection(), "")
	default:
		x.user = account.name
		return true
	}
	return false
}

// account returns the account with a name, with or without a domain prefix.
func (s *Server) account(name string) (credentials, bool) {
	if _, after, found := strings.Cut(name, `\`); found {
		name = after
	}
	a, ok := s.accounts[strings.ToLower(name)]
	return a, ok
}

func (c credentials) rejection() string {
	switch {
	case c.Locked:
		return "the account is locked"
	case c.Expired:
		return "the account has expired"
	}
	return ""
}

// negotiate handles a Kerberos token or a message of an NTLM handshake. Both authenticate the connection.
func (x *exchange) negotiate(encoded string, empty bool) bool {
	token, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		x.unauthorized("malformed token", "")
		return false
	}
	if x.isKerberos(token) {
		return x.kerberos(token, empty)
	}
	raw, spnego, err := ntlm.Unwrap(token)
	if err != nil {
		x.conn.forget()
		x.unauthorized(err.Error(), "")
		return false
	}
	if ntlm.Kind(raw) == 1 {
		x.challenge(raw, spnego)
		return false
	}
	account, session, err := x.verify(raw)
	x.conn.forget()
	if err != nil {
		x.unauthorized(err.Error(), "")
		return false
	}
	x.conn.user, x.conn.session, x.user = account.name, session, account.name
	if spnego {
		if done, err := ntlm.Wrap(nil); err == nil {
			x.w.Header().Set("Www-Authenticate", "Negotiate "+base64.StdEncoding.EncodeToString(done))
		}
	}
	return x.accepted(empty)
}

// accepted reports whether an authenticated request must be served. A request without a body was sent for authentication only and
// is answered here.
func (x *exchange) accepted(empty bool) bool {
	if empty {
		x.entry.User = x.user
		x.refuse(http.StatusOK, "")
		return false
	}
	return true
}

func (x *exchange) challenge(raw []byte, spnego bool) {
	x.conn.forget()
	c, err := ntlm.NewChallenge(raw, x.server.hostName, x.server.clock.Now())
	if err != nil {
		x.unauthorized(err.Error(), "")
		return
	}
	token := c.Message()
	if spnego {
		if token, err = ntlm.Wrap(token); err != nil {
			x.unauthorized(err.Error(), "")
			return
		}
	}
	x.conn.challenge = c
	x.unauthorized("", base64.StdEncoding.EncodeToString(token))
}

// verify verifies the last message of a handshake.
func (x *exchange) verify(raw []byte) (credentials, *ntlm.Session, error) {
	if x.conn.challenge == nil {
		return credentials{}, nil, errors.New("no handshake was started on this connection")
	}
	id, err := ntlm.ParseAuthenticate(raw)
	if err != nil {
		return credentials{}, nil, err
	}
	account, known := x.server.account(id.User)
	if !known {
		return credentials{}, nil, errors.New("no such user")
	}
	session, err := x.conn.challenge.Verify(id, account.Password)
	if err != nil {
		return credentials{}, nil, err
	}
	if why := account.rejection(); why != "" {
		return credentials{}, nil, errors.New(why)
	}
	if why := x.bindingError(id.ChannelBinding); why != "" {
		return credentials{}, nil, errors.New(why)
	}
	return account, session, nil
}

// channelBinding returns the MD5 of the tls-server-end-point of RFC 5929 in the structure of MS-NLMP 3.1.5.1.2.
func channelBinding(certHash []byte) []byte {
	data := append([]byte("tls-server-end-point:"), certHash...)
	var addresses [16]byte // none
	b := binary.LittleEndian.AppendUint32(addresses[:], uint32(len(data)))
	sum := md5.Sum(append(b, data...))
	return sum[:]
}
