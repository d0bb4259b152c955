// SPDX-License-Identifier: MPL-2.0

package jobrun

import (
	"context"
	"errors"
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// outcome returns what a result means for the caller.
func (r *Runner) outcome(result *job.Result) (*job.Result, error) {
	switch {
	case result == nil:
		return nil, r.Failed(cause.ErrJobUnknown, nil, errors.New("the result of the agent is empty"))
	case result.Outcome == job.Succeeded:
		return result, nil
	case result.Outcome == job.Cancelled:
		return result, r.Stopped(result, nil)
	case result.Outcome == job.Failed:
		return result, r.Failed(cause.ErrJobFailed, result, nil)
	}
	return result, r.Failed(cause.ErrJobUnknown, result, fmt.Errorf("the result of the agent has an unknown outcome %q", result.Outcome))
}

// unknown returns the error of a job whose host could not be reached before its result.
func (r *Runner) unknown(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return r.Failed(cause.ErrJobUnknown, nil, ErrDetached)
	}
	return r.Failed(cause.ErrJobUnknown, nil, HostError(r.spec.Record.Host, err, r.text))
}

// errNeverAccepted reports a job that cannot be submitted any more.
var errNeverAccepted = errors.New("job never reached its host, and its values are not known any more: submit it again")

// notStarted returns the error of a job that start could not start.
func (r *Runner) notStarted(ctx context.Context, err error) error {
	var refused *hostagent.AgentError
	isRefused := errors.As(err, &refused)
	cancelled := r.cancelled.Err() != nil
	switch {
	case isRefused && refused.Code == job.CodeJobUnknown && cancelled:
		return r.Stopped(nil, ErrNotStarted)
	case isRefused && refused.Code == job.CodeJobUnknown && r.spec.FollowOnly:
		return r.Failed(cause.ErrJobFailed, nil, errNeverAccepted)
	case isRefused:
		e := r.Failed(cause.ErrJobFailed, nil, nil)
		e.Failure = r.cleaner().failure(refused.Failure)
		return e
	case ctx.Err() != nil:
		return r.Failed(cause.ErrJobUnknown, nil, ErrDetached)
	case cancelled && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(r.cancelled))):
		return r.Stopped(nil, ErrNotStarted)
	case r.spec.Resumed, errors.Is(err, hostagent.ErrSessionLost): // the host may have it
		return r.unknown(ctx, err)
	}
	return r.Failed(cause.ErrJobFailed, nil, HostError(r.spec.Record.Host, err, r.text))
}

// Stopped returns the error of a job that was cancelled, on request or because it exceeded its time limit. result and reason
// may be nil.
func (r *Runner) Stopped(result *job.Result, reason error) *job.Error {
	if errors.Is(context.Cause(r.cancelled), cause.ErrTimeLimit) {
		return r.Failed(cause.ErrJobFailed, result, cause.ErrTimeLimit)
	}
	return r.Failed(cause.ErrJobCancelled, result, reason)
}

// Failed returns the error of a job that did not succeed. result and reason may be nil.
func (r *Runner) Failed(class error, result *job.Result, reason error) *job.Error {
	e := &job.Error{
		Host: r.spec.Record.Host, Job: r.spec.Record.ID, Class: class, Result: result, Cause: r.cleanError(reason),
		Lines: r.Progress().Lines, LogFile: r.log.path(),
	}
	if result != nil && result.Error != nil {
		e.Failure = *result.Error
	}
	return e
}

// Finish writes how the job ended to its log file, and closes the file.
func (r *Runner) Finish(err error) { r.log.close(err) }
