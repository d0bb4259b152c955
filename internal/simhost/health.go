// SPDX-License-Identifier: MPL-2.0

package simhost

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Health is the health of a host.
type Health int

// The states of health.
const (
	// Healthy hosts serve all requests.
	Healthy Health = iota
	// Slow hosts take [Options.SlowBy] longer for each request.
	Slow
	// Refusing hosts do not listen: connections are refused, and open ones are closed.
	Refusing
	// Silent hosts accept connections and never answer.
	Silent
	// Flapping hosts cut connections at random: before a request, after it, or in the middle of its answer.
	Flapping
)

var healthNames = map[Health]string{
	Healthy: "healthy", Slow: "slow", Refusing: "refusing", Silent: "silent", Flapping: "flapping",
}

func (h Health) String() string { return healthNames[h] }

// ParseHealth returns the health with a name: healthy, slow, refusing, silent or flapping.
func ParseHealth(name string) (Health, error) {
	for h, n := range healthNames {
		if n == name {
			return h, nil
		}
	}
	return 0, fmt.Errorf("unknown health %q: use healthy, slow, refusing, silent or flapping", name)
}

// SetHealth changes the health of the host. It returns an error only if a [Refusing] host cannot listen on its port again.
func (s *Server) SetHealth(h Health) error {
	if h != Refusing {
		s.health.set(h)
		return s.listener.resume()
	}
	s.listener.refuse()
	s.dropConnections() // before a silent host serves what it has not read yet
	s.health.set(h)
	s.dropConnections()
	return nil
}

// delay returns the delay to add to each request.
func (s *Server) delay() time.Duration {
	if s.health.get() == Slow {
		return s.opts.Latency + s.opts.SlowBy
	}
	return s.opts.Latency
}

// healthState is the current health of a server.
type healthState struct {
	oneIn int

	mu      sync.Mutex
	now     Health
	changed chan struct{} // closed and replaced at each change
	random  *rand.Rand
}

func newHealthState(o Options) *healthState {
	return &healthState{
		oneIn: o.CutOneIn, now: o.Health, changed: make(chan struct{}),
		random: rand.New(rand.NewPCG(o.Seed, 0)), //nolint:gosec // not a secret, and reproducible by its seed
	}
}

func (c *healthState) get() Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *healthState) set(h Health) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = h
	close(c.changed)
	c.changed = make(chan struct{})
}

// waitWhileSilent blocks while the host is silent. It reports whether the connection and the server are still open.
func (c *healthState) waitWhileSilent(gone, ended <-chan struct{}) bool {
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

// cut returns the fault to inject into a request of a flapping host.
func (c *healthState) cut() Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != Flapping || c.random.IntN(c.oneIn) > 0 {
		return FaultNone
	}
	return []Fault{FaultDropBefore, FaultDropAfter, FaultResetBody, FaultTruncate}[c.random.IntN(4)]
}
