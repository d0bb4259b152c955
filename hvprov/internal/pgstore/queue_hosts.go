// SPDX-License-Identifier: MPL-2.0

package pgstore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/riverqueue/river"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
)

// AddHost implements [jobstore.Queue].
func (q *queue) AddHost(ctx context.Context, name string, jobs int) error {
	host := casefold.Key(name)
	if err := q.leases.do(ctx, "write", func(ctx context.Context, _ bool) error { return q.leases.add(ctx, host) }); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.hosts[host] == nil {
		q.hosts[host] = &queueHost{jobs: jobs}
	}
	return nil
}

// RemoveHost implements [jobstore.Queue].
func (q *queue) RemoveHost(ctx context.Context, name string) error {
	q.tick.Lock()
	defer q.tick.Unlock()
	host := casefold.Key(name)
	_, term, _ := q.host(host)
	q.drop(host)
	q.mu.Lock()
	delete(q.hosts, host)
	q.mu.Unlock()
	if term == 0 {
		return nil
	}
	return errors.Join(q.removeQueue(ctx, host), q.release(ctx, host, term))
}

// Close implements [jobstore.Queue]. The jobs continue on their hosts.
func (q *queue) Close(ctx context.Context) error {
	var errs []error
	if q.stop != nil {
		q.tick.Lock() // no lease is taken any more
		q.dropAll()
		q.mu.Lock()
		clear(q.hosts)
		q.mu.Unlock()
		q.tick.Unlock()
		errs = append(errs, q.client.StopAndCancel(ctx), q.Flush(ctx))
		q.stop()
		q.running.Wait()
		errs = append(errs, q.leave(ctx))
	}
	return errors.Join(append(errs, q.leases.Close())...)
}

func (q *queue) names() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Sorted(maps.Keys(q.hosts))
}

// host returns a host, the term of its lease, and whether no job of it runs here.
func (q *queue) host(name string) (h *queueHost, term int64, idle bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if h = q.hosts[name]; h == nil {
		return nil, 0, true
	}
	return h, h.term, h.running == 0
}

// drop ends the work on a host whose lease ends.
func (q *queue) drop(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if h := q.hosts[name]; h != nil && h.term != 0 {
		h.drop()
		h.term = 0
	}
}

func (q *queue) dropAll() {
	for _, name := range q.names() {
		q.drop(name)
	}
}

// removeQueue stops fetching jobs of a host, and waits for those that run.
func (q *queue) removeQueue(ctx context.Context, host string) error {
	err := q.client.Queues().Remove(ctx, queueName(host))
	var unknown *river.QueueNotFoundError
	if errors.As(err, &unknown) {
		return nil
	}
	return err
}

// worker runs jobs that River has fetched.
type worker struct {
	river.WorkerDefaults[jobArgs]
	queue *queue
}

// retryPause is the pause before a job is fetched again that this replica must not run.
const retryPause = time.Second

// Work implements [river.Worker]. The context of run ends with the lease. That of River ends also when the job is removed from the queue
// in the moment in which it begins.
func (w *worker) Work(ctx context.Context, j *river.Job[jobArgs]) error {
	lease, ok := w.queue.begin(j.Args.Host, j.Args.Term)
	switch {
	case lease == nil:
		return river.JobSnooze(retryPause) // another replica owns the host
	case !ok:
		return nil // inserted before the lease was taken: takeOver has inserted the job again
	}
	defer w.queue.end(j.Args.Host)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(lease, cancel)()
	err := w.queue.run(ctx, j.Args.Job)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return river.JobSnooze(0) // takeOver of the next owner inserts the job again
	}
	w.queue.logger.Error("cannot run a job", "job", j.Args.Job, "error", err)
	return river.JobSnooze(retryPause) // an error would count as an attempt
}

// begin counts a job that begins, and returns the context of the host's lease, or nil if this replica has none. It is not ok for a job of
// an earlier lease.
func (q *queue) begin(host string, term int64) (lease context.Context, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	h := q.hosts[host]
	if h == nil || h.term == 0 || h.term < term {
		return nil, false
	}
	if h.term > term {
		return h.ctx, false
	}
	h.running++
	return h.ctx, true
}

func (q *queue) end(host string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if h := q.hosts[host]; h != nil {
		h.running--
	}
}
