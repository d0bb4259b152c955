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
	delivered map[string]*delivery // by lower-case id of the job
}

// delivery is what was published of a job.
type delivery struct {
	mu   sync.Mutex // held while an event is published
	last int64      // sequence number
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
		published := s.shared.of(r.ID)
		published.mu.Lock()
		defer published.mu.Unlock()
		if e.Seq <= published.last {
			return
		}
		published.last = e.Seq
		s.dispatcher.OnEvent(r.ID, e)
	}
	s.bus.Publish(notify.Event{Kind: notify.KindJobEvent, Time: e.Time, Host: r.Host, Job: r.ID, Requester: r.Requester, Event: &e})
}

// of returns what was published of a job.
func (s *shared) of(id string) *delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.delivered == nil {
		s.delivered = map[string]*delivery{}
	}
	key := strings.ToLower(id)
	if s.delivered[key] == nil {
		s.delivered[key] = &delivery{}
	}
	return s.delivered[key]
}

// forget drops what is kept of a job that has ended.
func (s *shared) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.delivered, strings.ToLower(id))
}
