// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/joblog"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/redact"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
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
	attach   bool   // its definition is not known here any more: it is followed, and never handed over
	resumed  bool   // it was running before: its host may have it
	vmName   string // where the definition does not tell it
	redactor *redact.Redactor
	forget   func()         // the secrets, where logs are concerned
	release  func()         // the name
	log      *joblog.Writer // nil: no file
	logTold  sync.Once
	timing   timing

	cancelled context.Context // ends when the job is to be cancelled, with why as its cause
	cancel    context.CancelCauseFunc
	queued    context.Context // ends when it is cancelled before it has begun
	unqueue   context.CancelFunc
	life      context.Context // ends when the service no longer follows it
	detach    context.CancelFunc
	placed    chan struct{}    // closed when handle is set, or never will be
	handle    *taskpool.Handle // nil: the pool did not take it
	told      chan struct{}    // closed when its host was told to cancel it, or could not be
	done      chan struct{}
	telling   sync.Once
	finished  sync.Once

	mu     sync.Mutex
	begun  bool
	vmID   string
	step   string
	seq    int64
	lines  []string
	result *job.Result
	err    error
}

// makeJob gives a job that has not begun.
func (s *Service) makeJob(h *host, sub Submission, def job.Definition, secrets []string) *Job {
	j := &Job{
		id: sub.JobID, host: h, service: s, sub: sub, def: def,
		redactor: redact.New(secrets...), forget: s.secrets.Add(secrets...), release: func() {},
		placed: make(chan struct{}), told: make(chan struct{}), done: make(chan struct{}),
	}
	j.cancelled, j.cancel = context.WithCancelCause(context.Background())
	j.queued, j.unqueue = context.WithCancel(context.Background())
	j.life, j.detach = context.WithCancel(context.WithValue(context.Background(), jobKey{}, j.id))
	return j
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

// Done is closed when the job has ended, or is not followed any more since the service was closed.
func (j *Job) Done() <-chan struct{} { return j.done }

// Cancel asks for the job to be stopped, and what it made to be undone. [Job.Wait] tells how it ended.
func (j *Job) Cancel() { j.cancelFor(context.Canceled) }

func (j *Job) cancelFor(why error) {
	if j.cancelled.Err() == nil {
		// Who comes after a restart has to know it too.
		_ = j.service.ledger.Update(context.Background(), j.id, func(r *jobstore.Record) { r.CancelRequested = !r.State.Ended() })
	}
	j.cancel(why)
	if !j.resumed { // else the host has to be told, once it is the job's turn
		j.dequeue()
	}
}

// dequeue takes a job that has not begun out of the queue.
func (j *Job) dequeue() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.begun {
		j.unqueue()
	}
}

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

// finish has the job be at its end, once, whoever calls it first.
func (j *Job) finish(result *job.Result, err error) {
	j.finished.Do(func() {
		s := j.service
		if err != nil {
			j.note(err.Error())
		}
		j.closeLog()
		if !errors.Is(err, errDetached) {
			j.settle(result, err)
		}
		j.mu.Lock()
		j.result, j.err = result, err
		j.mu.Unlock()
		s.inventory.Invalidate(j.host.name)
		j.abandon()
		s.remove(j)
		close(j.done)
	})
}

// abandon lets go of what a job holds.
func (j *Job) abandon() {
	j.release()
	j.forget()
	j.cancel(nil)
	j.unqueue()
	j.detach()
}

// settle writes down how the job ended.
func (j *Job) settle(result *job.Result, err error) {
	state, text := jobstore.Succeeded, ""
	if err != nil {
		state, text = stateOf(err), err.Error()
	}
	j.mu.Lock()
	vmID, step, seq := j.vmID, j.step, j.seq
	j.mu.Unlock()
	_, moveErr := j.service.ledger.Transition(context.Background(), j.id, state, func(r *jobstore.Record) {
		r.Result, r.Error, r.Step, r.Seq = result, text, step, seq
		if vmID != "" {
			r.VMID = vmID
		}
	})
	if moveErr != nil {
		j.service.opts.Logger.Error("the end of a job cannot be kept", "job", j.id, "state", state, "error", moveErr)
	}
}

// stateOf gives the state that a job with an error has come to.
func stateOf(err error) jobstore.State {
	switch {
	case errors.Is(err, ErrJobCancelled):
		return jobstore.Cancelled
	case errors.Is(err, ErrJobUnknown):
		return jobstore.Unknown
	}
	return jobstore.Failed
}

func (j *Job) failure(class error, r *job.Result, cause error) *JobError {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := &JobError{Host: j.host.name, Job: j.id, Class: class, Result: r, Cause: cause, Lines: append([]string(nil), j.lines...)}
	if r != nil && r.Error != nil {
		e.Failure = *r.Error
	}
	if j.log != nil {
		e.LogFile = j.log.Path()
	}
	return e
}
