// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"context"
	"errors"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

// Numbers of retries. The package comment explains which request is retried when.
const (
	retriesReceive = 5 // after a lost response
	retriesOther   = 2
	retriesBusy    = 4 // about 4 s in all
)

// do sends an envelope, with retries, and calls parse with the response. An error of parse counts as a lost response. onRetry,
// if not nil, is called before each retry.
func (c *Client) do(ctx context.Context, action, envelope string, parse func(response *message) error, onRetry func()) error {
	for attempt := 0; ; attempt++ {
		response, err := c.attempt(ctx, action, envelope)
		if err == nil && parse != nil {
			err = c.wrap(ctx, action, parse(response))
		}
		if errors.Is(err, transport.ErrConnectionLost) {
			c.pool.closeIdle(false)
		}
		if err == nil || attempt >= maxRetries(action, err) {
			return err
		}
		if err := c.pause(ctx, attempt); err != nil {
			return c.wrap(ctx, action, err)
		}
		if onRetry != nil {
			onRetry()
		}
	}
}

// maxRetries returns how often a request that failed with err may be retried.
func maxRetries(action string, err error) int {
	idempotent := action == actionCommand || action == actionSignal || action == actionDelete
	var failed *TransportError
	if errors.As(err, &failed) {
		switch {
		case failed.byContext || failed.permanent:
			return 0
		case failed.busy:
			return retriesBusy
		case action == actionReceive:
			return retriesReceive
		case idempotent, action == actionSend && failed.unreachable:
			return retriesOther
		}
		return 0
	}
	switch {
	case errors.Is(err, transport.ErrBusy):
		return retriesBusy
	case idempotent && isFault(err, codeOperationTimedOut):
		return retriesOther
	}
	return 0
}

// pause waits before the retry that follows an attempt: 0.25 s, doubled for each further attempt, at most 4 s.
func pause(ctx context.Context, attempt int) error {
	timer := time.NewTimer(min(250*time.Millisecond<<attempt, 4*time.Second))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
