// SPDX-License-Identifier: MPL-2.0

package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/httpx"
)

// maxRetryAfter is the longest Retry-After that is honoured.
const maxRetryAfter = time.Hour

// delivery is the state of sending one event.
type delivery struct {
	sender   *Sender
	id       string
	attempts int
	err      error // of the last attempt
}

// send posts a message and retries transient failures.
func (s *Sender) send(ctx context.Context, m Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, s.opts.URL, body)
	if err != nil {
		return s.unreachable(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "hypervvm-webhook/1")
	setSignature(req.Header, s.key, m.ID, s.opts.Now(), body)

	d := delivery{sender: s, id: m.ID}
	c := retryablehttp.Client{
		HTTPClient: s.client, // without a logger, which would show the URL
		RetryMax:   max(s.opts.Retries, 0), RetryWaitMin: s.opts.FirstWait, RetryWaitMax: s.opts.LongestWait,
		CheckRetry: d.checkRetry, Backoff: d.backoff, ErrorHandler: retryablehttp.PassthroughErrorHandler,
		PrepareRetry: func(r *http.Request) error { // a new timestamp: a retry minutes later must not look like a replay
			r.Header = r.Header.Clone()
			setSignature(r.Header, s.key, m.ID, s.opts.Now(), body)
			return nil
		},
	}
	resp, err := c.Do(req)
	if resp != nil {
		_, _ = io.CopyN(io.Discard, resp.Body, 4096) // so that the connection can be reused
		_ = resp.Body.Close()
	}
	switch {
	case ctx.Err() != nil && (err != nil || d.err != nil):
		return fmt.Errorf("delivery was interrupted: %w", ctx.Err())
	case d.err != nil:
		return fmt.Errorf("%d attempts: %w", d.attempts, d.err)
	case err != nil:
		return s.unreachable(err)
	}
	return nil
}

// checkRetry records the outcome of an attempt and reports whether a retry may succeed.
func (d *delivery) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	d.attempts++
	d.err = nil
	retry := false
	switch {
	case err != nil:
		d.err = d.sender.unreachable(err)
		retry = httpx.IsTransientError(ctx, err)
	case resp.StatusCode < 200 || resp.StatusCode >= 300:
		d.err = statusError(d.sender.receiver, resp.StatusCode)
		retry = httpx.IsTransientStatus(resp.StatusCode)
	}
	d.sender.opts.Logger.DebugContext(ctx, "webhook event sent", "to", d.sender.receiver, "event", d.id, "attempt", d.attempts, "error", d.err)
	return retry, nil
}

// backoff returns the time before the next attempt.
func (d *delivery) backoff(low, high time.Duration, retries int, resp *http.Response) time.Duration {
	return min(max(retryablehttp.DefaultBackoff(low, high, retries, resp), low), max(maxRetryAfter, high))
}

// unreachable returns an error of net/http without the URL and the secret.
func (s *Sender) unreachable(err error) error {
	return fmt.Errorf("unable to reach %s: %w: check the host, the proxy and the certificate", s.receiver, httpx.Redact(err, s.secrets))
}

// statusError returns the error for a response status outside 200 to 299.
func statusError(receiver string, code int) error {
	remedy := "see the log of the receiver"
	switch {
	case code >= 300 && code < 400:
		remedy = "redirects are not followed; set the URL to the target"
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		remedy = "compare the secrets and the clocks of sender and receiver"
	case code == http.StatusNotFound || code == http.StatusGone:
		remedy = "check the path of the URL"
	}
	return fmt.Errorf("%s responded with status %d %s: %s", receiver, code, http.StatusText(code), remedy)
}
