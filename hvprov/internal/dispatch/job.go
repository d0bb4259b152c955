// SPDX-License-Identifier: MPL-2.0

package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostset"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobregistry"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobrun"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobspec"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Job is a job in the queue of its host, on the host, or ended. Its methods are safe for concurrent use.
type Job struct {
	dispatcher *Dispatcher
	host       *hostset.Host
	spec       jobspec.Spec
	runner     *jobrun.Runner
	elsewhere  bool // the job is run by the service that its host belongs to; this one waits for its record

	releaseName   func()
	removeSecrets func()           // from what the service redacts
	enqueued      chan struct{}    // closed when handle is set, or will never be
	handle        *taskpool.Handle // nil: the pool did not accept the job
	done          chan struct{}    // closed when the job has ended, or is no longer followed
	finished      sync.Once

	queueCtx  context.Context // ends when the job leaves the queue without having started
	unqueue   context.CancelFunc
	followCtx context.Context // ends when the job is no longer followed
	detach    context.CancelFunc

	mu      sync.Mutex
	started bool
	result  *job.Result
	err     error
}

func (d *Dispatcher) newJob(h *hostset.Host, spec jobspec.Spec) *Job {
	spec.Record.Host = h.Name
	j := &Job{
		dispatcher: d, host: h, spec: spec, releaseName: func() {}, removeSecrets: d.AddSecrets(spec.Secrets...),
		enqueued: make(chan struct{}), done: make(chan struct{}),
	}
	j.runner = jobrun.New(d.Run, &j.spec, h, journal{d.Jobs, spec.Record.ID})
	j.queueCtx, j.unqueue = context.WithCancel(context.Background())
	j.followCtx, j.detach = context.WithCancel(context.Background())
	return j
}

// ID returns the GUID of the job.
func (j *Job) ID() string { return j.spec.Record.ID }

// VMID returns the GUID of the virtual machine; empty until it is known.
func (j *Job) VMID() string {
	if r, err := j.dispatcher.Jobs.Get(j.ID()); j.elsewhere && err == nil {
		return r.VMID
	}
	return j.runner.Progress().VMID
}

// Done returns a channel that is closed when the job has ended, or is no longer followed because the service was closed.
func (j *Job) Done() <-chan struct{} { return j.done }

// String returns the id and the host of the job.
func (j *Job) String() string { return fmt.Sprintf("job %s on host %s", j.ID(), j.host.Name) }

// Cancel asks for the job to be stopped and rolled back.
func (j *Job) Cancel() {
	ctx, stop := context.WithTimeout(j.dispatcher.storeCtx, j.dispatcher.Run.CancelGrace)
	defer stop()
	j.cancel(ctx)
}

// cancel is Cancel with a context for the record. A job that is no longer followed is left as it is: its record may belong to
// another service.
func (j *Job) cancel(ctx context.Context) {
	select {
	case <-j.done:
		return
	default:
	}
	if j.elsewhere {
		if err := j.dispatcher.cancelQueued(ctx, j.ID()); err != nil {
			j.dispatcher.Logger.Warn("cannot cancel a job", "job", j.ID(), "host", j.host.Name, "error", err)
		}
		return
	}
	j.runner.Cancel(ctx, context.Canceled)
	if !j.spec.Resumed { // otherwise the host may have the job, and is asked when the job's turn comes
		j.leaveQueue()
	}
}

// leaveQueue removes a job that has not started from the queue.
func (j *Job) leaveQueue() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.started {
		j.unqueue()
	}
}

// Wait waits for the end of the job. When ctx ends first, the job is cancelled, and waited for up to the cancel grace period while
// it is rolled back. The error of a job that did not succeed is a [*job.Error].
func (j *Job) Wait(ctx context.Context) (*job.Result, error) {
	select {
	case <-j.done:
	case <-ctx.Done():
		grace, stop := context.WithTimeout(context.WithoutCancel(ctx), j.dispatcher.Run.CancelGrace)
		defer stop()
		j.cancel(grace)
		select {
		case <-j.done:
		case <-grace.Done():
			return nil, j.runner.Failed(cause.ErrJobUnknown, nil, errors.New("cancelled, but still running after the cancel grace period"))
		}
	}
	return j.result, j.err
}

// reserveName reserves the name, and the virtual machine, that the job works on.
func (j *Job) reserveName() error {
	r := &j.spec.Record
	release, err := j.dispatcher.Inventory.Reserve(inventorycache.Reservation{
		Host: r.Host, Name: r.VMName, VMID: j.spec.Request.VMID, Operation: r.Operation, JobID: r.ID,
	})
	if err != nil {
		return j.withField(err)
	}
	j.releaseName = release
	return nil
}

// withField adds the field of the name to the error for a name that is taken.
func (j *Job) withField(err error) error {
	var taken *inventory.NameTakenError
	if errors.As(err, &taken) {
		taken.Field = j.dispatcher.Run.Field("vm_name")
	}
	return err
}

// run is the task of the job in the pool.
func (j *Job) run(context.Context) error {
	j.mu.Lock()
	j.started = true
	j.mu.Unlock()
	// A read that begins before the job ends must not be answered from a snapshot of before the job.
	j.invalidateVM()
	result, err := j.runner.Run(j.followCtx)
	j.finish(result, err)
	return err
}

