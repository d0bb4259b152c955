// SPDX-License-Identifier: MPL-2.0

package httpx_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/httpx"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
)

func TestTransientStatusCodes(t *testing.T) {
	t.Parallel()
	for code := 400; code < 600; code++ {
		want := code == 408 || code == 425 || code == 429 || code >= 500 && code != 501
		if got := httpx.IsTransientStatus(code); got != want {
			t.Errorf("%d %s: got %t", code, http.StatusText(code), got)
		}
	}
}

func TestErrorsDoNotDiscloseTheURLOrSecrets(t *testing.T) {
	t.Parallel()
	secrets := redact.New("t0ken-of-the-url")
	wrap := func(err error) error {
		return fmt.Errorf("outer: %w", &url.Error{Op: "Get", URL: "https://h/?t0ken-of-the-url", Err: err})
	}
	if err := httpx.Redact(wrap(io.ErrUnexpectedEOF), secrets); !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "t0ken") {
		t.Errorf("got %v", err)
	}
	inner := errors.New("lookup t0ken-of-the-url")
	if err := httpx.Redact(wrap(inner), secrets); errors.Is(err, inner) || strings.Contains(err.Error(), "t0ken") || !strings.Contains(err.Error(), "lookup") {
		t.Errorf("got %v", err)
	}
}

func TestACancelledRequestIsNotTransient(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	if !httpx.IsTransientError(ctx, io.ErrUnexpectedEOF) {
		t.Error("a connection that was closed")
	}
	cancel()
	if httpx.IsTransientError(ctx, io.ErrUnexpectedEOF) {
		t.Error("a cancelled context")
	}
}
