// SPDX-License-Identifier: MPL-2.0

// Package httpx contains code shared by the HTTP clients of this module: which failures are worth a retry, and errors that do not
// disclose URLs or secrets.
package httpx

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
)

// IsTransientStatus reports whether a request with this response status may succeed when it is repeated.
func IsTransientStatus(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return code >= 500 && code != http.StatusNotImplemented
}

// IsTransientError reports whether a request that failed with this error of net/http may succeed when it is repeated. An untrusted
// certificate, for example, is not transient.
func IsTransientError(ctx context.Context, err error) bool {
	transient, _ := retryablehttp.DefaultRetryPolicy(ctx, nil, err)
	return transient
}

// Cause returns the error inside the [url.Error] values that net/http wraps around errors. Their texts contain the URL, which may
// hold credentials.
func Cause(err error) error {
	for wrapper := (*url.Error)(nil); errors.As(err, &wrapper); {
		err = wrapper.Err
	}
	return err
}

// Redact returns the cause of an error without secrets. An error that contained one is replaced and not wrapped, so that
// [errors.Unwrap] does not disclose it.
func Redact(err error, secrets *redact.Redactor) error {
	err = Cause(err)
	if text := secrets.String(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}
