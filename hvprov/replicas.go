// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// shared is what a service needs that shares its store with others: see [Options.Queue].
type shared struct {
	cancel   context.CancelFunc // nil: the store is not shared
	watching sync.WaitGroup

	mu        sync.Mutex
	delivered map[string]int64 // sequence number of the last published event of a job, by lower-case id
}

func (s *shared) stop() {
	if s.cancel != nil {
		s.cancel()
		s.watching.Wait()
	}
}

// watchAgain is the pause before the changes of the other services are followed again after an error.
const watchAgain = 5 * time.Second

// share begins to run jobs of the queue, and to follow the jobs of the other services.
func (s *Service) share(ctx context.Context) error {
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.shared.cancel = cancel
	s.shared.watching.Go(func() {
		for watching.Err() == nil {
			if err := s.jobs.Watch(watching); err != nil && watching.Err() == nil {
				s.opts.Logger.Error("cannot follow the jobs of other services", "error", err)
			}
			select {
			case <-watching.Done():
			case <-time.After(watchAgain):
			}
		}
	})
	err := s.opts.Queue.Start(ctx, s.dispatcher.RunQueued, func(id string, e job.Event) {
		r, err := s.jobs.Get(id)
		if err != nil { // the record is newer than what this service has read
			r, err = s.jobs.Reload(watching, id)
		}
		if err == nil {
			s.deliverJobEvent(&r, e)
		}
	})
	if err != nil {
		s.shared.stop()
	}
	return err
}

// onJobRefresh follows a record that another service has changed.
func (s *Service) onJobRefresh(r jobstore.Record) { s.dispatcher.Observe(r) }

// deliverJobEvent publishes an event of a job once, and in order, whichever service has sent it: a service that takes over a job receives
// its events again, from the first.
func (s *Service) deliverJobEvent(r *jobstore.Record, e job.Event) {
	if s.opts.Queue != nil {
		if !s.shared.isNext(r.ID, e.Seq) {
			return
		}
		s.dispatcher.OnEvent(r.ID, e)
	}
	s.bus.Publish(notify.Event{Kind: notify.KindJobEvent, Time: e.Time, Host: r.Host, Job: r.ID, Requester: r.Requester, Event: &e})
}

// isNext reports whether an event was not published yet.
func (s *shared) isNext(id string, seq int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.delivered == nil {
		s.delivered = map[string]int64{}
	}
	key := strings.ToLower(id)
	if seq <= s.delivered[key] {
		return false
	}
	s.delivered[key] = seq
	return true
}

// forget drops what is kept of a job that has ended.
func (s *shared) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.delivered, strings.ToLower(id))
}
