// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Close takes no more jobs, and cancels those that wait. Those that run are waited for until ctx ends; then they continue on
// their hosts, and a service with the same store follows them further: for this one their end is unknown. At last the
// sessions with the hosts end. The error tells which jobs continue.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	open := slices.Collect(maps.Values(s.jobs))
	s.mu.Unlock()
	for _, j := range open {
		j.dequeue()
	}
	var errs []error
	for _, j := range open {
		select {
		case <-j.done:
		case <-ctx.Done():
			j.detach()
			<-j.done
		}
		if r, err := s.ledger.Get(j.id); err == nil && r.State == jobstore.Running {
			errs = append(errs, fmt.Errorf("%v continues there: %w", j, ErrClosed))
		}
	}
	errs = append(errs, s.pools.Job.Close(ctx), s.inventory.Close(ctx))
	var closing sync.WaitGroup
	results := make([]error, 0, len(s.hosts))
	var mu sync.Mutex
	for _, h := range s.hosts {
		closing.Go(func() {
			err := h.agent.Close(ctx)
			h.client.Close()
			mu.Lock()
			results = append(results, err)
			mu.Unlock()
		})
	}
	closing.Wait()
	errs = append(errs, s.pools.Fast.Close(ctx))
	s.group.Wait() // sessions are gone, so that nothing is left for a job to wait for
	s.bus.Close()
	errs = append(errs, s.ledger.Close())
	return errors.Join(append(errs, results...)...)
}

// track has a job be one of those that have not ended. The service's lock is held.
func (s *Service) track(j *Job) {
	s.jobs[jobKeyOf(j.id)] = j
	s.group.Go(j.watch)
}

// remove has a job be none of those that have not ended.
func (s *Service) remove(j *Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.jobs[jobKeyOf(j.id)] == j {
		delete(s.jobs, jobKeyOf(j.id))
	}
}
