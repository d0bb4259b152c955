// SPDX-License-Identifier: MPL-2.0

package httpclient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
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
	attempts := attempts{limits: c.limits, started: time.Now()}
	client := retryablehttp.Client{ // without a logger: an error has all that is to be said
		HTTPClient: c.http, RetryMax: math.MaxInt, RetryWaitMin: c.limits.wait, RetryWaitMax: c.limits.longestWait,
		CheckRetry: attempts.repeat, Backoff: attempts.backoff, ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	resp, err := client.Do(req)
	switch {
	case err != nil && attempts.refusal != "":
		return fmt.Errorf("server %s: %s: %w", c.url, attempts.refusal, httpx.Cause(err))
	case err != nil:
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

func isProblem(resp *http.Response) bool {
	return strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json")
}
