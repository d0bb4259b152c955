// SPDX-License-Identifier: MPL-2.0

package pgstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// QueueOptions are riverjobs.QueueOptions.
type QueueOptions struct {
	Options
	Replica string
	Lease   time.Duration
	Logger  *slog.Logger
}

// queue decides which replica runs a job: the one that owns the job's host. Its methods are safe for concurrent use.
type queue struct {
	leases
	*events
	logger *slog.Logger
	client *river.Client[pgx.Tx]
	run    func(ctx context.Context, id string) error

	stop    context.CancelFunc // nil: not started
	running sync.WaitGroup     // the loop, and what carries events

	swept time.Time // when jobs were put last that no replica runs; guarded by tick

	tick    sync.Mutex // held while the leases are brought up to date
	renewed time.Time  // when the last renewal that succeeded began, on the local clock; guarded by tick

	mu    sync.Mutex // never held during I/O
	hosts map[string]*queueHost
}

// queueHost is a host of this replica's configuration. queue.mu guards it.
type queueHost struct {
	jobs    int   // maximum number that run at once
	term    int64 // of the lease; 0: another replica owns the host
	running int
	ctx     context.Context // ends with the lease
	drop    context.CancelFunc
}

var _ jobstore.Queue = (*queue)(nil)

// jobArgs are the arguments of a River job: no value of the submission. River jobs that have not ended are unique by them.
type jobArgs struct {
	Job  string `json:"job"`
	Term int64  `json:"term"` // of the lease of the host when the job was inserted
	Host string `json:"host"` // folded letter case
}

// Kind implements [river.JobArgs].
func (jobArgs) Kind() string { return "hvprov_job" }

// OpenQueue implements riverjobs.OpenQueue.
func OpenQueue(ctx context.Context, opts QueueOptions) (jobstore.Queue, error) {
	if opts.Replica == "" {
		opts.Replica = uuid.NewString()
	}
	if opts.Lease <= 0 {
		opts.Lease = 15 * time.Second
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	d, err := open(ctx, opts.Options)
	if err != nil {
		return nil, err
	}
	q := &queue{leases: leases{d, opts.Replica, opts.Lease}, events: newEvents(d, opts.Replica), logger: opts.Logger, hosts: map[string]*queueHost{}}
	if err := q.openRiver(ctx); err != nil {
		return nil, errors.Join(q.leases.wrap("open the queue of", err), d.Close())
	}
	return q, nil
}

func (q *queue) openRiver(ctx context.Context) error {
	driver := riverpgxv5.New(q.leases.pool)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: q.logger})
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{queue: q})
	q.client, err = river.NewClient(driver, &river.Config{
		ID: q.leases.replica, Logger: q.logger, Workers: workers, JobTimeout: -1, // jobs have their limits
		Queues: map[string]river.QueueConfig{"hvprov": {MaxWorkers: 1}}, // a client needs one; nothing is inserted into it
	})
	return err
}

// queueName returns the name of a host's queue. River allows letters and digits only.
func queueName(host string) string {
	sum := sha256.Sum256([]byte(host))
	return "hvprov-" + hex.EncodeToString(sum[:16])
}

// Start implements [jobstore.Queue].
func (q *queue) Start(ctx context.Context, run func(ctx context.Context, id string) error, deliver func(id string, e job.Event)) error {
	q.run, q.deliver = run, deliver
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	failed := func(err error) {
		q.logger.Warn("cannot exchange the events of jobs", "replica", q.leases.replica, "error", err)
	}
	if err := q.start(running, &q.running, failed); err != nil {
		stop()
		return err
	}
	q.stop = stop
	if err := q.client.Start(running); err != nil {
		return q.leases.wrap("start the queue of", err)
	}
	q.running.Go(func() { q.loop(running) })
	return nil
}

