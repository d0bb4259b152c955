// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
)

// shown is a URL as errors and logs have it: userinfo and query may hold credentials.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}

// quoting are errors of net/http which quote what may hold credentials, by how they begin, and what is said instead.
var quoting = map[string]string{
	"failed to parse Location header": "the server redirects to what is no URL: ask who runs it",
	"invalid proxy address":           "the address of the proxy is no URL: check HTTPS_PROXY and HTTP_PROXY",
}

// network is an error of net/http without the URLs that it shows, and with what to do.
func (f *fetch) network(err error) error {
	if f.refused {
		return bare(err) // by this package's rules, which say what to do
	}
	err = bare(err)
	for beginning, instead := range quoting {
		if strings.HasPrefix(err.Error(), beginning) {
			return errors.New(instead)
		}
	}
	password, _ := f.url.User.Password()
	secrets := redact.New(f.url.RawQuery, f.url.User.Username(), password)
	if text := secrets.String(err.Error()); text != err.Error() {
		err = errors.New(text) // not wrapped, or the secret would be one Unwrap away
	}
	return fmt.Errorf("%w: check the host, the proxy and the certificate", err)
}

// bare is an error without those around it that show the URL.
func bare(err error) error {
	for around := (*url.Error)(nil); errors.As(err, &around); {
		err = around.Err
	}
	return err
}
