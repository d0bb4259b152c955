// SPDX-License-Identifier: MPL-2.0

// Package dispatch queues the jobs of a service, tracks the active ones, restores them after a restart, and reconciles outcomes
// that are unknown when their hosts answer again.
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostset"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobregistry"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobrun"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobspec"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// storeGrace is how long records may still be written after the context of [Dispatcher.Close] has ended.
const storeGrace = 5 * time.Second

// Inventory knows the names that jobs use on their hosts.
type Inventory interface {
	Reserve(r inventorycache.Reservation) (release func(), err error)
	InvalidateVM(host, vmID string)
	VMName(host, vmID string) string
}

// Options are what a dispatcher works with. All but Queue are required.
type Options struct {
	Hosts     *hostset.Set
	Specs     *jobspec.Builder
	Jobs      *jobregistry.Registry
	Pool      *taskpool.Pool // runs the jobs if Queue is nil
	Queue     jobstore.Queue // decides which of several services runs a job; nil: this one runs all
	Inventory Inventory
	Run       jobrun.Config
	Logger    *slog.Logger
	// AddSecrets removes secrets from what the service logs and publishes, until release is called.
	AddSecrets func(secrets ...string) (release func())
	// KeepQueued makes Close leave the jobs that wait as they are recorded.
	KeepQueued bool
}

// Dispatcher queues and tracks jobs. Its methods are safe for concurrent use.
type Dispatcher struct {
	Options

	storeCtx  context.Context // for writes without a caller's context; ends soon after that of Close
	stopStore context.CancelFunc

	mu      sync.Mutex // never held during I/O
	closed  bool
	retired map[string]bool // hosts that take no more jobs, by folded name
	active  map[string]*Job // by registry key; with a queue, those of all services
	running map[string]*Job // with a queue: what this service runs, by registry key
	group   sync.WaitGroup  // goroutines of active jobs and of reconciliation

	waitOnce sync.Once
	ended    chan struct{} // closed when group is done
}

// New returns a dispatcher without active jobs.
func New(opts Options) *Dispatcher {
	d := &Dispatcher{Options: opts, retired: map[string]bool{}, active: map[string]*Job{}, running: map[string]*Job{}, ended: make(chan struct{})}
	d.storeCtx, d.stopStore = context.WithCancel(context.Background())
	return d
}

// Submit adds a job and puts it into the queue of its host. The name of its virtual machine belongs to the job until its end. The
// error is a [*inventory.NameTakenError], a [*inventory.VMBusyError], or [jobstore.ErrExists] for an id that is in use.
func (d *Dispatcher) Submit(ctx context.Context, spec jobspec.Spec) (*Job, error) {
	h, err := d.Hosts.Get(spec.Record.Host)
	if err != nil {
		return nil, err
	}
	j := d.newJob(h, spec)
	j.elsewhere = d.Queue != nil
	if err := j.reserveName(); err != nil {
		j.release()
		return nil, err
	}
	if r := &j.spec.Record; r.VMName == "" && r.VMID != "" {
		r.VMName = d.Inventory.VMName(r.Host, r.VMID)
	}
	other, err := d.track(j)
	if other != nil {
		err = fmt.Errorf("job %s: %w", spec.Record.ID, jobstore.ErrExists)
	}
	if err != nil {
		j.release()
		return nil, err
	}
	if _, err := d.Jobs.Add(ctx, j.spec.Record); err != nil {
		err = j.withField(err) // a job of another service with the same store has the name
		close(j.enqueued)
		j.end(err)
		return nil, err
	}
	if d.Queue != nil {
		d.put(ctx, j)
		return j, nil
	}
	if err := d.enqueue(ctx, j); err != nil {
		if d.isClosed() {
			err = cause.ErrClosed
		}
		return nil, err
	}
	return j, nil
}

// track registers a job as active, and returns the active job with the same id, if there is one. Everything that may take long
// happens after it, without the lock.
func (d *Dispatcher) track(j *Job) (other *Job, err error) {
	key := jobregistry.Key(j.ID())
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return nil, cause.ErrClosed
	case d.active[key] != nil:
		return d.active[key], nil
	case d.retired[casefold.Key(j.host.Name)]:
		return nil, &inventory.HostUnknownError{Host: j.host.Name, Known: d.Hosts.Names()}
	}
	d.active[key] = j
	d.group.Go(j.watch)
	return nil, nil
}

