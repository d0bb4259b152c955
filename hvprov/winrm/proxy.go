// SPDX-License-Identifier: MPL-2.0

package winrm

import (
	"errors"
	"fmt"
	"net"
	"net/url"
)

var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080"}

// ParseProxy parses a URL for [Config.Proxy]. Its errors do not repeat the URL, which may hold a password. For an empty text it
// returns nil.
func ParseProxy(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("the proxy is no URL: write http://proxy.example:3128; in user name and password, write special characters as %XX")
	case proxyPorts[u.Scheme] == "":
		return nil, fmt.Errorf("a proxy of type %q is not known: use http, https or socks5", u.Scheme)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the proxy's URL has a path or more behind its port")
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), proxyPorts[u.Scheme])
	}
	return u, nil
}

// proxyName is a proxy's URL without user name and password.
func proxyName(text string) string {
	u, err := ParseProxy(text)
	if err != nil || u == nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
