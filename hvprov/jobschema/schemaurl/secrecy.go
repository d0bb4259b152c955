// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/httpx"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
)

// displayed returns a URL for errors and logs, without userinfo and query, which may contain credentials.
func displayed(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// quotingErrors are replacements of errors of net/http that may quote credentials, by prefix.
var quotingErrors = map[string]string{
	"failed to parse Location header": "the server redirects to an invalid URL: contact its administrator",
	"invalid proxy address":           "the address of the proxy is invalid: check HTTPS_PROXY and HTTP_PROXY",
}

// network returns an error of net/http without URLs, and with a remedy.
func (f *fetch) network(err error) error {
	cause := httpx.Cause(err)
	if f.refused {
		return cause // by this package, with a remedy
	}
	for prefix, replacement := range quotingErrors {
		if strings.HasPrefix(cause.Error(), prefix) {
			return errors.New(replacement)
		}
	}
	password, _ := f.url.User.Password()
	secrets := redact.New(f.url.RawQuery, f.url.User.Username(), password)
	return fmt.Errorf("%w: check the host, the proxy and the certificate", httpx.Redact(cause, secrets))
}
