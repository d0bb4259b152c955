// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/redact"
)

// lastLines is how many lines of a job its error repeats.
const lastLines = 10

// Job is a job that was submitted.
type Job struct {
	id       string
	host     *host
	service  *Service
	sub      Submission
	def      job.Definition
	redactor *redact.Redactor
	log      *jobLog

	cancelled context.Context // ends when the job is to be cancelled
	cancel    context.CancelFunc
	done      chan struct{}

	mu     sync.Mutex
	vmID   string
	lines  []string
	result *job.Result
	err    error
}

// String names the job, and shows nothing of what was submitted.
func (j *Job) String() string { return "job " + j.id + " on host " + j.host.name }

// Format implements [fmt.Formatter] with what String gives, whatever the verb.
func (j *Job) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, j.String()) }

// ID is the job's GUID.
func (j *Job) ID() string { return j.id }

// VMID is the GUID of the virtual machine: as submitted, or as the host told it. It is empty until then.
func (j *Job) VMID() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.vmID == "" {
		return j.sub.VMID
	}
	return j.vmID
}

// Cancel asks the host to stop the job and to undo what it made. [Job.Wait] tells how it ended.
func (j *Job) Cancel() { j.cancel() }

// Wait waits for the job's end. When ctx ends first the job is cancelled and waited for all the same, up to CancelGrace,
// while it undoes what it made. A job that did not succeed is a *[JobError], whose Result says what is left.
func (j *Job) Wait(ctx context.Context) (*job.Result, error) {
	select {
	case <-j.done:
	case <-ctx.Done():
		j.Cancel()
		grace := time.NewTimer(j.service.opts.CancelGrace)
		defer grace.Stop()
		select {
		case <-j.done:
		case <-grace.C:
			return nil, j.failure(ErrJobUnknown, nil, errors.New("it was cancelled, and had not ended in the time that it is given"))
		}
	}
	return j.result, j.err
}

// run takes the job through its life.
func (j *Job) run() {
	defer close(j.done)
	defer j.cancel()
	defer func() {
		j.service.mu.Lock()
		delete(j.service.jobs, j.id)
		j.service.mu.Unlock()
		j.host.inventory.Invalidate()
	}()
	j.log = openJobLog(j.service.opts.JobLogDir, j, j.service.opts.Logger)
	defer j.log.close()

	result, err := j.onHost()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.result, j.err = result, err
	if err != nil {
		j.log.line(err.Error())
	}
}

// onHost runs the job on its host, once there is a place, and passes on what it says.
func (j *Job) onHost() (*job.Result, error) {
	select {
	case j.host.slots <- struct{}{}:
		defer func() { <-j.host.slots }()
	case <-j.cancelled.Done():
		return nil, j.failure(ErrJobCancelled, nil, errors.New("it had not begun"))
	}
	// Reads that begin before the job ends must not be served from before it began.
	j.host.inventory.Invalidate()

	run, err := j.submit()
	if errors.Is(err, hostagent.ErrSessionLost) {
		run, err = j.again(err, j.resubmit)
	}
	if err != nil {
		return nil, j.refusal(err)
	}
	told := make(chan struct{})
	unwatch := context.AfterFunc(j.cancelled, func() { defer close(told); j.tellHost() })
	defer func() {
		if !unwatch() {
			<-told
		}
	}()
	for last := int64(0); ; {
		e, err := run.Next(context.Background())
		switch {
		case err == nil:
			j.take(e)
			last = e.Seq
			if e.Kind == job.KindResult {
				return j.settle(e)
			}
		case errors.Is(err, io.EOF):
			return nil, j.failure(ErrJobUnknown, nil, errors.New("it ended without a result"))
		default:
			run, err = j.again(err, func() (*hostagent.Run, error) {
				return j.host.agent.Attach(context.Background(), j.id, last)
			})
			if err != nil {
				return nil, j.failure(ErrJobUnknown, nil, hostError(j.host.name, err))
			}
			if j.cancelled.Err() != nil {
				j.tellHost() // that may have been lost with the session
			}
		}
	}
}

