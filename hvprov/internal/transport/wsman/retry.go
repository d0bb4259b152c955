// SPDX-License-Identifier: MPL-2.0

package wsman

import (
	"context"
	"errors"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

// How often a request is sent again, by class of failure; the package comment gives the reasons.
const (
	repeatsReceive = 5 // of an answer that was lost
	repeatsOther   = 2
	repeatsBusy    = 4 // about 4 s in all
)

// do sends an envelope, again where that is allowed and may help, and gives the answer to parse, whose failure counts as an
// answer that was lost.
func (c *Client) do(ctx context.Context, action, envelope string, parse func(answer []byte) error) error {
	return c.repeat(ctx, action, envelope, parse, nil)
}

// repeat is do, and calls lost before it sends an envelope again.
func (c *Client) repeat(ctx context.Context, action, envelope string, parse func(answer []byte) error, lost func()) error {
	for attempt := 0; ; attempt++ {
		answer, err := c.attempt(ctx, action, envelope)
		if err == nil && parse != nil {
			err = c.wrap(ctx, action, parse(answer))
		}
		if errors.Is(err, transport.ErrConnectionLost) {
			c.lanes.drop(false)
		}
		if err == nil || attempt >= repeats(action, err) {
			return err
		}
		if ended := c.pause(ctx, attempt); ended != nil {
			return c.wrap(ctx, action, ended)
		}
		if lost != nil {
			lost()
		}
	}
}

// repeats says how often a request that failed with err may be sent again.
func repeats(action string, err error) int {
	var failed *TransportError
	if errors.As(err, &failed) {
		switch {
		case failed.byContext || failed.permanent:
			return 0
		case failed.busy: // the HTTP service turned it away
			return repeatsBusy
		case action == actionReceive:
			return repeatsReceive
		case action == actionCommand, action == actionSignal, action == actionDelete:
			return repeatsOther
		case action == actionSend && failed.unreachable: // nothing was sent
			return repeatsOther
		}
		return 0
	}
	switch {
	case errors.Is(err, transport.ErrBusy):
		return repeatsBusy
	case isFault(err, codeOperationTimedOut) && (action == actionCommand || action == actionSignal || action == actionDelete):
		return repeatsOther
	}
	return 0
}

// pause waits before attempt number attempt+1: 0.25 s, then twice as long each time, at most 4 s.
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
