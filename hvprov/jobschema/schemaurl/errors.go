// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/httpx"
)

var (
	errTooLarge  = errors.New("schema is too large")
	errInsecure  = errors.New("not an https URL")
	errRedirects = errors.New("too many redirects")
	errDigest    = errors.New("SHA-256 differs")
)

// StatusError is the error of a response without a schema.
type StatusError struct {
	Code int    // HTTP status code (RFC 9110 15)
	URL  string // after redirects, without userinfo and query
}

// Error implements error.
func (e *StatusError) Error() string {
	return fmt.Sprintf("server returned status %d %s: %s", e.Code, http.StatusText(e.Code), e.remedy())
}

func (e *StatusError) remedy() string {
	switch {
	case e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden:
		return "check the credentials in Header, and the account's permission to read the schema"
	case e.Code == http.StatusNotFound || e.Code == http.StatusGone:
		return "check the path of the URL"
	case e.Code == http.StatusProxyAuthRequired:
		return "check the credentials for the proxy"
	case httpx.IsTransientStatus(e.Code):
		return "try again later"
	}
	return "open the URL with another program: a schema has status 200"
}
