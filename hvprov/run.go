// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// errDetached is of a job that the service no longer follows, and that continues on its host.
var errDetached = errors.New("the service was closed; the job continues on its host")

// errNotBegun is of a job that was stopped before its host had it.
var errNotBegun = errors.New("it had not begun")

// run is the job's turn in its pool.
func (j *Job) run(context.Context) error {
	j.mu.Lock()
	j.begun = true
	j.mu.Unlock()
	ctx, end := j.service.opts.Tracer.Begin(j.life, Span{
		Kind: SpanJob, Name: string(j.sub.Operation), Host: j.host.name, Job: j.id, Start: time.Now(),
	})
	begin := time.Now()
	result, err := j.onHost(ctx)
	j.timing.endStep(j, err, time.Now())
	end(err)
	if !errors.Is(err, errDetached) {
		j.service.steps.add(j.sub.Operation, "", time.Since(begin))
	}
	j.finish(result, err)
	return err
}

// onHost runs the job on its host and passes on what it says.
func (j *Job) onHost(ctx context.Context) (*job.Result, error) {
	s := j.service
	if j.cancelled.Err() != nil && !j.resumed {
		return nil, j.stopped(nil, errNotBegun)
	}
	since, err := j.begin()
	if err != nil {
		return nil, j.failure(ErrJobFailed, nil, err)
	}
	if j.sub.Limit > 0 {
		limit := time.AfterFunc(time.Until(since.Add(j.sub.Limit)), func() { j.cancelFor(ErrTimeLimit) })
		defer limit.Stop()
	}
	// Reads that begin before the job ends must not be served from before it began.
	s.inventory.Invalidate(j.host.name)

	run, err := j.takeUp(ctx)
	if err != nil && (j.resumed || errors.Is(err, hostagent.ErrSessionLost)) { // the host may have it
		run, err = j.again(err, func() (*hostagent.JobStream, error) { return j.takeUpAgain(ctx) })
	}
	if err != nil {
		return nil, j.refusal(err)
	}
	told := make(chan struct{})
	unwatch := context.AfterFunc(j.cancelled, func() { defer close(told); j.tellHost(ctx) })
	defer func() {
		if !unwatch() {
			<-told
		}
	}()
	return j.follow(ctx, run)
}

// begin has the job be running, and its log open. It gives since when it runs.
func (j *Job) begin() (since time.Time, err error) {
	s := j.service
	r, err := s.ledger.Get(j.id)
	if err == nil && r.State != jobstore.Running {
		r, err = s.ledger.Transition(context.Background(), j.id, jobstore.Running, nil)
	}
	j.openLog()
	return r.Started, err
}

// follow takes the job's events to its result.
func (j *Job) follow(ctx context.Context, run *hostagent.JobStream) (*job.Result, error) {
	for last := int64(0); ; {
		e, err := run.Next(j.life)
		switch {
		case err == nil:
			j.take(ctx, e)
			last = e.Seq
			if e.Kind == job.KindResult {
				return j.outcome(e)
			}
		case errors.Is(err, io.EOF):
			return nil, j.failure(ErrJobUnknown, nil, errors.New("it ended without a result"))
		case j.life.Err() != nil:
			return nil, j.failure(ErrJobUnknown, nil, errDetached)
		default:
			run, err = j.again(err, func() (*hostagent.JobStream, error) { return j.host.agent.Attach(ctx, j.id, last) })
			if err != nil {
				return nil, j.lost(err)
			}
			if j.cancelled.Err() != nil {
				j.tellHost(ctx) // that may have been lost with the session
			}
		}
	}
}

// lost says of an error on the way to a job's end what it means for the job.
func (j *Job) lost(err error) error {
	if j.life.Err() != nil {
		return j.failure(ErrJobUnknown, nil, errDetached)
	}
	return j.failure(ErrJobUnknown, nil, hostError(j.host.name, err))
}