// invalidateVM makes reads of the virtual machine that the job works on ask the host. Until a provision has created it, its GUID is
// not known, and there are no reads of it.
func (j *Job) invalidateVM() {
	j.dispatcher.Inventory.InvalidateVM(j.host.Name, cmp.Or(j.spec.Request.VMID, j.VMID()))
}

// watch finishes a job that did not run to its end: it was dropped from the queue, or panicked.
func (j *Job) watch() {
	<-j.enqueued
	if j.handle == nil {
		return
	}
	<-j.handle.Done()
	err := j.handle.Err()
	var cancelled *taskpool.CancelledError
	var panicked *taskpool.PanicError
	switch {
	case errors.As(err, &cancelled) && !cancelled.Started:
		j.dropped(err)
	case errors.As(err, &panicked):
		j.dispatcher.Logger.Error("job panicked", "job", j.ID(), "panic", panicked.Value, "stack", string(panicked.Stack))
		j.finish(nil, j.runner.Failed(cause.ErrJobUnknown, nil, err))
	}
}

// dropped ends a job that did not start, for a reason.
func (j *Job) dropped(reason error) {
	closed := j.dispatcher.isClosed()
	switch {
	case closed && (j.spec.Resumed || j.dispatcher.KeepQueued && j.isRecorded()):
		j.finish(nil, j.runner.Failed(cause.ErrJobUnknown, nil, jobrun.ErrDetached))
	case closed:
		j.finish(nil, j.runner.Failed(cause.ErrJobCancelled, nil, fmt.Errorf("%w: %w", jobrun.ErrNotStarted, cause.ErrClosed)))
	case j.queueCtx.Err() != nil, errors.Is(reason, context.Canceled):
		j.finish(nil, j.runner.Stopped(nil, jobrun.ErrNotStarted))
	default:
		j.finish(nil, j.runner.Failed(cause.ErrJobFailed, nil, reason))
	}
}

// isRecorded reports whether the record of the job is all that another service needs to run it.
func (j *Job) isRecorded() bool {
	return j.spec.Record.HasNoSecrets || j.spec.Record.EncryptedValues != nil
}

// finish completes the job and records its outcome; only the first call has an effect.
func (j *Job) finish(result *job.Result, err error) {
	j.finished.Do(func() {
		j.runner.Finish(err)
		if !errors.Is(err, jobrun.ErrDetached) {
			j.persistOutcome(result, err)
		}
		j.complete(result, err)
	})
}

// end completes a job that has no record.
func (j *Job) end(err error) {
	j.finished.Do(func() { j.complete(nil, err) })
}

func (j *Job) complete(result *job.Result, err error) {
	j.mu.Lock()
	j.result, j.err = result, err
	j.mu.Unlock()
	j.invalidateVM()
	j.release()
	j.dispatcher.untrack(j)
	close(j.done)
}

// release releases what the job holds.
func (j *Job) release() {
	j.releaseName()
	j.removeSecrets()
	j.unqueue()
	j.detach()
}

// persistOutcome records how the job ended.
func (j *Job) persistOutcome(result *job.Result, err error) {
	p := j.runner.Progress()
	state := stateOf(err)
	if q := j.dispatcher.Queue; q != nil { // other services have all events before they see the end
		if err := q.Flush(j.dispatcher.storeCtx); err != nil {
			j.dispatcher.Logger.Warn("cannot store the last events of a job", "job", j.ID(), "error", err)
		}
	}
	_, storeErr := j.dispatcher.Jobs.Transition(j.dispatcher.storeCtx, j.ID(), state, func(r *jobstore.Record) {
		r.Result, r.Step, r.Seq = result, p.Step, p.Seq
		if p.VMID != "" {
			r.VMID = p.VMID
		}
		setError(r, err)
	})
	if r, err := j.dispatcher.Jobs.Get(j.ID()); errors.Is(storeErr, jobregistry.ErrTransition) && err == nil && hasOutcome(r) {
		return // another service has recorded it
	}
	if storeErr != nil {
		j.dispatcher.Logger.Error("cannot record the outcome of a job", "job", j.ID(), "state", state, "error", storeErr)
	}
}

// journal records the progress of one job in the registry.
type journal struct {
	jobs *jobregistry.Registry
	id   string
}

func (g journal) Start(ctx context.Context) (since time.Time, err error) {
	r, err := g.jobs.Get(g.id)
	if err == nil && r.State != jobstore.Running {
		r, err = g.jobs.Transition(ctx, g.id, jobstore.Running, nil)
	}
	if errors.Is(err, jobregistry.ErrTransition) { // another service with the same store has recorded it
		if now, getErr := g.jobs.Get(g.id); getErr == nil && now.State == jobstore.Running {
			return now.Started, nil
		}
	}
	return r.Started, err
}

func (g journal) Accepted(ctx context.Context, e job.Event) error {
	return g.jobs.Update(ctx, g.id, func(r *jobstore.Record) {
		r.HostAccepted, r.EncryptedValues, r.Seq = true, nil, e.Seq
		if e.VMID != "" {
			r.VMID = e.VMID
		}
	})
}

func (g journal) CancelRequested(ctx context.Context) error {
	return g.jobs.Update(ctx, g.id, func(r *jobstore.Record) { r.CancelRequested = !r.State.Ended() })
}
