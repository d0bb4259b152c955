// SPDX-License-Identifier: MPL-2.0

// Package hostset holds the hosts that a service can reach.
package hostset

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/hostagent"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/jobrun"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/taskpool"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/transport"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
)

// The default time limits of one query. A host that loads the Hyper-V module for the first time may be silent for half a minute, and
// one with hundreds of virtual machines needs minutes to read all of them.
const (
	DefaultQueryLimit     = 2 * time.Minute
	DefaultInventoryLimit = 10 * time.Minute
)

// InventoryCategory is the category of queries that read virtual machines.
const InventoryCategory = "inventory"

// QueryLimit returns the time limit of a query of one category. Configured is the limit that the service is configured with; 0: none.
func QueryLimit(configured time.Duration, category string) time.Duration {
	switch {
	case configured > 0:
		return configured
	case category == InventoryCategory:
		return DefaultInventoryLimit
	}
	return DefaultQueryLimit
}

// Host is a host that a service can reach.
type Host struct {
	Name      string // as configured
	Agent     *hostagent.Agent
	Transport transport.Transport
	Queries   *taskpool.Pool
	Limit     time.Duration // time limit of a query: see [QueryLimit]
	// Clean returns text of the host without secrets and control characters.
	Clean func(string) string
}

// Query runs a query of one category in the pool of queries, which limits how many the host is asked at once.
func (h *Host) Query(ctx context.Context, category string, ask func(context.Context) error) error {
	limit := QueryLimit(h.Limit, category)
	return h.Error(h.Queries.Do(ctx, taskpool.Task{Category: category, Host: h.Name, Limit: limit, Run: ask}))
}

// Error classifies an error of a request to the host: see [jobrun.HostError].
func (h *Host) Error(err error) error { return jobrun.HostError(h.Name, err, h.Clean) }

// Submit hands a job to the agent.
func (h *Host) Submit(ctx context.Context, req hostagent.JobRequest) (jobrun.Stream, error) {
	return stream(h.Agent.Submit(ctx, req))
}

// Attach follows a job that the agent has, from the event behind the one with the number after.
func (h *Host) Attach(ctx context.Context, jobID string, after int64) (jobrun.Stream, error) {
	return stream(h.Agent.Attach(ctx, jobID, after))
}

func stream[S jobrun.Stream](s S, err error) (jobrun.Stream, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Cancel asks the agent to stop a job and to roll it back.
func (h *Host) Cancel(ctx context.Context, jobID string) error {
	return h.Query(ctx, "cancel", func(ctx context.Context) error { return h.Agent.Cancel(ctx, jobID) })
}

// Close ends the session with the host and its connections.
func (h *Host) Close(ctx context.Context) error {
	err := h.Agent.Close(ctx)
	h.Transport.Close()
	return err
}

// Set is a set of hosts. Its methods are safe for concurrent use. The letter case of a name is not significant.
type Set struct {
	mu    sync.RWMutex
	hosts map[string]*Host // by folded name
}

// Add adds a host. Two hosts cannot have the same name.
func (s *Set) Add(h *Host) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := casefold.Key(h.Name)
	if other, taken := s.hosts[key]; taken {
		return fmt.Errorf("host %q is configured twice (also as %q): the letter case of a name is not significant", h.Name, other.Name)
	}
	if s.hosts == nil {
		s.hosts = map[string]*Host{}
	}
	s.hosts[key] = h
	return nil
}

// Remove removes a host. It does not close it.
func (s *Set) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.hosts, casefold.Key(name))
}

// Get returns a host. The error is an [*inventory.HostUnknownError] if it is not in the set.
func (s *Set) Get(name string) (*Host, error) {
	s.mu.RLock()
	h, ok := s.hosts[casefold.Key(name)]
	s.mu.RUnlock()
	if !ok {
		return nil, &inventory.HostUnknownError{Host: name, Known: s.Names()}
	}
	return h, nil
}

// All returns the hosts, sorted by name.
func (s *Set) All() []*Host {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*Host, 0, len(s.hosts))
	for _, h := range s.hosts {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b *Host) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Names returns the names of the hosts, sorted.
func (s *Set) Names() []string {
	all := s.All()
	names := make([]string, len(all))
	for i, h := range all {
		names[i] = h.Name
	}
	return names
}
