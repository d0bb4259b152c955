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
)

// fetch is one request for the schema, with its tries.
type fetch struct {
	src         *Source
	url         *url.URL
	conditional bool // the request asks whether there is anything newer

	tries   int
	wait    time.Duration // before the next try
	refused bool          // a redirect was
	got     answer
	err     error // of the last try
}

// answer is what the server has.
type answer struct {
	unchanged bool // the copy is what the server has, and there is no body
	body      []byte
	header    http.Header
}

// fetch asks the URL, with the validators of the copy if there are any.
func (s *Source) fetch(ctx context.Context, u *url.URL, have notes) (answer, error) {
	f := &fetch{src: s, url: u, conditional: have.validates()}
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return answer{}, fmt.Errorf("unable to fetch the schema %s: %w", shown(u), f.network(err))
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
		_ = resp.Body.Close() // read already
	} else if f.err == nil {
		f.err = f.network(err) // which did not come to a try
	}
	return f.result(ctx)
}

func (f *fetch) client() *retryablehttp.Client {
	c := retryablehttp.NewClient()
	c.Logger = nil // it shows queries
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
		f.tries++
		f.got, f.err = f.take(resp, err)
		f.wait = retryablehttp.DefaultBackoff(c.RetryWaitMin, c.RetryWaitMax, f.tries-1, resp)
		f.src.logger().DebugContext(ctx, "asked for the schema", "url", shown(f.url), "try", f.tries, "error", f.err)
		return f.again(ctx, err), nil
	}
	c.Backoff = func(time.Duration, time.Duration, int, *http.Response) time.Duration { return f.wait }
	return c
}

// take reads the answer of one try. The body is read here and not after the last try, so that one that is cut off is
// tried again.
func (f *fetch) take(resp *http.Response, err error) (answer, error) {
	switch {
	case err != nil:
		return answer{}, f.network(err)
	case resp.StatusCode == http.StatusNotModified && f.conditional:
		return answer{unchanged: true, header: resp.Header}, nil
	case resp.StatusCode != http.StatusOK:
		return answer{}, &StatusError{Code: resp.StatusCode, URL: shown(resp.Request.URL)}
	}
	limit := f.src.maxSize()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return answer{}, f.network(fmt.Errorf("the answer was cut off: %w", err))
	}
	if int64(len(body)) > limit {
		return answer{}, fmt.Errorf("%w: more than %d bytes are not read: make it smaller, or check the URL", ErrTooLarge, limit)
	}
	return answer{body: body, header: resp.Header}, nil
}

// again tells whether another try may do better, and there is time for it. The error is that of the request.
func (f *fetch) again(ctx context.Context, err error) bool {
	if f.err == nil || f.refused || ctx.Err() != nil || errors.Is(f.err, ErrTooLarge) {
		return false
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < f.wait {
		return false
	}
	if status := (*StatusError)(nil); errors.As(f.err, &status) {
		return status.transient()
	}
	if err == nil {
		return true // the body was cut off
	}
	// Certificates that are not trusted, and the like, stay so.
	again, _ := retryablehttp.DefaultRetryPolicy(ctx, nil, err)
	return again
}

// result is the answer of the last try, or says what became of it.
func (f *fetch) result(ctx context.Context) (answer, error) {
	if f.err == nil {
		return f.got, nil
	}
	err := f.err
	if late := ctx.Err(); late != nil {
		err = fmt.Errorf("not done within %s: %w: give it more Timeout, or see what is slow", f.src.timeout(), late)
		if !errors.Is(f.err, late) {
			err = errors.Join(err, f.err)
		}
	}
	return answer{}, fmt.Errorf("unable to fetch the schema %s (tries: %d): %w", shown(f.url), f.tries, err)
}
