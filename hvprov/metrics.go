// SPDX-License-Identifier: MPL-2.0

package hvprov

import (
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/jobstore"
)

// Metrics is what a service does, and has done since it was made, at one moment. hvprov/prommetrics gives it to Prometheus.
type Metrics struct {
	Jobs  map[jobstore.State]int // of those that are remembered; every state is there
	Steps []StepMetrics          // how long steps and whole jobs took
	Hosts []HostMetrics          // by name
	Pools map[string]taskpool.Metrics
}

// HostMetrics is the part of one host.
type HostMetrics struct {
	Host  string
	State inventory.HostState // as the last request for what it holds found it
	Agent hostagent.State

	Queued  int // jobs that wait
	Running int
	Unknown int // jobs whose end is not known

	VMs         int           // in the last snapshot
	SnapshotAge time.Duration // 0: there is none
	Failures    int           // requests for a snapshot that failed, one after the other, up to now

	Requests hostagent.Stats // to the agent
	Traffic  transport.Stats // of the connection
}

// Metrics gives what the service does and has done. It asks no host.
func (s *Service) Metrics() Metrics {
	m := Metrics{Jobs: s.ledger.Counts(), Steps: s.steps.metrics(), Pools: s.pools.Metrics()}
	counts := map[string]map[jobstore.State]int{}
	for _, r := range s.ledger.All(jobstore.Filter{States: []jobstore.State{jobstore.Pending, jobstore.Queued, jobstore.Running, jobstore.Unknown}}) {
		if counts[r.Host] == nil {
			counts[r.Host] = map[jobstore.State]int{}
		}
		counts[r.Host][r.State]++
	}
	for _, name := range s.Hosts() {
		h, err := s.host(name)
		if err != nil {
			continue
		}
		state, _ := h.agent.State()
		n := counts[name]
		host := HostMetrics{
			Host: name, Agent: state, Queued: n[jobstore.Pending] + n[jobstore.Queued], Running: n[jobstore.Running], Unknown: n[jobstore.Unknown],
			Requests: h.agent.Stats(), Traffic: h.client.Stats(),
		}
		if view, err := s.inventory.Cached(name); err == nil {
			host.State = view.State
			if view.Failure != nil {
				host.Failures = view.Failure.Count
			}
			if view.Snapshot != nil {
				host.VMs, host.SnapshotAge = len(view.Snapshot.VMs), time.Since(view.Snapshot.TakenAt)
			}
		}
		m.Hosts = append(m.Hosts, host)
	}
	return m
}
