// SPDX-License-Identifier: MPL-2.0

package winrm

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
)

// Auth is a way of authenticating to the host.
type Auth string

const (
	// AuthBasic sends user name and password with each request; Windows accepts it for local accounts only.
	AuthBasic Auth = "basic"
	// AuthNTLM proves knowledge of the password once for each connection. It is the default.
	AuthNTLM Auth = "ntlm"
)

// Defaults that stand in for zero values of [Config].
const (
	DefaultTLSPort          = 5986
	DefaultPort             = 5985
	DefaultConnectTimeout   = 10 * time.Second
	DefaultOperationTimeout = 20 * time.Second
	DefaultResponseMargin   = 10 * time.Second
	DefaultEnvelopeSize     = 153600
	DefaultMaxConnections   = 4
)

// Limits of what a host accepts (MS-WSMV, and the service's own defaults).
const (
	minEnvelopeSize     = 8192
	maxOperationTimeout = 60 * time.Second
)

// Config says which host to talk to and how. It prints without its password.
type Config struct {
	// Address is the host's name or IP address, without scheme and port.
	Address string
	// Port is the TCP port; 0 means 5986 with TLS and 5985 without.
	Port int
	// TLS selects HTTPS.
	TLS bool
	// Insecure accepts any server certificate.
	Insecure bool
	// CACert holds the certificates, in PEM form, that the server's must lead to; empty means those of the system.
	CACert []byte
	// TLSServerName is the name that the server's certificate must bear, where it is not Address.
	TLSServerName string

	// Auth is the way of authenticating; empty means AuthNTLM.
	Auth Auth
	// Username is an account: user, DOMAIN\user or user@domain.
	Username string
	// Password is the account's password.
	Password string
	// AllowClearBasic permits AuthBasic without TLS, which shows the password to whoever listens.
	AllowClearBasic bool

	// ConnectTimeout limits TCP connection, TLS handshake and the authentication exchange; 0 means 10 s.
	ConnectTimeout time.Duration
	// OperationTimeout is how long the host may keep a request waiting, at most 60 s; 0 means 20 s.
	OperationTimeout time.Duration
	// ResponseMargin is how much longer than OperationTimeout an answer is awaited; 0 means 10 s. With equal limits every
	// silent poll would be given up a moment before its answer.
	ResponseMargin time.Duration
	// EnvelopeSize is the largest SOAP envelope in bytes that either side sends; 0 means 153600.
	EnvelopeSize int
	// MaxConnections is the largest number of TCP connections at a time; 0 means 4. A waiting Receive occupies one.
	MaxConnections int

	// Dial opens TCP connections; nil means that of net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// withDefaults returns the configuration with its zero values replaced, or all that is wrong with it.
func (c Config) withDefaults() (Config, error) {
	var problems []error
	bad := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	if c.Address == "" {
		bad("address is empty")
	} else if strings.ContainsAny(c.Address, "/@ \t\r\n") {
		bad("address %q must be a host name or an IP address, without scheme or path", c.Address)
	}
	if c.Port < 0 || c.Port > 65535 {
		bad("port %d is not between 1 and 65535", c.Port)
	}
	if c.Auth == "" {
		c.Auth = AuthNTLM
	}
	switch {
	case c.Auth != AuthBasic && c.Auth != AuthNTLM:
		bad("auth %q is not known: use %q or %q", c.Auth, AuthNTLM, AuthBasic)
	case c.Auth == AuthBasic && !c.TLS && !c.AllowClearBasic:
		bad("basic authentication without TLS would send the password in clear: use TLS or NTLM")
	case c.Auth == AuthBasic && strings.Contains(c.Username, ":"):
		bad("a user name with a colon cannot be sent by basic authentication")
	}
	if c.Username == "" {
		bad("username is empty")
	}
	if len(c.CACert) > 0 && !x509.NewCertPool().AppendCertsFromPEM(c.CACert) {
		bad("the CA certificate holds no certificate in PEM form")
	}
	if c.ConnectTimeout < 0 {
		bad("connect timeout %v is negative", c.ConnectTimeout)
	}
	if c.OperationTimeout < 0 || c.OperationTimeout > maxOperationTimeout {
		bad("operation timeout %v is not between 0 and %v", c.OperationTimeout, maxOperationTimeout)
	}
	if c.ResponseMargin < 0 {
		bad("response margin %v is negative", c.ResponseMargin)
	}
	if c.EnvelopeSize != 0 && c.EnvelopeSize < minEnvelopeSize {
		bad("envelope size %d is below %d", c.EnvelopeSize, minEnvelopeSize)
	}
	if c.MaxConnections < 0 {
		bad("number of connections %d is negative", c.MaxConnections)
	}

	if c.Port == 0 {
		c.Port = DefaultPort
		if c.TLS {
			c.Port = DefaultTLSPort
		}
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = DefaultConnectTimeout
	}
	if c.OperationTimeout == 0 {
		c.OperationTimeout = DefaultOperationTimeout
	}
	if c.ResponseMargin == 0 {
		c.ResponseMargin = DefaultResponseMargin
	}
	if c.EnvelopeSize == 0 {
		c.EnvelopeSize = DefaultEnvelopeSize
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = DefaultMaxConnections
	}
	if len(problems) > 0 {
		return c, fmt.Errorf("winrm: invalid configuration: %w", errors.Join(problems...))
	}
	return c, nil
}

// host is the address and port as they stand in URLs and messages.
func (c Config) host() string {
	return net.JoinHostPort(strings.Trim(c.Address, "[]"), strconv.Itoa(c.Port))
}

// url is where requests go.
func (c Config) url() string {
	if c.TLS {
		return "https://" + c.host() + "/wsman"
	}
	return "http://" + c.host() + "/wsman"
}

// account splits Username into domain and user as NTLM wants them. A user@domain name travels whole, without a domain, and
// the domain "." of local accounts is left out.
func (c Config) account() (domain, user string) {
	if d, u, ok := strings.Cut(c.Username, `\`); ok {
		if d == "." {
			d = ""
		}
		return d, u
	}
	return "", c.Username
}

// String describes the connection without its password.
func (c Config) String() string {
	return fmt.Sprintf("%s (auth %s, user %s)", c.url(), c.Auth, c.Username)
}

// GoString describes the connection without its password, for %#v.
func (c Config) GoString() string { return "winrm.Config{" + c.String() + "}" }

// Format writes String for every verb, so that no verb reaches the password.
func (c Config) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue describes the connection without its password, for log/slog.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("url", c.url()), slog.String("auth", string(c.Auth)), slog.String("user", c.Username))
}

// MarshalJSON refuses to write a configuration, since it holds a password.
func (c Config) MarshalJSON() ([]byte, error) {
	return nil, errors.New("winrm: a configuration cannot be written as JSON: it holds a password")
}
