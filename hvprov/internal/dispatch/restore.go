// SPDX-License-Identifier: MPL-2.0

package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostset"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobregistry"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobspec"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Restore continues the jobs that had not ended when the service before this one did.
func (d *Dispatcher) Restore(ctx context.Context) {
	if d.Queue != nil { // the service that has the host runs them
		for _, r := range d.Jobs.All(jobstore.Filter{}) {
			d.Observe(r)
		}
		return
	}
	for _, r := range d.Jobs.All(jobstore.Filter{States: []jobstore.State{jobstore.Pending, jobstore.Queued, jobstore.Running}}) {
		if _, err := d.restore(ctx, r); err != nil {
			d.Logger.Warn("cannot resume job from previous run", "job", r.ID, "host", r.Host, "error", err)
		}
	}
}

// Reconcile begins to ask a host that answers again for the jobs whose outcome is unknown.
func (d *Dispatcher) Reconcile(host string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.group.Go(func() {
		for _, r := range d.Jobs.All(jobstore.Filter{Host: host, States: []jobstore.State{jobstore.Unknown}}) {
			if err := d.reconcile(d.storeCtx, r); err != nil && !errors.Is(err, cause.ErrClosed) {
				d.Logger.Warn("job outcome still unknown after host reconnected", "job", r.ID, "host", r.Host, "error", err)
			}
		}
	})
}

func (d *Dispatcher) reconcile(ctx context.Context, r jobstore.Record) error {
	if d.Queue != nil {
		return d.Queue.Put(ctx, r.Host, r.ID)
	}
	_, err := d.restore(ctx, r)
	return err
}

// restore makes the job of a record active again, and returns it.
func (d *Dispatcher) restore(ctx context.Context, r jobstore.Record) (*Job, error) {
	h, err := d.Hosts.Get(r.Host)
	var spec jobspec.Spec
	if err == nil {
		spec, err = d.Specs.Restore(r)
	}
	if err != nil {
		return nil, d.markFailed(ctx, r, err)
	}
	j := d.newJob(h, spec)
	if err := j.reserveName(); err != nil {
		d.Logger.Warn("resumed job could not reserve its VM name", "job", r.ID, "host", r.Host, "error", err)
	}
	if other, err := d.track(j); other != nil || err != nil {
		j.release()
		return other, err
	}
	// It may have ended after r was read. Only a job that is not active any more has its last record.
	if now, err := d.Jobs.Get(r.ID); err == nil && hasOutcome(now) {
		close(j.enqueued)
		j.finished.Do(func() { j.complete(now.Result, ErrorOf(now)) })
		return d.endedJob(h, now), nil
	}
	if r.CancelRequested {
		j.runner.MarkCancelled(cancelReason(r))
	}
	if err := d.enqueue(ctx, j); err != nil {
		return nil, err
	}
	return j, nil
}

// cancelReason returns why a job was cancelled by a service that has ended.
func cancelReason(r jobstore.Record) error {
	if r.Limit > 0 && !r.Started.IsZero() && time.Since(r.Started) >= r.Limit {
		return cause.ErrTimeLimit
	}
	return context.Canceled
}

// markFailed ends a job that cannot be resumed. The outcome of one that may run on its host is unknown, for another service to
// reconcile.
func (d *Dispatcher) markFailed(ctx context.Context, r jobstore.Record, reason error) error {
	class := cause.ErrJobFailed
	switch r.State {
	case jobstore.Running:
		class = cause.ErrJobUnknown
	case jobstore.Unknown:
		return reason
	}
	err := &job.Error{Host: r.Host, Job: r.ID, Class: class, Cause: reason}
	_, storeErr := d.Jobs.Transition(ctx, r.ID, stateOf(err), func(r *jobstore.Record) { setError(r, err) })
	return errors.Join(reason, storeErr)
}

// Attach returns a job by its id: one of this service, ended or not, or one that another client submitted to the host. An unknown
// outcome is requested again. The error is [jobstore.ErrNotFound] for a job that neither the service nor the host knows, and for
// one of another host.
func (d *Dispatcher) Attach(ctx context.Context, h *hostset.Host, id string) (*Job, error) {
	if j := d.Active(id); j != nil {
		if !strings.EqualFold(j.host.Name, h.Name) {
			return nil, notFound(h, id)
		}
		return j, nil
	}
	if d.isClosed() {
		return nil, cause.ErrClosed
	}
	r, err := d.Jobs.Get(id)
	switch {
	case err != nil:
		return d.attachForeign(ctx, h, id)
	case !strings.EqualFold(r.Host, h.Name):
		return nil, notFound(h, id)
	case hasOutcome(r):
		return d.endedJob(h, r), nil
	case d.Queue != nil:
		return d.attachQueued(ctx, h, r)
	}
	return d.restore(ctx, r)
}

func notFound(h *hostset.Host, id string) error {
	return fmt.Errorf("job %s on host %s: %w", id, h.Name, jobstore.ErrNotFound)
}

// attachForeign follows a job that another client submitted.
func (d *Dispatcher) attachForeign(ctx context.Context, h *hostset.Host, id string) (*Job, error) {
	var known bool
	r := jobstore.Record{ID: id, Host: h.Name, Schema: d.Specs.Translation.Ref(), HostAccepted: true}
	err := h.Query(ctx, "jobs", func(ctx context.Context) error {
		list, err := h.Agent.Jobs(ctx)
		for _, info := range list {
			if jobregistry.Key(info.Job) == jobregistry.Key(id) {
				known, r.ID, r.Operation, r.VMID = true, info.Job, info.Operation, info.VMID
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, notFound(h, id)
	}
	if _, err := d.Jobs.Add(ctx, r); err != nil && !errors.Is(err, jobstore.ErrExists) {
		return nil, err
	}
	for _, state := range []jobstore.State{jobstore.Queued, jobstore.Running} {
		if _, err := d.Jobs.Transition(ctx, r.ID, state, nil); err != nil && !errors.Is(err, jobregistry.ErrTransition) {
			return nil, err
		}
	}
	r.State = jobstore.Running
	if d.Queue != nil {
		return d.attachQueued(ctx, h, r)
	}
	return d.restore(ctx, r)
}

// endedJob returns a job that has ended.
func (d *Dispatcher) endedJob(h *hostset.Host, r jobstore.Record) *Job {
	j := d.newJob(h, jobspec.Spec{Record: r})
	j.finished.Do(func() {
		j.release()
		j.result, j.err = r.Result, ErrorOf(r)
		close(j.done)
	})
	return j
}