// takeUp hands the job to its host, or follows one that the host has.
func (j *Job) takeUp(ctx context.Context) (*hostagent.JobStream, error) {
	if j.attach || j.resumed && j.cancelled.Err() != nil {
		return j.host.agent.Attach(ctx, j.id, 0)
	}
	handed, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	unhook := context.AfterFunc(j.cancelled, func() { stop(context.Cause(j.cancelled)) })
	defer unhook()
	return j.host.agent.Submit(handed, hostagent.Submission{
		Job: j.id, Definition: j.def, VMID: j.sub.VMID, Changed: j.service.targets(j.sub.Changed),
		Secrets: j.service.targets(j.service.schema.SecretIDs()), AllowPowerCycle: j.sub.AllowPowerCycle,
	})
}

// takeUpAgain submits the job once more when it is not known whether the host has it: the same id never runs twice. One that
// was cancelled meanwhile is only looked for.
func (j *Job) takeUpAgain(ctx context.Context) (*hostagent.JobStream, error) {
	if j.cancelled.Err() != nil {
		return j.host.agent.Attach(ctx, j.id, 0)
	}
	return j.takeUp(ctx)
}

// refusal says of an error of takeUp what it means for the job.
func (j *Job) refusal(err error) error {
	var refused *hostagent.AgentError
	known := errors.As(err, &refused)
	switch {
	case known && refused.Code == job.CodeJobUnknown && j.cancelled.Err() != nil:
		return j.stopped(nil, errNotBegun)
	case known && refused.Code == job.CodeJobUnknown && j.attach:
		return j.failure(ErrJobFailed, nil, errors.New("it never reached its host, and what it needs is not known here any more: submit it again"))
	case known:
		f := j.failure(ErrJobFailed, nil, nil)
		f.Failure = refused.Failure
		f.Failure.Field = j.service.agents.Origin(f.Failure.Field)
		return f
	case j.life.Err() != nil:
		return j.failure(ErrJobUnknown, nil, errDetached)
	case j.cancelled.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(j.cancelled))):
		return j.stopped(nil, errNotBegun)
	}
	if j.resumed || errors.Is(err, hostagent.ErrSessionLost) {
		return j.failure(ErrJobUnknown, nil, hostError(j.host.name, err))
	}
	return j.failure(ErrJobFailed, nil, hostError(j.host.name, err)) // the host has not got it
}

// tellHost carries a cancellation to the host. The job's end is then told by its result.
func (j *Job) tellHost(ctx context.Context) {
	if j.life.Err() != nil {
		return
	}
	ctx, stop := context.WithTimeout(ctx, j.service.opts.CancelGrace)
	defer stop()
	err := j.service.question("cancel")(ctx, j.host.name, func(ctx context.Context) error { return j.host.agent.Cancel(ctx, j.id) })
	j.telling.Do(func() { close(j.told) })
	if err != nil && j.life.Err() == nil {
		j.service.opts.Logger.Warn("the host could not be told to cancel a job", "host", j.host.name, "job", j.id, "error", err)
	}
}

// outcome turns the result of a job into what Wait returns.
func (j *Job) outcome(e job.Event) (*job.Result, error) {
	r := j.translate(j.redact(e)).Result
	switch {
	case r == nil:
		return nil, j.failure(ErrJobUnknown, nil, errors.New("its result is empty"))
	case r.Outcome == job.Succeeded:
		return r, nil
	case r.Outcome == job.Cancelled:
		return r, j.stopped(r, nil)
	case r.Outcome == job.Failed:
		return r, j.failure(ErrJobFailed, r, nil)
	}
	return r, j.failure(ErrJobUnknown, r, errors.New("its result says "+string(r.Outcome)))
}

// stopped is the error of a job that was cancelled: by somebody, or since it took too long.
func (j *Job) stopped(r *job.Result, cause error) *JobError {
	if errors.Is(context.Cause(j.cancelled), ErrTimeLimit) {
		return j.failure(ErrJobFailed, r, ErrTimeLimit)
	}
	return j.failure(ErrJobCancelled, r, cause)
}
