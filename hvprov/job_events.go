// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostset"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobrun"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// JobEvents returns the events of a job that have arrived so far, after the one with a sequence number: at most limit, in order and
// without gaps. Those that the service does not keep any more, and those from before a restart, are requested from the host, which
// forgets jobs some days after their end. The error is [ErrJobNotFound] if the service has no record of the job.
//
// To follow a job without a gap, subscribe first, then read the events, and skip those of the subscription that were read.
func (s *Service) JobEvents(ctx context.Context, id string, after int64, limit int) ([]job.Event, error) {
	r, err := s.dispatcher.Record(id)
	if err != nil || limit <= 0 {
		return nil, err
	}
	if s.opts.Queue != nil {
		if stored, err := s.opts.Queue.Events(ctx, r.ID, after, limit); len(stored) > 0 || err != nil {
			return stored, err
		}
	}
	if r.Seq <= after {
		return nil, nil
	}
	if kept := s.keptEvents(r.ID, after, limit); len(kept) > 0 {
		return kept, nil
	}
	h, err := s.hosts.Get(r.Host)
	if err != nil {
		return nil, err
	}
	var events []job.Event
	err = h.Query(ctx, "events", func(ctx context.Context) error {
		events, err = s.hostEvents(ctx, h, r.ID, after, min(r.Seq, after+int64(limit)))
		return err
	})
	return events, err
}

// keptEvents returns the events of a job after a sequence number that the bus keeps, or nil if it lacks the first of them.
func (s *Service) keptEvents(id string, after int64, limit int) (events []job.Event) {
	kept := s.bus.Subscribe(notify.Filter{Job: id, Kinds: []notify.Kind{notify.KindJobEvent}, Replay: true})
	kept.Close() // what it replays is returned all the same
	for {
		e, err := kept.Next(context.Background()) // does not wait: the subscription has ended
		if err != nil || len(events) == limit {
			return events
		}
		if e.Event == nil || e.Event.Seq <= after {
			continue
		}
		if e.Event.Seq != after+int64(len(events))+1 {
			return events
		}
		events = append(events, *e.Event)
	}
}

// hostEvents requests the events of a job from its host, up to a sequence number.
func (s *Service) hostEvents(ctx context.Context, h *hostset.Host, id string, after, last int64) ([]job.Event, error) {
	stream, err := h.Agent.Attach(ctx, id, after)
	var refused *hostagent.AgentError
	if errors.As(err, &refused) && refused.Code == job.CodeJobUnknown {
		return nil, fmt.Errorf("host %s does not remember the events of job %s: %w", h.Name, id, ErrJobNotFound)
	}
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	clean := jobrun.Cleaner{Redactor: s.secrets, Field: s.specs.Translation.SourceID, Recorded: s.specs.Translation.FromTarget}
	var events []job.Event
	for after < last {
		e, err := stream.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		after = e.Seq
		events = append(events, clean.Event(e))
	}
	return events, nil
}
