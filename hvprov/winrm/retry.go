// SPDX-License-Identifier: MPL-2.0

package winrm

import (
	"context"
	"errors"
	"time"
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
		if errors.Is(err, ErrConnectionLost) {
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
	var transport *TransportError
	if errors.As(err, &transport) {
		switch {
		case transport.byContext || transport.permanent:
			return 0
		case transport.busy: // the HTTP service turned it away
			return repeatsBusy
		case action == actionReceive:
			return repeatsReceive
		case action == actionCommand, action == actionSignal, action == actionDelete:
			return repeatsOther
		case action == actionSend && transport.unreachable: // nothing was sent
			return repeatsOther
		}
		return 0
	}
	switch {
	case errors.Is(err, ErrBusy):
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
