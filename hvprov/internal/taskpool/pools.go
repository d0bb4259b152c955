// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Pools are the pools of a service. They share no worker, so that jobs never delay queries.
type Pools struct {
	Query *Pool // for requests that a host answers in seconds: hello, check, inventory, cancel
	Job   *Pool // for work that takes minutes: provision, update, delete
}

// PoolsOptions configures [Pools].
type PoolsOptions struct {
	// JobCapacity returns how many jobs all hosts together run at once. Defaults to 64.
	JobCapacity func() int
	// QueryCapacity returns how many queries all hosts together answer at once. A host that does not answer blocks a worker
	// for each of its queries, so this should be QueriesPerHost for each host. Defaults to 64.
	QueryCapacity  func() int
	JobsPerHost    int          // jobs that one host runs at once; defaults to no limit
	QueriesPerHost int          // queries that one host answers at once; defaults to 8
	Logger         *slog.Logger // defaults to discarding everything
}

// NewPools returns pools of at least 4 workers each. Of the queries, "cancel" and then "hello" go first.
func NewPools(opts PoolsOptions) (*Pools, error) {
	setDefault(&opts.QueriesPerHost, 8)
	query, queryErr := NewPool(Options{
		Name: "query", Min: 4, Capacity: opts.QueryCapacity, PerHost: opts.QueriesPerHost, Priority: []string{"cancel", "hello"},
		Logger: opts.Logger,
	})
	job, jobErr := NewPool(Options{
		Name: "job", Min: 4, Capacity: opts.JobCapacity, PerHost: opts.JobsPerHost, Idle: 5 * time.Minute, Logger: opts.Logger,
	})
	if err := errors.Join(queryErr, jobErr); err != nil {
		return nil, err
	}
	return &Pools{Query: query, Job: job}, nil
}

// Close closes the job pool and then the query pool, which jobs may need to end. See [Pool.Close].
func (p *Pools) Close(ctx context.Context) error {
	return errors.Join(p.Job.Close(ctx), p.Query.Close(ctx))
}

// Metrics returns the metrics of both pools by name.
func (p *Pools) Metrics() map[string]Metrics {
	return map[string]Metrics{"query": p.Query.Metrics(), "job": p.Job.Metrics()}
}
