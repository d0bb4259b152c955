// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"cmp"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/winrm"
)

// Defaults of [winrm.Config], as its fields document them.
const (
	defaultConnectTimeout   = 10 * time.Second
	defaultOperationTimeout = 20 * time.Second
	defaultResponseMargin   = 10 * time.Second
	defaultEnvelopeSize     = 153600
	defaultMaxConnections   = 4
)

var defaultProxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080"}

// settings is a valid configuration in which the defaults replace the zero values.
type settings struct {
	winrm.Config
	url      string
	hostPort string
	// dialAddress is hostPort with the zone of an IPv6 address.
	dialAddress string
	proxy       *url.URL // with a port; nil without a proxy
}

func newSettings(config winrm.Config) (settings, error) {
	if err := config.Validate(); err != nil {
		return settings{}, err
	}
	s := settings{Config: config, url: config.URL()}
	u, err := url.Parse(s.url)
	if err != nil {
		return settings{}, err
	}
	s.hostPort, s.dialAddress = u.Host, u.Host
	if _, zone, found := strings.Cut(strings.Trim(config.Address, "[]"), "%"); found {
		s.dialAddress = net.JoinHostPort(u.Hostname()+"%"+zone, u.Port())
	}
	if config.Proxy != "" {
		if s.proxy, err = url.Parse(config.Proxy); err != nil {
			return settings{}, err
		}
		if s.proxy.Port() == "" {
			s.proxy.Host = net.JoinHostPort(s.proxy.Hostname(), defaultProxyPorts[s.proxy.Scheme])
		}
	}
	s.Auth = cmp.Or(s.Auth, winrm.AuthNTLM)
	s.ConnectTimeout = cmp.Or(s.ConnectTimeout, defaultConnectTimeout)
	s.OperationTimeout = cmp.Or(s.OperationTimeout, defaultOperationTimeout)
	s.ResponseMargin = cmp.Or(s.ResponseMargin, defaultResponseMargin)
	s.EnvelopeSize = cmp.Or(s.EnvelopeSize, defaultEnvelopeSize)
	s.MaxConnections = cmp.Or(s.MaxConnections, defaultMaxConnections)
	s.Kerberos.SPN = cmp.Or(s.Kerberos.SPN, "HTTP/"+u.Hostname())
	return s, nil
}
