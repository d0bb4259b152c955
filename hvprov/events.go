// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"errors"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobspec"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// Subscribe returns a subscription to the events that a filter selects: events of jobs, changes of their states, and changes of hosts and
// of what they have. A subscriber that is too slow receives the number of events that it missed, and delays nothing. The caller closes
// the subscription.
func (s *Service) Subscribe(filter notify.Filter) notify.Subscription {
	return s.bus.Subscribe(filter)
}

var _ notify.Source = (*Service)(nil)

// publishJobEvent publishes an event that a job reported.
func (s *Service) publishJobEvent(spec *jobspec.Spec, e job.Event) {
	if s.opts.Queue != nil {
		s.opts.Queue.Publish(spec.Record.ID, e)
	}
	s.deliverJobEvent(&spec.Record, e)
}

// onJobTransition publishes a change of the state of a job.
func (s *Service) onJobTransition(r jobstore.Record) {
	s.bus.Publish(notify.Event{
		Kind: notify.KindJobState, Host: r.Host, Job: r.ID, Requester: r.Requester, State: string(r.State), Err: r.Error, Last: r.State.Ended(),
	})
	if s.opts.Queue == nil {
		return
	}
	s.dispatcher.Observe(r)
	if r.State.Ended() && r.State != jobstore.Unknown {
		s.shared.forget(r.ID)
	}
}

// onInventoryChange publishes that a host answers, has stopped answering or has changed, and has unknown outcomes reconciled.
func (s *Service) onInventoryChange(c inventorycache.Change) {
	switch c.Kind {
	case inventorycache.HostConnected:
		s.bus.Publish(notify.Event{Kind: notify.KindHostState, Host: c.Host, State: "connected"})
		s.dispatcher.Reconcile(c.Host)
	case inventorycache.HostDisconnected:
		if !errors.Is(c.Err, ErrClosed) {
			s.bus.Publish(notify.Event{Kind: notify.KindHostState, Host: c.Host, State: "disconnected", Err: c.Err.Error()})
		}
	case inventorycache.VMAppeared, inventorycache.VMDisappeared, inventorycache.VMStateChanged:
		if before, known := s.changed.Swap(c.Host, c.Seq); !known || before != c.Seq { // once for all changes of a snapshot
			s.bus.Publish(notify.Event{Kind: notify.KindInventory, Host: c.Host})
		}
	}
}

// onAgentState publishes a change of the state of a host's agent.
func (s *Service) onAgentState(host string, state hostagent.State, cause error) {
	e := notify.Event{Kind: notify.KindHostState, Host: host, State: "agent_" + string(state)}
	if cause != nil {
		e.Err = cause.Error()
	}
	s.bus.Publish(e)
}
