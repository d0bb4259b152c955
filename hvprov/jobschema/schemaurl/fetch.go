// SPDX-License-Identifier: MPL-2.0

package schemaurl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/httpx"
)

// fetch is a request for the schema with its attempts.
type fetch struct {
	src         *Source
	url         *url.URL
	conditional bool // the request asks for newer content only

	attempts int
	wait     time.Duration // before the next attempt
	refused  bool          // a redirect was refused
	got      answer
	err      error // of the last attempt
}

// answer is the content of a response.
type answer struct {
	unchanged bool // the server confirmed the cached schema; there is no body
	body      []byte
	header    http.Header
}

// fetch requests the URL, with the validators of the cached schema if there are any.
func (s *Source) fetch(ctx context.Context, u *url.URL, have metadata) (answer, error) {
	f := &fetch{src: s, url: u, conditional: have.validates()}
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return answer{}, fmt.Errorf("unable to fetch the schema %s: %w", displayed(u), f.network(err))
	}
	for name, values := range s.Header {
		for _, value := range values {
			req.Header.Add(name, value)
		}
	}
	if have.ETag != "" {
		req.Header.Set("If-None-Match", have.ETag)
	}
	if have.LastModified != "" {
		req.Header.Set("If-Modified-Since", have.LastModified)
	}
	client := f.client()
	if s.Client == nil {
		defer client.HTTPClient.CloseIdleConnections()
	}
	if resp, err := client.Do(req); resp != nil {
		_ = resp.Body.Close() // it was read
	} else if f.err == nil {
		f.err = f.network(err) // before the first attempt
	}
	return f.result(ctx)
}

func (f *fetch) client() *retryablehttp.Client {
	c := retryablehttp.NewClient()
	c.Logger = nil // it would log queries
	if f.src.Client != nil {
		own := *f.src.Client
		c.HTTPClient = &own
	}
	c.HTTPClient.CheckRedirect = f.redirect(c.HTTPClient.CheckRedirect)
	if f.src.waitMin > 0 {
		c.RetryWaitMin = f.src.waitMin
	}
	c.RetryMax = f.src.retries()
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.CheckRetry = func(ctx context.Context, resp *http.Response, err error) (bool, error) {
		f.attempts++
		f.got, f.err = f.readResponse(resp, err)
		f.wait = retryablehttp.DefaultBackoff(c.RetryWaitMin, c.RetryWaitMax, f.attempts-1, resp)
		f.src.logger().DebugContext(ctx, "requested the schema", "url", displayed(f.url), "attempt", f.attempts, "error", f.err)
		return f.retry(ctx, err), nil
	}
	c.Backoff = func(time.Duration, time.Duration, int, *http.Response) time.Duration { return f.wait }
	return c
}

// readResponse reads the response to an attempt, including its body, so that a truncated body is retried.
func (f *fetch) readResponse(resp *http.Response, err error) (answer, error) {
	switch {
	case err != nil:
		return answer{}, f.network(err)
	case resp.StatusCode == http.StatusNotModified && f.conditional:
		return answer{unchanged: true, header: resp.Header}, nil
	case resp.StatusCode != http.StatusOK:
		err := error(&StatusError{Code: resp.StatusCode, URL: displayed(resp.Request.URL)})
		if to := displayed(resp.Request.URL); to != displayed(f.url) {
			err = fmt.Errorf("redirected to %s: %w", to, err)
		}
		return answer{}, err
	}
	limit := f.src.maxSize()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return answer{}, f.network(fmt.Errorf("truncated response: %w", err))
	}
	if int64(len(body)) > limit {
		return answer{}, fmt.Errorf("%w: it has more than %d bytes: make it smaller, or check the URL", errTooLarge, limit)
	}
	return answer{body: body, header: resp.Header}, nil
}

// retry reports whether another attempt may succeed within the time limit. err is the error of the request.
func (f *fetch) retry(ctx context.Context, err error) bool {
	if f.err == nil || f.refused || ctx.Err() != nil || errors.Is(f.err, errTooLarge) {
		return false
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < f.wait {
		return false
	}
	if status := (*StatusError)(nil); errors.As(f.err, &status) {
		return httpx.IsTransientStatus(status.Code)
	}
	if err == nil {
		return true // truncated body
	}
	return httpx.IsTransientError(ctx, err)
}

// result returns the content of the last attempt, or its error.
func (f *fetch) result(ctx context.Context) (answer, error) {
	if f.err == nil {
		return f.got, nil
	}
	err := f.err
	if late := ctx.Err(); late != nil {
		err = fmt.Errorf("not completed within %s: %w: increase Timeout, or check the server and the network", f.src.timeout(), late)
		if !errors.Is(f.err, late) {
			err = errors.Join(err, f.err)
		}
	}
	return answer{}, fmt.Errorf("unable to fetch the schema %s (attempts: %d): %w", displayed(f.url), f.attempts, err)
}