// loop keeps the leases of this replica.
func (q *queue) loop(ctx context.Context) {
	ticker := time.NewTicker(q.duration / 3)
	defer ticker.Stop()
	for {
		if err := q.update(ctx); err != nil && ctx.Err() == nil {
			q.logger.Warn("cannot renew the leases of hosts", "replica", q.leases.replica, "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// update renews the leases of this replica, and takes those that it should have. Leases that cannot be renewed are dropped before another
// replica can take them.
func (q *queue) update(ctx context.Context) error {
	q.tick.Lock()
	defer q.tick.Unlock()
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, q.duration/3)
	defer cancel()
	terms, err := q.renew(limited)
	if err != nil {
		if time.Since(q.renewed) > q.duration/3 { // the next attempt ends too late
			q.dropAll()
		}
		return err
	}
	q.renewed = began
	replicas, err := q.alive(limited)
	if err != nil {
		return err
	}
	var errs []error
	for _, host := range q.names() {
		errs = append(errs, q.updateHost(ctx, host, terms[host], preferred(host, replicas)))
	}
	if time.Since(q.swept) > q.duration {
		q.swept = began
		errs = append(errs, q.sweep(ctx))
	}
	return errors.Join(errs...)
}

// sweep puts the jobs of the hosts of this replica that are in no queue: the replica that accepted them has died before it put them.
func (q *queue) sweep(ctx context.Context) error {
	var errs []error
	for _, host := range q.names() {
		h, term, _ := q.host(host)
		if h != nil && term != 0 {
			errs = append(errs, q.insert(ctx, host, term, q.duration))
		}
	}
	return errors.Join(errs...)
}

// updateHost takes, keeps or releases the lease of a host. term is that of the lease that this replica has in the database; 0: none.
func (q *queue) updateHost(ctx context.Context, host string, term int64, owner string) error {
	ctx, cancel := context.WithTimeout(ctx, q.duration/3) // so that the leases of other hosts are renewed in time
	defer cancel()
	h, held, idle := q.host(host)
	if h == nil { // removed meanwhile
		return nil
	}
	if held != 0 && held == term && (owner == q.leases.replica || !idle) {
		return nil
	}
	q.drop(host)
	if err := q.removeQueue(ctx, host); err != nil {
		return err
	}
	if term != 0 { // for a replica that should have the host, or after a failure
		if err := q.release(ctx, host, term); err != nil || owner != q.leases.replica {
			return err
		}
	}
	var expiredFor time.Duration
	if owner != q.leases.replica { // it may not have the host in its configuration
		expiredFor = q.duration
	}
	term, taken, err := q.take(ctx, host, expiredFor)
	if err != nil || !taken {
		return err
	}
	if err := q.work(ctx, host, term); err != nil {
		q.drop(host)
		return errors.Join(err, q.release(ctx, host, term))
	}
	return nil
}

// work begins to work the queue of a host whose lease was taken.
func (q *queue) work(ctx context.Context, host string, term int64) error {
	if err := q.takeOver(ctx, host, term); err != nil {
		return err
	}
	q.mu.Lock()
	h := q.hosts[host] // only a caller with tick removes it
	h.term = term
	h.ctx, h.drop = context.WithCancel(context.Background())
	jobs := h.jobs
	q.mu.Unlock()
	return q.client.Queues().Add(queueName(host), river.QueueConfig{MaxWorkers: jobs})
}

// takeOver ends what River shows as running on the owner before, and inserts the jobs of the host that have not ended.
func (q *queue) takeOver(ctx context.Context, host string, term int64) error {
	stale, err := q.client.JobList(ctx, river.NewJobListParams().Queues(queueName(host)).States(rivertype.JobStateRunning).First(10_000))
	if err != nil {
		return err
	}
	for _, row := range stale.Jobs {
		if _, err := q.client.JobCancel(ctx, row.ID); err != nil && !errors.Is(err, river.ErrNotFound) {
			return err
		}
	}
	return q.insert(ctx, host, term, 0)
}

// insert puts the jobs of a host that have not ended and did not change for a time, unless they are in the queue. Those that run on the
// host come first: they have its places.
func (q *queue) insert(ctx context.Context, host string, term int64, unchanged time.Duration) error {
	rows, err := q.leases.pool.Query(ctx, `SELECT id, state = 'running' FROM hvprov_job WHERE host = $1 AND state IN ('pending', 'queued', 'running')
		AND changed <= clock_timestamp() - $2::interval ORDER BY submitted, id`, host, unchanged)
	if err != nil {
		return err
	}
	var inserts []river.InsertManyParams
	var id string
	var started bool
	_, err = pgx.ForEachRow(rows, []any{&id, &started}, func() error {
		opts := insertOpts(host)
		if started {
			opts.Priority = 1
		}
		inserts = append(inserts, river.InsertManyParams{Args: jobArgs{Job: id, Term: term, Host: host}, InsertOpts: opts})
		return nil
	})
	if err != nil || len(inserts) == 0 {
		return err
	}
	_, err = q.client.InsertMany(ctx, inserts)
	return err
}

func insertOpts(host string) *river.InsertOpts {
	return &river.InsertOpts{Queue: queueName(host), Priority: 2, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}}}
}

// Put implements [jobstore.Queue].
func (q *queue) Put(ctx context.Context, host, id string) error {
	host = casefold.Key(host)
	return q.leases.do(ctx, "write", func(ctx context.Context, _ bool) error {
		return pgx.BeginFunc(ctx, q.leases.pool, func(tx pgx.Tx) error {
			var term int64
			err := tx.QueryRow(ctx, "SELECT term FROM hvprov_host WHERE host = $1", host).Scan(&term)
			if errors.Is(err, pgx.ErrNoRows) {
				return fmt.Errorf("no replica has host %s in its configuration", host)
			}
			if err != nil {
				return err
			}
			_, err = q.client.InsertTx(ctx, tx, jobArgs{Job: key(id), Term: term, Host: host}, insertOpts(host))
			return err
		})
	})
}

// Remove implements [jobstore.Queue].
func (q *queue) Remove(ctx context.Context, id string) (removed bool, err error) {
	params := river.NewJobListParams().Kinds(jobArgs{}.Kind()).
		States(rivertype.JobStateAvailable, rivertype.JobStateRetryable, rivertype.JobStateScheduled, rivertype.JobStateRunning).
		Where("args ->> 'job' = @job", river.NamedArgs{"job": key(id)})
	found, err := q.client.JobList(ctx, params)
	if err != nil {
		return false, q.leases.wrap("read the queue of", err)
	}
	removed = len(found.Jobs) > 0
	for _, row := range found.Jobs {
		if row.State == rivertype.JobStateRunning {
			removed = false
			continue
		}
		after, err := q.client.JobCancel(ctx, row.ID)
		if errors.Is(err, river.ErrNotFound) {
			continue
		}
		if err != nil {
			return false, q.leases.wrap("cancel a job in the queue of", err)
		}
		removed = removed && after.State == rivertype.JobStateCancelled
	}
	return removed, nil
}
