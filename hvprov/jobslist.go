// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"strings"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// jobKeyOf is how ids of jobs are compared: GUIDs have no letter case.
func jobKeyOf(id string) string { return strings.ToLower(id) }

// Job gives the record of a job. One that is not known is [ErrJobNotFound].
func (s *Service) Job(id string) (jobstore.Record, error) { return s.ledger.Get(id) }

// Jobs gives the records that a filter chooses, in the order in which they were submitted.
func (s *Service) Jobs(filter jobstore.Filter) []jobstore.Record { return s.ledger.All(filter) }

// Cancel has a job stopped, and what it made undone. It returns when the host was told, or the job has ended: how, [Job.Wait]
// and [Service.Job] tell. A job that has ended is left as it is. One that is not known is [ErrJobNotFound].
func (s *Service) Cancel(ctx context.Context, id string) error {
	s.mu.Lock()
	j := s.jobs[jobKeyOf(id)]
	s.mu.Unlock()
	if j == nil {
		_, err := s.ledger.Get(id)
		return err
	}
	j.Cancel()
	select {
	case <-j.told:
	case <-j.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}
