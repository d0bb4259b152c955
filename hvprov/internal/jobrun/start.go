// SPDX-License-Identifier: MPL-2.0

package jobrun

import (
	"context"
	"errors"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
)

// start hands the job to its host, or attaches to one that the host has already.
func (r *Runner) start(ctx context.Context) (Stream, error) {
	stream, err := r.submitOrAttach(ctx)
	if err != nil && (r.spec.Resumed || errors.Is(err, hostagent.ErrSessionLost)) { // the host may have it
		return r.retry(ctx, err, func() (Stream, error) { return r.restart(ctx) })
	}
	return stream, err
}

func (r *Runner) submitOrAttach(ctx context.Context) (Stream, error) {
	if r.spec.FollowOnly || r.spec.Resumed && r.cancelled.Err() != nil {
		return r.agent.Attach(ctx, r.spec.Record.ID, 0)
	}
	submitCtx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	unhook := context.AfterFunc(r.cancelled, func() { stop(context.Cause(r.cancelled)) })
	defer unhook()
	return r.agent.Submit(submitCtx, r.spec.Request)
}

// restart submits the job again when it is not known whether the host has it: the same id never runs twice. A job that was
// cancelled meanwhile is only looked for.
func (r *Runner) restart(ctx context.Context) (Stream, error) {
	if r.cancelled.Err() != nil {
		return r.agent.Attach(ctx, r.spec.Record.ID, 0)
	}
	return r.submitOrAttach(ctx)
}
