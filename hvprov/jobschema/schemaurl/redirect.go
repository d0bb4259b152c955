// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

const maxRedirects = 5

// secure returns an error unless a URL is https, or http if that is allowed.
func (s *Source) secure(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && s.AllowHTTP {
		return nil
	}
	return fmt.Errorf("%w: %s: use https://, or set AllowHTTP for a trusted network", errInsecure, displayed(u))
}

// redirect returns a CheckRedirect that applies the rules of this package, and then those of the client.
func (f *fetch) redirect(own func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		err := f.src.follow(req, via)
		if err == nil && own != nil {
			err = own(req, via)
		}
		f.refused = err != nil
		return err
	}
}

// follow checks a redirect, and removes headers that must not be sent to another server.
func (s *Source) follow(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("%w: more than %d, the last to %s: use the final URL of the schema",
			errRedirects, maxRedirects, displayed(req.URL))
	}
	if err := s.secure(req.URL); err != nil {
		return fmt.Errorf("redirected: %w", err)
	}
	// It contains the query of the previous URL.
	req.Header.Del("Referer")
	left := func(r *http.Request) bool { return !sameOrigin(r.URL, via[0].URL) }
	if left(req) || slices.ContainsFunc(via, left) {
		for name := range s.Header {
			req.Header.Del(name)
		}
	}
	return nil
}

// sameOrigin reports whether two URLs have the same scheme, host and port.
func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }
