// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

const maxRedirects = 5

// secure refuses a URL that is not https, or http where that is allowed.
func (s *Source) secure(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && s.AllowHTTP {
		return nil
	}
	return fmt.Errorf("%w: %s: write https://, or set AllowHTTP if the way there is trusted", ErrInsecure, shown(u))
}

// redirect is a CheckRedirect that holds redirects to this package's rules, and then to those of the client's own.
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

// follow checks a redirect, and takes from its request what is not for the server that it goes to.
func (s *Source) follow(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("%w: more than %d are not followed, the last to %s: use the URL where the schema is",
			ErrRedirects, maxRedirects, shown(req.URL))
	}
	if err := s.secure(req.URL); err != nil {
		return fmt.Errorf("redirected: %w", err)
	}
	// The query of the URL before would be in it.
	req.Header.Del("Referer")
	left := func(r *http.Request) bool { return !sameOrigin(r.URL, via[0].URL) }
	if left(req) || slices.ContainsFunc(via, left) {
		for name := range s.Header {
			req.Header.Del(name)
		}
	}
	return nil
}

// sameOrigin tells whether two URLs have the same scheme, host and port.
func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }
