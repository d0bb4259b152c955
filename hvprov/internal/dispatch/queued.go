// SPDX-License-Identifier: MPL-2.0

package dispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostset"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobregistry"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobrun"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobspec"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// With a queue, several services share a store, and each runs the jobs of the hosts that belong to it. The record of a job is what they
// agree on. Each service has a Job for every record that has not ended, which reserves its name in the views of this service and ends with
// the record. The service that runs the job has a second one.

// Observe follows a record that was read or has changed. It does not block.
func (d *Dispatcher) Observe(r jobstore.Record) {
	if d.Queue == nil {
		return
	}
	j := d.Active(r.ID)
	switch {
	case r.State.Ended() && j != nil && j.elsewhere:
		j.finished.Do(func() { j.complete(r.Result, ErrorOf(r)) })
	case !r.State.Ended() && j == nil:
		if h, err := d.Hosts.Get(r.Host); err == nil {
			_, _ = d.follow(h, r) // fails only when the service is closed, or the host retired
		}
	}
	if r.CancelRequested && !r.State.Ended() {
		d.cancelRunning(r)
	}
}

// cancelRunning carries the recorded cancellation of a job to its host if this service runs it.
func (d *Dispatcher) cancelRunning(r jobstore.Record) {
	d.mu.Lock()
	j := d.running[jobregistry.Key(r.ID)]
	d.mu.Unlock()
	if j != nil {
		j.runner.MarkCancelled(cancelReason(r))
	}
}

// follow returns the job of a record that this service or another one runs.
func (d *Dispatcher) follow(h *hostset.Host, r jobstore.Record) (*Job, error) {
	j := d.newJob(h, jobspec.Spec{Record: r, Request: d.Specs.Request(r, nil)})
	j.elsewhere = true
	if r.Operation == job.OperationProvision {
		j.spec.Request.VMID = ""
	}
	if err := j.reserveName(); err != nil {
		d.Logger.Debug("the view of a host lacks a job of another service", "job", r.ID, "host", r.Host, "error", err)
	}
	close(j.enqueued)
	other, err := d.track(j)
	if other != nil || err != nil {
		j.release()
		return other, err
	}
	if now, err := d.Jobs.Get(r.ID); err == nil && now.State.Ended() { // it has ended meanwhile
		d.Observe(now)
	}
	return j, nil
}

// attachQueued returns the job of a record without an outcome, which is put into the queue if that is unknown.
func (d *Dispatcher) attachQueued(ctx context.Context, h *hostset.Host, r jobstore.Record) (*Job, error) {
	if r.State == jobstore.Unknown {
		if err := d.Queue.Put(ctx, h.Name, r.ID); err != nil {
			return nil, err
		}
		return d.endedJob(h, r), nil
	}
	return d.follow(h, r)
}

// cancelQueued records that a job is to be cancelled, which the service that runs it finds in the record, and ends one that waits.
func (d *Dispatcher) cancelQueued(ctx context.Context, id string) error {
	r, err := d.Jobs.Get(id)
	if err != nil || r.State.Ended() {
		return err
	}
	if err := (journal{d.Jobs, id}).CancelRequested(ctx); err != nil {
		return err
	}
	if r, err = d.Jobs.Get(id); err != nil {
		return err
	}
	d.cancelRunning(r)
	removed, err := d.Queue.Remove(ctx, id)
	if err != nil || !removed {
		return err
	}
	stopped := &job.Error{Host: r.Host, Job: r.ID, Class: cause.ErrJobCancelled, Cause: jobrun.ErrNotStarted}
	_, err = d.Jobs.TransitionWaiting(ctx, id, jobstore.Cancelled, func(r *jobstore.Record) { setError(r, stopped) })
	if errors.Is(err, jobregistry.ErrTransition) {
		return nil // it has ended, or another service has begun to run it and finds the request
	}
	return err
}

// put puts a new job into the queue. If that fails, the service that the host belongs to finds the record.
func (d *Dispatcher) put(ctx context.Context, j *Job) {
	defer close(j.enqueued)
	_, err := d.Jobs.Transition(ctx, j.ID(), jobstore.Queued, nil)
	if err == nil {
		err = d.Queue.Put(ctx, j.host.Name, j.ID())
	}
	if err != nil && !errors.Is(err, jobregistry.ErrTransition) {
		d.Logger.Warn("cannot put a job into the queue; it runs later", "job", j.ID(), "host", j.host.Name, "error", err)
	}
}

// OnEvent calls the callback of a job that was submitted to this service, and runs on this service or another one.
func (d *Dispatcher) OnEvent(id string, e job.Event) {
	if j := d.Active(id); j != nil && j.elsewhere && j.spec.OnEvent != nil {
		j.spec.OnEvent(e)
	}
}

// RunQueued runs a job that the queue has given to this service, or follows it on its host. It returns nil when the job has ended. When ctx ends,
// another service runs the job.
func (d *Dispatcher) RunQueued(ctx context.Context, id string) error {
	r, err := d.Jobs.Reload(ctx, id)
	switch {
	case errors.Is(err, jobstore.ErrNotFound) || err == nil && hasOutcome(r):
		return nil
	case err != nil:
		return err
	}
	h, err := d.Hosts.Get(r.Host)
	if err != nil {
		return err
	}
	if r.State == jobstore.Pending { // the service that accepted it has died
		if r, err = d.Jobs.Transition(ctx, id, jobstore.Queued, nil); err != nil {
			return err
		}
	}
	spec, err := d.Specs.Restore(r)
	if err != nil {
		return d.markFailed(ctx, r, err)
	}
	j := d.newJob(h, spec)
	if err := j.reserveName(); err != nil {
		d.Logger.Debug("a job could not reserve its name again", "job", r.ID, "host", r.Host, "error", err)
	}
	if !d.setRunning(j) {
		j.release()
		return fmt.Errorf("%v still runs for an earlier lease of its host", j)
	}
	defer d.unsetRunning(j)
	defer context.AfterFunc(ctx, j.detach)()
	if now, err := d.Jobs.Get(id); err == nil && now.CancelRequested {
		j.runner.MarkCancelled(cancelReason(now))
	}
	j.invalidateVM()
	result, err := j.runner.Run(j.followCtx)
	if ctx.Err() != nil { // what comes now may be a consequence of the detachment
		err = j.runner.Failed(cause.ErrJobUnknown, nil, jobrun.ErrDetached)
	}
	j.finish(result, err)
	return ctx.Err()
}

// setRunning registers a job as run by this service, unless it is already, or the service is closed.
func (d *Dispatcher) setRunning(j *Job) bool {
	key := jobregistry.Key(j.ID())
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.running[key] != nil {
		return false
	}
	d.running[key] = j
	return true
}

func (d *Dispatcher) unsetRunning(j *Job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.running, jobregistry.Key(j.ID()))
}

// closeQueue leaves all jobs to the other services.
func (d *Dispatcher) closeQueue(ctx context.Context, active []*Job) error {
	err := d.Queue.Close(ctx)
	for _, j := range active {
		j.finished.Do(func() { j.complete(nil, j.runner.Failed(cause.ErrJobUnknown, nil, jobrun.ErrDetached)) })
	}
	return errors.Join(err, d.Pool.Close(ctx))
}