// untrack removes a job from the active ones.
func (d *Dispatcher) untrack(j *Job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if key := jobregistry.Key(j.ID()); d.active[key] == j {
		delete(d.active, key)
	}
}

// enqueue puts a job into the queue of its host.
func (d *Dispatcher) enqueue(ctx context.Context, j *Job) error {
	defer close(j.enqueued)
	r, err := d.Jobs.Get(j.ID())
	if err == nil && r.State == jobstore.Pending {
		_, err = d.Jobs.Transition(ctx, j.ID(), jobstore.Queued, nil)
	}
	if err == nil {
		j.handle, err = d.Pool.Go(j.queueCtx, taskpool.Task{Category: string(j.spec.Record.Operation), Host: j.host.Name, Run: j.run})
	}
	if err != nil {
		j.dropped(err)
	}
	return err
}

// Active returns an active job, or nil.
func (d *Dispatcher) Active(id string) *Job {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.active[jobregistry.Key(id)]
}

// Record returns the record of a job. The error is [jobstore.ErrNotFound] if there is none.
func (d *Dispatcher) Record(id string) (jobstore.Record, error) {
	r, err := d.Jobs.Get(id)
	if j := d.Active(id); err != nil && j != nil { // it is being added
		return j.spec.Record, nil
	}
	return r, err
}

// Cancel asks for a job to be stopped and rolled back. It returns when the host was asked, or, with a queue, when the request is recorded,
// or when the job has ended. A job that has ended is left as it is. The error is [jobstore.ErrNotFound] for a job that is not known.
func (d *Dispatcher) Cancel(ctx context.Context, id string) error {
	if d.Queue != nil {
		return d.cancelQueued(ctx, id)
	}
	j := d.Active(id)
	if j == nil {
		_, err := d.Jobs.Get(id)
		return err
	}
	j.cancel(ctx)
	select {
	case <-j.runner.CancelSent():
	case <-j.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// RetireHost stops a host from taking jobs. If it has active jobs, nothing changes, and their ids are returned.
func (d *Dispatcher) RetireHost(name string) (active []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	jobs := d.active
	if d.Queue != nil {
		jobs = d.running // others are run by other services
	}
	for _, j := range jobs {
		if strings.EqualFold(j.host.Name, name) {
			active = append(active, j.ID())
		}
	}
	if len(active) == 0 {
		d.retired[casefold.Key(name)] = true
	}
	slices.Sort(active)
	return active
}

// AdmitHost lets a host take jobs that was retired before.
func (d *Dispatcher) AdmitHost(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.retired, casefold.Key(name))
}

func (d *Dispatcher) isClosed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed
}

// Close takes no more jobs, cancels those that wait unless KeepQueued is set, and waits for those that run. When ctx ends they are no longer followed and
// continue on their hosts; the error names them. Close returns within a few seconds after the end of ctx.
func (d *Dispatcher) Close(ctx context.Context) error {
	d.mu.Lock()
	d.closed = true
	active := slices.Collect(maps.Values(d.active))
	d.mu.Unlock()
	context.AfterFunc(ctx, func() { time.AfterFunc(storeGrace, d.stopStore) })
	if d.Queue != nil {
		return d.closeQueue(ctx, active)
	}
	for _, j := range active {
		j.leaveQueue()
	}
	var errs []error
	for _, j := range active {
		select {
		case <-j.done:
		case <-ctx.Done():
			j.detach()
			select {
			case <-j.done:
			case <-d.storeCtx.Done(): // its callback or the store does not return
			}
		}
		if r, err := d.Jobs.Get(j.ID()); err == nil && r.State == jobstore.Running {
			errs = append(errs, fmt.Errorf("%v continues: %w", j, cause.ErrClosed))
		}
	}
	errs = append(errs, d.Pool.Close(ctx))
	return errors.Join(errs...)
}

// Wait waits, after Close, until all goroutines of the dispatcher have ended, but no longer than a few seconds after the end of
// ctx. The sessions with the hosts must be closed before, so that nothing is left to wait for.
func (d *Dispatcher) Wait(ctx context.Context) error {
	d.waitOnce.Do(func() {
		go func() {
			d.group.Wait()
			close(d.ended)
		}()
	})
	defer d.stopStore()
	select {
	case <-d.ended:
		return nil
	case <-d.storeCtx.Done():
	}
	// An earlier call may have ended storeCtx. What still runs then ends soon, and this call's ctx limits how long that may take.
	select {
	case <-d.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the end of jobs: %w", context.Cause(ctx))
	}
}
