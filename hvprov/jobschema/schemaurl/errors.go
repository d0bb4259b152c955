// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"errors"
	"fmt"
	"net/http"
)

// Errors that [Source.Load] wraps.
var (
	// ErrTooLarge means that the schema has more bytes than are read.
	ErrTooLarge = errors.New("the schema is too large")
	// ErrInsecure means that the URL, or where it redirects to, is not https.
	ErrInsecure = errors.New("not an https URL")
	// ErrRedirects means that one redirect followed another too often.
	ErrRedirects = errors.New("too many redirects")
	// ErrDigest means that the content is not that which [Source.SHA256] names.
	ErrDigest = errors.New("the SHA-256 differs")
)

// StatusError says that the server answered, and gave no schema.
type StatusError struct {
	Code int    // the status, as RFC 9110 15 lists them
	URL  string // that was asked last, after redirects, without userinfo and query
}

// Error implements error.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s answered with status %d %s: %s", e.URL, e.Code, http.StatusText(e.Code), e.remedy())
}

func (e *StatusError) remedy() string {
	switch {
	case e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden:
		return "check what Header sends to log in, and that this account may read the schema"
	case e.Code == http.StatusNotFound || e.Code == http.StatusGone:
		return "check the path of the URL"
	case e.Code == http.StatusProxyAuthRequired:
		return "check the log-in at the proxy"
	case e.transient():
		return "try again later"
	}
	return "ask with another program what the URL gives; a schema comes with status 200"
}

// transient tells that another try may do better.
func (e *StatusError) transient() bool {
	return e.Code == http.StatusRequestTimeout || e.Code == http.StatusTooManyRequests || e.Code >= 500
}
