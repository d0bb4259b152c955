// SPDX-License-Identifier: MPL-2.0

package inventorycache

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/casefold"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/internal/cause"
	"github.com/hypervvm/terraform-provider-hypervvm/hvprov/inventory"
)

// AddHost adds a host. Host names are compared without regard to letter case.
func (c *Cache) AddHost(name string) error {
	if strings.TrimSpace(name) == "" {
		return errors.New("host name is empty")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return cause.ErrClosed
	}
	key := casefold.Key(name)
	if other := c.hosts[key]; other != nil {
		return fmt.Errorf("host %q is configured already, as %q: host names are compared without regard to letter case", name, other.name)
	}
	e := &entry{name: name}
	c.hosts[key] = e
	c.scheduleRefresh(e)
	return nil
}

// RemoveHost removes a host with its snapshot and reservations, and cancels its requests, whose readers receive a
// [*inventory.HostUnknownError].
func (c *Cache) RemoveHost(name string) error {
	c.mu.Lock()
	e, err := c.find(name)
	if err != nil {
		c.mu.Unlock()
		return err
	}
	delete(c.hosts, casefold.Key(name))
	c.remove(e, c.unknown(e.name))
	e.addChange(Change{Kind: HostRemoved, Time: time.Now()})
	c.mu.Unlock()
	c.notify(e)
	return nil
}

// remove discards the state of a host that is no longer in c.hosts, and fails its requests with cause. c.mu must be held.
func (c *Cache) remove(e *entry, cause error) {
	e.removed, e.reservations = true, nil
	if e.refresh != nil {
		e.refresh.Stop()
	}
	for _, request := range append(slices.Clone(e.sent), e.unsent) {
		if request != nil {
			request.cancel(cause)
			c.resolve(e, request, cause)
		}
	}
	for _, b := range append(slices.Clone(e.batches), e.nextBatch) {
		if b != nil {
			b.cancel(cause)
			c.resolveBatch(e, b, cause)
		}
	}
}

// find returns the state of a host. c.mu must be held.
func (c *Cache) find(host string) (*entry, error) {
	if c.closed {
		return nil, cause.ErrClosed
	}
	if e := c.hosts[casefold.Key(host)]; e != nil {
		return e, nil
	}
	return nil, c.unknown(host)
}

// unknown returns the error for a host that the cache does not have. c.mu must be held.
func (c *Cache) unknown(host string) error {
	known := make([]string, 0, len(c.hosts))
	for _, e := range c.hosts {
		known = append(known, e.name)
	}
	slices.Sort(known)
	return &inventory.HostUnknownError{Host: host, Known: known}
}
