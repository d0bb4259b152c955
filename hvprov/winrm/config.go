// SPDX-License-Identifier: MPL-2.0

// Package winrm defines the settings of a WinRM connection to a Windows host.
package winrm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Auth is an authentication method.
type Auth string

const (
	// AuthBasic sends the user name and password with each request. Windows accepts it for local accounts only.
	AuthBasic Auth = "basic"
	// AuthNTLM authenticates each connection once by NTLMv2. It is the default. Without TLS it encrypts every message.
	AuthNTLM Auth = "ntlm"
	// AuthKerberos authenticates each connection with a ticket of the account's domain, and authenticates the host as well. It
	// requires TLS: message encryption by Kerberos over HTTP is not implemented.
	AuthKerberos Auth = "kerberos"
	// AuthCertificate authenticates with a client certificate that the host maps to an account. It requires TLS.
	AuthCertificate Auth = "certificate"
)

// Config describes a WinRM connection to one host. Its zero values are replaced by the defaults that the fields document. It
// prints without its secrets.
type Config struct {
	// Address is the host's DNS name or IP address, without scheme and port. Required.
	Address string
	// Port is the TCP port. 0 means 5986 with TLS and 5985 without.
	Port int
	// TLS selects HTTPS.
	TLS bool
	// Insecure disables the verification of the host's certificate.
	Insecure bool
	// CACert contains the trusted CA certificates in PEM form. Empty means the system's certificate pool.
	CACert []byte
	// TLSServerName is the name that the host's certificate must contain. Empty means Address.
	TLSServerName string

	// Auth is the authentication method. Empty means AuthNTLM.
	Auth Auth
	// Username is the account in the form user, DOMAIN\user or user@domain. AuthCertificate does not use it.
	Username string
	// Password is the account's password. AuthCertificate does not use it; AuthKerberos uses a credential cache if it is empty.
	Password string
	// AllowClearBasic permits AuthBasic without TLS, which sends the password in clear text.
	AllowClearBasic bool
	// Kerberos holds the settings of AuthKerberos.
	Kerberos Kerberos
	// ClientCert and ClientKey are the certificate of AuthCertificate, followed by its intermediate certificates, and its
	// private key, both in PEM form. The key must not be encrypted.
	ClientCert, ClientKey []byte

	// Proxy is the URL of a proxy for connections to the host, with the scheme http, https or socks5 and optionally with user
	// name and password. Empty means no proxy: proxy environment variables are ignored. Connections to KDCs use no proxy.
	Proxy string

	// ConnectTimeout limits the TCP connection, the proxy, the TLS handshake and the authentication together. 0 means 10 s.
	ConnectTimeout time.Duration
	// OperationTimeout is the time after which the host answers a request that has no result yet, at most 60 s. 0 means 20 s.
	OperationTimeout time.Duration
	// ResponseMargin is added to OperationTimeout to limit the wait for a response, so that the host's own timeout comes
	// first. 0 means 10 s.
	ResponseMargin time.Duration
	// EnvelopeSize is the maximum size of a SOAP envelope in bytes, at least 8192. 0 means 153600.
	EnvelopeSize int
	// MaxConnections is the maximum number of concurrent TCP connections. A pending Receive occupies one. 0 means 4.
	MaxConnections int

	// Dial opens TCP connections to the host or its proxy. Nil means net.Dialer's DialContext.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Kerberos holds the settings of [AuthKerberos]. The zero value uses the machine's Kerberos configuration.
type Kerberos struct {
	// Realm is the account's realm. Empty means the realm of Username in the form user@realm, or else the default_realm of the
	// configuration file.
	Realm string
	// ConfigFile is the path of krb5.conf. Empty means the value of KRB5_CONFIG, or else /etc/krb5.conf. If that does not
	// exist, KDCs are looked up in the DNS.
	ConfigFile string
	// CCache is the path of a credential cache as kinit writes it, used in place of a Password and read whenever a ticket is
	// needed. Empty means the value of KRB5CCNAME, or else /tmp/krb5cc_<uid>.
	CCache string
	// SPN is the host's service principal name. Empty means HTTP/ followed by Address.
	SPN string
}

// URL returns the URL of the host's WinRM service.
func (c Config) URL() string {
	scheme, port := "http", 5985
	if c.TLS {
		scheme, port = "https", 5986
	}
	if c.Port != 0 {
		port = c.Port
	}
	// The zone of an IPv6 address has a meaning on this machine only (RFC 6874, section 4).
	host, _, _ := strings.Cut(strings.Trim(c.Address, "[]"), "%")
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port)) + "/wsman"
}

// String returns a description of the connection without its secrets.
func (c Config) String() string {
	text := fmt.Sprintf("%s (auth %s, user %s", c.URL(), c.Auth, c.Username)
	if c.Proxy != "" {
		text += ", proxy " + redactedProxy(c.Proxy)
	}
	return text + ")"
}

// Format implements [fmt.Formatter] and writes String for every verb, so that no verb prints secrets.
func (c Config) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue implements [slog.LogValuer] and returns the connection's settings without its secrets.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("url", c.URL()), slog.String("auth", string(c.Auth)),
		slog.String("user", c.Username), slog.String("proxy", redactedProxy(c.Proxy)))
}

// MarshalJSON returns an error, because a Config contains secrets.
func (c Config) MarshalJSON() ([]byte, error) {
	return nil, errors.New("winrm: configuration cannot be marshaled as JSON because it contains secrets")
}

// redactedProxy returns a proxy's URL without user name and password, or an empty string if the URL is invalid.
func redactedProxy(proxy string) string {
	u, err := url.Parse(proxy)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