func (j *Job) submit() (*hostagent.Run, error) {
	return j.host.agent.Submit(j.cancelled, hostagent.Submission{
		Job: j.id, Definition: j.def, VMID: j.sub.VMID, Changed: j.service.targets(j.sub.Changed),
		Secrets: j.service.targets(j.service.schema.SecretIDs()), AllowPowerCycle: j.sub.AllowPowerCycle,
	})
}

// refusal says of an error of submit what it means for the job.
func (j *Job) refusal(err error) error {
	var refused *hostagent.AgentError
	switch {
	case errors.As(err, &refused) && refused.Code == job.CodeJobUnknown && j.cancelled.Err() != nil:
		return j.failure(ErrJobCancelled, nil, errors.New("it had not begun"))
	case errors.As(err, &refused):
		f := j.failure(ErrJobFailed, nil, nil)
		f.Failure = refused.Failure
		f.Failure.Field = j.service.agents.Origin(f.Failure.Field)
		return f
	case errors.Is(err, context.Canceled) && j.cancelled.Err() != nil:
		return j.failure(ErrJobCancelled, nil, errors.New("it had not begun"))
	}
	return j.failure(ErrJobUnknown, nil, hostError(j.host.name, err))
}

// tellHost carries a cancellation to the host. The job's end is then told by its result.
func (j *Job) tellHost() {
	ctx, stop := context.WithTimeout(context.Background(), j.service.opts.CancelGrace)
	defer stop()
	if err := j.host.agent.Cancel(ctx, j.id); err != nil {
		j.service.opts.Logger.Warn("the host could not be told to cancel a job", "host", j.host.name, "job", j.id, "error", err)
	}
}

// take passes an event on.
func (j *Job) take(e job.Event) {
	e = j.translate(j.redact(e))
	j.mu.Lock()
	if e.VMID != "" {
		j.vmID = e.VMID
	}
	j.lines = append(j.lines, e.String())
	if len(j.lines) > lastLines {
		j.lines = j.lines[1:]
	}
	j.mu.Unlock()
	j.log.event(e)
	if j.sub.OnEvent != nil {
		j.sub.OnEvent(e)
	}
}

func (j *Job) redact(e job.Event) job.Event {
	e.Message = j.redactor.String(e.Message)
	if e.Result == nil {
		return e
	}
	r := *e.Result
	if r.Error != nil {
		f := *r.Error
		f.Message, f.Remedy = j.redactor.String(f.Message), j.redactor.String(f.Remedy)
		r.Error = &f
	}
	r.Undone, r.Left = j.redactAll(r.Undone), j.redactAll(r.Left)
	e.Result = &r
	return e
}

// translate tells a result in the words of the submission's schema. The event has a result of its own.
func (j *Job) translate(e job.Event) job.Event {
	if e.Result == nil {
		return e
	}
	t, r := j.service.agents, e.Result
	if r.Error != nil {
		r.Error.Field = t.Origin(r.Error.Field)
	}
	if r.VM != nil {
		vm := *r.VM
		vm.Recorded = t.Back(vm.Recorded)
		r.VM = &vm
	}
	return e
}

func (j *Job) redactAll(lines []string) []string {
	clean := make([]string, len(lines))
	for i, line := range lines {
		clean[i] = j.redactor.String(line)
	}
	return clean
}

// settle turns the result of a job into what Wait returns.
func (j *Job) settle(e job.Event) (*job.Result, error) {
	r := j.translate(j.redact(e)).Result
	switch {
	case r == nil:
		return nil, j.failure(ErrJobUnknown, nil, errors.New("its result is empty"))
	case r.Outcome == job.Succeeded:
		return r, nil
	case r.Outcome == job.Cancelled:
		return r, j.failure(ErrJobCancelled, r, nil)
	case r.Outcome == job.Failed:
		return r, j.failure(ErrJobFailed, r, nil)
	}
	return r, j.failure(ErrJobUnknown, r, errors.New("its result says "+string(r.Outcome)))
}

func (j *Job) failure(class error, r *job.Result, cause error) *JobError {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := &JobError{Host: j.host.name, Job: j.id, Class: class, Result: r, Cause: cause, Lines: append([]string(nil), j.lines...)}
	if r != nil && r.Error != nil {
		e.Failure = *r.Error
	}
	if j.log != nil {
		e.LogFile = j.log.path
	}
	return e
}
