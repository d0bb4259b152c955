// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"errors"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/inventorycache"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/notify"
)

// moved tells that a job has come to another state.
func (s *Service) moved(r jobstore.Record) {
	s.bus.Publish(notify.Event{Kind: notify.KindJobState, Host: r.Host, Job: r.ID, State: string(r.State), Err: r.Error, Last: r.State.Ended()})
}

// changed tells what became different on a host.
func (s *Service) changed(c inventorycache.Change) {
	switch c.Kind {
	case inventorycache.HostConnected:
		s.bus.Publish(notify.Event{Kind: notify.KindHostState, Host: c.Host, State: "connected"})
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closed {
			s.group.Go(func() { s.settleUnknown(c.Host) })
		}
	case inventorycache.HostDisconnected:
		if !errors.Is(c.Err, ErrClosed) {
			s.bus.Publish(notify.Event{Kind: notify.KindHostState, Host: c.Host, State: "disconnected", Err: c.Err.Error()})
		}
	}
}

// agentState tells that a host's agent has come to another state.
func (s *Service) agentState(hostName string, now hostagent.State, cause error) {
	e := notify.Event{Kind: notify.KindHostState, Host: hostName, State: "agent_" + string(now)}
	if cause != nil {
		e.Err = cause.Error()
	}
	s.bus.Publish(e)
}
