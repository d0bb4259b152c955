// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Health is how well a host does.
type Health int

// How a host can do.
const (
	// Healthy hosts do what they are asked.
	Healthy Health = iota
	// Slow hosts take [Options.SlowBy] longer for each request.
	Slow
	// Refusing hosts have nobody listening: connections are refused, and those that were open have broken.
	Refusing
	// Silent hosts are black holes: connections are taken, and nothing is ever answered on them.
	Silent
	// Flapping hosts cut connections at random: before a request is carried out, after it, or in the midst of its answer.
	Flapping
)

var healthNames = map[Health]string{
	Healthy: "healthy", Slow: "slow", Refusing: "refusing", Silent: "silent", Flapping: "flapping",
}

func (h Health) String() string { return healthNames[h] }

// ParseHealth gives the health of that name, as its String method has it.
func ParseHealth(name string) (Health, error) {
	for h, n := range healthNames {
		if n == name {
			return h, nil
		}
	}
	return 0, fmt.Errorf("%q is not healthy, slow, refusing, silent or flapping", name)
}

// SetHealth changes how the host does. It fails only when a host that was [Refusing] cannot have its port back.
func (s *Server) SetHealth(h Health) error {
	if h != Refusing {
		s.health.set(h)
		return s.listener.open()
	}
	s.listener.shut()
	s.dropConnections() // before what a silent host has not looked at yet is let through
	s.health.set(h)
	s.dropConnections()
	return nil
}

// lag is what is added to each request.
func (s *Server) lag() time.Duration {
	if s.health.get() == Slow {
		return s.opts.Latency + s.opts.SlowBy
	}
	return s.opts.Latency
}

// condition is the health of a server that runs.
type condition struct {
	oneIn int

	mu      sync.Mutex
	now     Health
	changed chan struct{} // closed, and replaced, when it changes
	random  *rand.Rand
}

func newCondition(o Options) *condition {
	return &condition{
		oneIn: o.CutOneIn, now: o.Health, changed: make(chan struct{}),
		random: rand.New(rand.NewPCG(o.Seed, 0)), //nolint:gosec // nothing secret: it is to be the same for the same seed
	}
}

func (c *condition) get() Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *condition) set(h Health) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = h
	close(c.changed)
	c.changed = make(chan struct{})
}

// heed waits while the host is silent, and tells whether the connection, and the server, are still there.
func (c *condition) heed(gone, ended <-chan struct{}) bool {
	for {
		c.mu.Lock()
		silent, changed := c.now == Silent, c.changed
		c.mu.Unlock()
		if !silent {
			return true
		}
		select {
		case <-changed:
		case <-gone:
			return false
		case <-ended:
			return false
		}
	}
}

// cut gives the fault of a request of a host that flaps; of others none.
func (c *condition) cut() Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != Flapping || c.random.IntN(c.oneIn) > 0 {
		return FaultNone
	}
	return []Fault{FaultDropBefore, FaultDropAfter, FaultResetBody, FaultTruncate}[c.random.IntN(4)]
}
