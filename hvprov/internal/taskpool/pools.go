// SPDX-License-Identifier: MPL-2.0

package taskpool

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Pools are the two pools of a service. They share no worker: whatever jobs do, a question is answered.
type Pools struct {
	Fast *Pool // for what a host answers in seconds: hello, check, inventory, cancel
	Job  *Pool // for what takes minutes: provision, update, delete
}

// PoolsOptions say how [Pools] work. The zero value works, with a bound of 64 workers for the pool of jobs.
type PoolsOptions struct {
	// Jobs says how many jobs all hosts together run at once: the bound of the job pool. See Options.Allowed. Nil: 64.
	Jobs func() int
	// Questions says how many questions all hosts together are asked at once: the bound of the fast pool. Hosts that do not
	// answer hold a worker for each, so it is to be FastPerHost for each host. Nil: 64.
	Questions func() int
	// JobsPerHost is how many jobs run on one host at once. 0: no bound.
	JobsPerHost int
	// FastPerHost is how many questions one host is asked at once. 0: eight.
	FastPerHost int
	// Load samples the machine's load, for both. See Options.Load.
	Load   func() Load
	Logger *slog.Logger // nil: nothing is logged
}

// NewPools gives a fast pool of 4 workers to as many as the hosts are asked questions, in which "cancel" and "hello" go before
// what else waits, and a job pool of 4 workers to as many as the hosts run jobs.
func NewPools(opts PoolsOptions) (*Pools, error) {
	setDefault(&opts.FastPerHost, 8)
	fast, fastErr := NewPool(Options{
		Name: "fast", Min: 4, Allowed: opts.Questions, PerHost: opts.FastPerHost, Priority: []string{"cancel", "hello"},
		Load: opts.Load, Logger: opts.Logger,
	})
	job, jobErr := NewPool(Options{
		Name: "job", Min: 4, Allowed: opts.Jobs, PerHost: opts.JobsPerHost, Idle: 5 * time.Minute,
		Load: opts.Load, Logger: opts.Logger,
	})
	if err := errors.Join(fastErr, jobErr); err != nil {
		return nil, err
	}
	return &Pools{Fast: fast, Job: job}, nil
}

// Close closes the job pool and then the fast one, which the ends of jobs may need. ctx limits both. See [Pool.Close].
func (p *Pools) Close(ctx context.Context) error {
	return errors.Join(p.Job.Close(ctx), p.Fast.Close(ctx))
}

// Metrics gives what both pools do and have done, by the pool's name.
func (p *Pools) Metrics() map[string]Metrics {
	return map[string]Metrics{"fast": p.Fast.Metrics(), "job": p.Job.Metrics()}
}
