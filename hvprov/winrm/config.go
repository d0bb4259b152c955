// SPDX-License-Identifier: MPL-2.0

// Package winrm holds the settings of a connection to a Windows host over WinRM.
package winrm

import (
	"context"
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
	// AuthKerberos proves the account by a ticket of its domain, and has the host prove itself by that too. It works over TLS
	// only: the sealing of messages that Kerberos offers over HTTP is not implemented.
	AuthKerberos Auth = "kerberos"
	// AuthCertificate proves an account by a client certificate that the host maps to it, over TLS.
	AuthCertificate Auth = "certificate"
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

// Config says which host to talk to and how. It prints without its secrets.
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
	// Username is an account: user, DOMAIN\user or user@domain. AuthCertificate needs none.
	Username string
	// Password is the account's password. AuthCertificate needs none, and AuthKerberos takes a credential cache instead.
	Password string
	// AllowClearBasic permits AuthBasic without TLS, which shows the password to whoever listens.
	AllowClearBasic bool
	// Kerberos is what AuthKerberos may need to know beyond the account.
	Kerberos Kerberos
	// ClientCert and ClientKey are the certificate of AuthCertificate, with those that lead to its authority, and its key, in
	// PEM form and not encrypted.
	ClientCert, ClientKey []byte

	// Proxy is the URL of a proxy that connections to the host go through: http, https or socks5, with user name and password
	// where it wants them. Empty means none: the variables of the environment are not looked at. KDCs are asked directly.
	Proxy string

	// ConnectTimeout limits the TCP connection, through the proxy if there is one, the TLS handshake and the authentication
	// exchange, all together; 0 means 10 s.
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

	// Dial opens TCP connections to the host or its proxy; nil means that of net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Kerberos says how to obtain tickets. The zero value does with what the machine has been set up for.
type Kerberos struct {
	// Realm is the account's; empty means that of Username in the form user@realm, or else the configuration's default_realm.
	Realm string
	// ConfigFile is the path of krb5.conf; empty means that of the variable KRB5_CONFIG, or else /etc/krb5.conf, or else none,
	// when KDCs are found in the DNS.
	ConfigFile string
	// CCache is the path of a credential cache, as kinit writes it, which is used where there is no Password; empty means that
	// of the variable KRB5CCNAME, or else /tmp/krb5cc_<uid>. It is read when a ticket is wanted.
	CCache string
	// SPN is the service principal name that the host is registered under; empty means HTTP/ and the Address.
	SPN string
}

// HostPort returns the address and port as they appear in URLs and messages.
func (c Config) HostPort() string {
	return net.JoinHostPort(strings.Trim(c.Address, "[]"), strconv.Itoa(c.Port))
}

// URL returns the address that requests are sent to.
func (c Config) URL() string {
	if c.TLS {
		return "https://" + c.HostPort() + "/wsman"
	}
	return "http://" + c.HostPort() + "/wsman"
}

// String describes the connection without its secrets.
func (c Config) String() string {
	text := fmt.Sprintf("%s (auth %s, user %s", c.URL(), c.Auth, c.Username)
	if c.Proxy != "" {
		text += ", by proxy " + proxyName(c.Proxy)
	}
	return text + ")"
}

// GoString describes the connection without its secrets, for %#v.
func (c Config) GoString() string { return "wsman.Config{" + c.String() + "}" }

// Format writes String for every verb, so that no verb reaches the secrets.
func (c Config) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue describes the connection without its secrets, for log/slog.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("url", c.URL()), slog.String("auth", string(c.Auth)),
		slog.String("user", c.Username), slog.String("proxy", proxyName(c.Proxy)))
}

// MarshalJSON refuses to write a configuration, since it holds secrets.
func (c Config) MarshalJSON() ([]byte, error) {
	return nil, errors.New("winrm: a configuration cannot be written as JSON: it holds secrets")
}
