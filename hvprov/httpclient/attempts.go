// SPDX-License-Identifier: MPL-2.0

package httpclient

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/httpx"
)

// attempts decides whether a request is repeated. A server that is not reached is given up after some attempts. One that answers that
// it is overloaded is asked again when it says so, for longer.
type attempts struct {
	limits  limits
	started time.Time
	lost    int    // attempts without an answer of the server
	refusal string // the last answer of an overloaded server, if no other attempt followed
}

// repeat is a [retryablehttp.CheckRetry]. The server does not answer for a host that is not reachable: that is not repeated.
func (a *attempts) repeat(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	a.refusal = ""
	if err != nil {
		a.lost++
		return a.lost <= a.limits.retries && httpx.IsTransientError(ctx, err), nil
	}
	switch resp.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusTooManyRequests:
	default:
		return false, nil
	}
	p, ok := peek(resp)
	switch {
	case !ok && resp.StatusCode != http.StatusTooManyRequests: // a proxy does not reach the server
		a.lost++
		return a.lost <= a.limits.retries, nil
	case !ok:
		a.refusal = "too many requests"
	case p.Code == "overloaded", p.Code == "rate_limited", p.Code == "service_closed":
		a.refusal = p.Detail
	default:
		return false, nil
	}
	return time.Since(a.started) < a.limits.overload, nil
}

// peek returns the problem of an answer, whose body can still be read. It reports false if another program than the server answered.
func peek(resp *http.Response) (p problem, ok bool) {
	if !isProblem(resp) {
		return p, false
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return p, err == nil && json.Unmarshal(answer, &p) == nil
}

// backoff is a [retryablehttp.Backoff]: the time of Retry-After, if the answer has one, up to a limit.
func (a *attempts) backoff(low, high time.Duration, retries int, resp *http.Response) time.Duration {
	return min(max(retryablehttp.DefaultBackoff(low, high, retries, resp), low), a.limits.retryAfter)
}
