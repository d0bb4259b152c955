// SPDX-License-Identifier: MPL-2.0

package httpclient

import (
	"context"
	"net/http"
	"time"
)

// NewImpatient is [New] with short times between attempts.
func NewImpatient(ctx context.Context, opts Options) (*Client, error) {
	l := defaultLimits()
	l.wait, l.longestWait, l.retryAfter = time.Millisecond, 5*time.Millisecond, 5*time.Millisecond
	return newClient(ctx, opts, l)
}

// Backoff returns how long the client waits after an answer.
func Backoff(resp *http.Response) time.Duration {
	l := defaultLimits()
	return (&attempts{limits: l}).backoff(l.wait, l.longestWait, 0, resp)
}
