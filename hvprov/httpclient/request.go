// SPDX-License-Identifier: MPL-2.0

package httpclient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/httpx"
)

// maxAnswer is the maximum size of an answer.
const maxAnswer = 64 << 20

// segment returns a text as a segment of a path.
func segment(text string) string { return url.PathEscape(text) }

func (c *Client) get(ctx context.Context, path string, to any) error {
	return c.send(ctx, http.MethodGet, path, nil, "", to)
}

func (c *Client) post(ctx context.Context, path string, body, to any) error {
	return c.send(ctx, http.MethodPost, path, body, "", to)
}

// send sends a request, repeats it while the server is not available, and decodes the answer. All requests may be repeated: a submission
// has an idempotency key.
func (c *Client) send(ctx context.Context, method, path string, body any, key string, to any) error {
	var content any // not a typed nil
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		content = text
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, method, c.address(path), content)
	if err != nil {
		return err
	}
	c.addHeaders(req.Header)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	client := retryablehttp.Client{ // without a logger: an error has all that is to be said
		HTTPClient: c.http, RetryMax: c.limits.retries, RetryWaitMin: c.limits.wait, RetryWaitMax: c.limits.longestWait,
		CheckRetry: checkRetry, Backoff: backoff, ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	resp, err := client.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.unreachable(err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return c.problem(resp, answer)
	}
	decoder := json.NewDecoder(bytes.NewReader(answer))
	decoder.UseNumber() // recorded values keep their precision
	if err := decoder.Decode(to); err != nil {
		return fmt.Errorf("server %s: the answer to %s %s is not what this version expects: %w", c.url, method, path, err)
	}
	return nil
}

func (c *Client) address(path string) string { return c.url.String() + apiPath + path }

func (c *Client) addHeaders(h http.Header) {
	if c.token != "" {
		h.Set("Authorization", "Bearer "+c.token)
	}
	if c.agent != "" {
		h.Set("User-Agent", c.agent)
	}
}

// unreachable returns an error of net/http without the URL of the request.
func (c *Client) unreachable(err error) error {
	return fmt.Errorf("server %s cannot be reached: %w", c.url, httpx.Cause(err))
}

// checkRetry reports whether a request is to be repeated: the server was not reached, or it or a proxy before it is overloaded or
// starts again. The server does not answer for a host that is not reachable: that is not repeated.
func checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case err != nil:
		return httpx.IsTransientError(ctx, err), nil
	case resp.StatusCode != http.StatusServiceUnavailable:
		return resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusBadGateway, nil
	case !isProblem(resp):
		return true, nil // of a proxy
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	var p problem
	return err == nil && json.Unmarshal(answer, &p) == nil && (p.Code == "overloaded" || p.Code == "service_closed"), nil
}

func isProblem(resp *http.Response) bool {
	return strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json")
}

// backoff returns the time before the next attempt: that of Retry-After, but not longer than the limit.
func backoff(low, high time.Duration, retries int, resp *http.Response) time.Duration {
	return min(max(retryablehttp.DefaultBackoff(low, high, retries, resp), low), high)
}
