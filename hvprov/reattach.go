// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"errors"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
)

// again follows a job further whose session was lost, and which goes on meanwhile. It tries until the host is reached, the
// time for that is over, or it would be of no use.
func (j *Job) again(err error, follow func() (*hostagent.JobStream, error)) (*hostagent.JobStream, error) {
	deadline := time.Now().Add(j.service.opts.Reattach)
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		var refused *hostagent.AgentError
		if errors.As(err, &refused) || errors.Is(err, hostagent.ErrClosed) || errors.Is(err, transport.ErrAuth) || errors.Is(err, context.Canceled) {
			return nil, err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return nil, err
		}
		j.service.opts.Logger.Warn("the session was lost in the middle of a job; following it in another", "host", j.host.name, "job", j.id,
			"error", err, "pause", pause)
		timer := time.NewTimer(min(pause, left))
		select {
		case <-timer.C:
		case <-j.life.Done():
			timer.Stop()
			return nil, err
		}
		var run *hostagent.JobStream
		if run, err = follow(); err == nil {
			return run, nil
		}
	}
}
