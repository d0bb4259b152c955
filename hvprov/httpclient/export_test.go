// SPDX-License-Identifier: MPL-2.0

package httpclient

import (
	"context"
	"time"
)

// NewImpatient is [New] with short times between attempts.
func NewImpatient(ctx context.Context, opts Options) (*Client, error) {
	l := defaultLimits()
	l.wait, l.longestWait = time.Millisecond, 5*time.Millisecond
	return newClient(ctx, opts, l)
}
