// SPDX-License-Identifier: MPL-2.0

// Package inventory keeps what a host last reported to hold, so that many readers share one request.
package inventory

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/job"
)

// DefaultMaxAge is how old a snapshot may be that is served without asking the host again.
const DefaultMaxAge = 10 * time.Second

// fetchTimeout limits one request to a host, whoever waits for it.
const fetchTimeout = 2 * time.Minute

// Snapshot is what a host held at one moment. It is shared: do not change it.
type Snapshot struct {
	Host string // the name that the host gives itself
	Info job.Host
	VMs  []job.VM
}

// ByID finds a virtual machine by its GUID, in whatever letter case.
func (s *Snapshot) ByID(id string) (*job.VM, bool) {
	return s.find(func(vm *job.VM) bool { return strings.EqualFold(vm.ID, id) })
}

// ByName finds the virtual machines of a name. Hyper-V compares names without letter case, and allows several of one.
func (s *Snapshot) ByName(name string) []job.VM {
	var found []job.VM
	for _, vm := range s.VMs {
		if strings.EqualFold(vm.Name, name) {
			found = append(found, vm)
		}
	}
	return found
}

// ByJob finds the virtual machine that a job made.
func (s *Snapshot) ByJob(id string) (*job.VM, bool) {
	return s.find(func(vm *job.VM) bool { return strings.EqualFold(vm.JobID, id) })
}

func (s *Snapshot) find(match func(*job.VM) bool) (*job.VM, bool) {
	for i := range s.VMs {
		if match(&s.VMs[i]) {
			return &s.VMs[i], true
		}
	}
	return nil, false
}

// Cache is the last snapshot of one host. Readers that come together, or soon after another, share one request.
type Cache struct {
	// Fetch asks the host. Its context is the request's own, not that of one reader.
	Fetch func(context.Context) (*Snapshot, error)
	// MaxAge is how old a snapshot may be. 0: [DefaultMaxAge].
	MaxAge time.Duration
	// Now tells the time. nil: [time.Now].
	Now func() time.Time

	mu       sync.Mutex
	snapshot *Snapshot
	taken    time.Time // when it was asked for, which is no later than it was true
	flight   *flight
}

type flight struct {
	done     chan struct{}
	snapshot *Snapshot
	err      error
}

// Get gives a snapshot that is no older than MaxAge and than the last Invalidate.
func (c *Cache) Get(ctx context.Context) (*Snapshot, error) {
	c.mu.Lock()
	maxAge := c.MaxAge
	if maxAge == 0 {
		maxAge = DefaultMaxAge
	}
	if c.snapshot != nil && c.now().Sub(c.taken) < maxAge {
		defer c.mu.Unlock()
		return c.snapshot, nil
	}
	f := c.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		c.flight = f
		go c.fetch(context.WithoutCancel(ctx), f, c.now())
	}
	c.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-f.done:
		return f.snapshot, f.err
	}
}

// Invalidate makes the next Get ask the host, also when a request is under way: its answer may be from before.
func (c *Cache) Invalidate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.snapshot, c.flight = nil, nil
}

func (c *Cache) fetch(ctx context.Context, f *flight, asked time.Time) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	f.snapshot, f.err = c.Fetch(ctx)
	c.mu.Lock()
	if c.flight == f {
		c.flight = nil
		if f.err == nil {
			c.snapshot, c.taken = f.snapshot, asked
		}
	}
	c.mu.Unlock()
	close(f.done)
}

func (c *Cache) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}
