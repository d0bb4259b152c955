// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"context"
	"errors"
	"log/slog"
)

// Pools are the pools of a service. Neither delays the other.
type Pools struct {
	Query *Pool // for requests that a host answers in seconds: hello, check, inventory, cancel
	Job   *Pool // for work that takes minutes: provision, update, delete
}

// PoolsOptions configures [Pools].
type PoolsOptions struct {
	JobsPerHost    int          // jobs that one host runs at once; defaults to no limit
	QueriesPerHost int          // queries that one host answers at once; defaults to 8
	Logger         *slog.Logger // defaults to discarding everything
}

// NewPools returns both pools. Of the queries, "cancel" and then "hello" go first.
func NewPools(opts PoolsOptions) (*Pools, error) {
	if opts.QueriesPerHost == 0 {
		opts.QueriesPerHost = 8
	}
	query, queryErr := NewPool(Options{
		Name: "query", PerHost: opts.QueriesPerHost, Priority: []string{"cancel", "hello"}, Logger: opts.Logger,
	})
	job, jobErr := NewPool(Options{Name: "job", PerHost: opts.JobsPerHost, Logger: opts.Logger})
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
