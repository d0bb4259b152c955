// SPDX-License-Identifier: MPL-2.0

package jobrun

import "context"

// Cancel asks for the job to be stopped and rolled back, for a reason: [context.Canceled], or the time limit. The request is
// recorded first, so that it survives a restart; ctx limits the time for that.
func (r *Runner) Cancel(ctx context.Context, reason error) {
	if r.cancelled.Err() == nil {
		if err := r.journal.CancelRequested(ctx); err != nil {
			r.Logger.Warn("cannot record that a job is to be cancelled", "host", r.spec.Record.Host, "job", r.spec.Record.ID, "error", err)
		}
	}
	r.cancel(reason)
}

// MarkCancelled cancels a job whose cancellation has been recorded already.
func (r *Runner) MarkCancelled(reason error) { r.cancel(reason) }

// CancelSent returns a channel that is closed when the host was asked to cancel the job, successfully or not.
func (r *Runner) CancelSent() <-chan struct{} { return r.cancelSent }

// sendCancel carries a cancellation to the host. The result of the job reports what came of it.
func (r *Runner) sendCancel(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	limited, stop := context.WithTimeout(ctx, r.CancelGrace)
	defer stop()
	err := r.agent.Cancel(limited, r.spec.Record.ID)
	r.sendOnce.Do(func() { close(r.cancelSent) })
	if err != nil && ctx.Err() == nil {
		r.Logger.Warn("cannot ask the host to cancel a job", "host", r.spec.Record.Host, "job", r.spec.Record.ID, "error", err)
	}
}
