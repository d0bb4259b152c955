// SPDX-License-Identifier: MPL-2.0

package jobrun

import (
	"context"
	"errors"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

const (
	firstRetryPause = 100 * time.Millisecond
	maxRetryPause   = 10 * time.Second
)

// retry connects to a job whose session was lost, and which continues meanwhile. It tries until the host answers, the time for
// it is over, or the error is one that no retry mends.
func (r *Runner) retry(ctx context.Context, err error, connect func() (Stream, error)) (Stream, error) {
	deadline := time.Now().Add(r.ReconnectFor)
	for pause := firstRetryPause; ; pause = min(2*pause, maxRetryPause) {
		left := time.Until(deadline)
		if permanent(err) || left <= 0 {
			return nil, err
		}
		r.Logger.Warn("session with the host was lost during a job; reconnecting", "host", r.spec.Record.Host, "job", r.spec.Record.ID,
			"error", err, "pause", pause)
		timer := time.NewTimer(min(pause, left))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		}
		var stream Stream
		if stream, err = connect(); err == nil {
			return stream, nil
		}
	}
}

// permanent reports whether a request that failed would fail again: the agent refused it, the credentials are refused, the
// account lacks a right, the host is not trusted, the output of the agent cannot be read, or the caller gave up.
func permanent(err error) bool {
	var refused *hostagent.AgentError
	return errors.As(err, &refused) || errors.Is(err, hostagent.ErrClosed) || errors.Is(err, transport.ErrAuth) ||
		errors.Is(err, transport.ErrDenied) || errors.Is(err, hostagent.ErrInvalidOutput) || errors.Is(err, transport.ErrUntrusted) || errors.Is(err, context.Canceled)
}
